// New arrays for results.
#pragma once

#include <pybind11/numpy.h>

#include <vector>

#include "bindings/scalars.hpp"

namespace bnfast {

// An array without gaps, of `bytes` in all, that nothing has been written to. A large one lies in
// the library's own memory, which its base holds.
py::array new_array(const py::dtype& dtype, std::vector<py::ssize_t> shape,
                    std::vector<py::ssize_t> strides, py::ssize_t bytes);

}  // namespace bnfast
