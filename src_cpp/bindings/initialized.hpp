// What Python's `__init__` alone makes.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <memory>
#include <string>

#include "bindings/scalars.hpp"

namespace bnfast {

// The base of a class of Python's, whose name there is Self::kName. pybind11 takes memory from
// `operator new` for an object that only `__new__` has made, and would go on with what lies in it.
// All others are made by `make`.
template <class Self, class... Given>
class Initialized {
 public:
  static void* operator new(std::size_t) {
    type_error(std::string(Self::kName) + ".__init__() has not been called");
  }
  static std::unique_ptr<Self> make(const Given&... given) {
    return std::unique_ptr<Self>(::new Self(given...));
  }
};

}  // namespace bnfast
