// The named tuples that functions return; their classes are Python's (bnfast/results.py).
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

namespace bnfast {

// A class of bnfast.results, looked up at the first call: looking it up takes as long as a small
// batch. The GIL guards it; the class lives as long as the process.
class ResultClass {
 public:
  explicit ResultClass(const char* name) : name_(name) {}

  template <class... Members>
  pybind11::object operator()(Members&&... members) {
    if (!type_) {
      const auto results = pybind11::module_::import("bnfast.results");
      type_ = pybind11::object(results.attr(name_)).release();
    }
    return type_(std::forward<Members>(members)...);
  }

 private:
  const char* name_;
  pybind11::handle type_;
};

}  // namespace bnfast
