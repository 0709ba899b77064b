// NumPy's dtypes and the core's. ml_dtypes' bfloat16 is known by its name: that package is never
// imported here.
#pragma once

#include <pybind11/numpy.h>

#include <optional>

#include "bindings/scalars.hpp"
#include "core/array.hpp"

namespace bnfast {

// What an argument may hold, always in native byte order.
enum class Accepted {
  parameters,  // float32 and float64
  floats,      // those, float16 and bfloat16
  numbers,     // those, and integers of 8 and 16 bits
};

const char* dtype_name(DType dtype);

// The array's, if it is one of the core's and in native byte order.
std::optional<DType> known_dtype(const py::array& array);

// The array's, or a TypeError that names the argument.
DType dtype_of(const py::array& array, const char* name, Accepted accepted);

// What the argument `dtype` asks for; None: the input's dtype, or float32 where that is an integer.
DType result_dtype(const py::object& dtype, DType input);

// NumPy's object. bfloat16 must have been met before, in an array or a dtype.
py::dtype numpy_dtype(DType dtype);

}  // namespace bnfast
