// New arrays for results.
#pragma once

#include <pybind11/numpy.h>

#include "bindings/scalars.hpp"

namespace bnfast {

// Sizes and byte strides of an array's axes.
struct AxesOfNew {
  py::ssize_t rank;
  const py::ssize_t* size;
  const py::ssize_t* stride;
};

// An array without gaps, of `bytes` in all, that nothing has been written to. A large one lies in
// the library's own memory, which its base holds.
py::array new_array(const py::dtype& dtype, const AxesOfNew& axes, py::ssize_t bytes);

}  // namespace bnfast
