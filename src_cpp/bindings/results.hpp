// The named tuples that functions return; their classes are Python's (bnfast/results.py).
#pragma once

#include <pybind11/pybind11.h>

namespace bnfast {

template <class... Members>
pybind11::object named_result(const char* type, Members&&... members) {
  return pybind11::module_::import("bnfast.results").attr(type)(std::forward<Members>(members)...);
}

}  // namespace bnfast
