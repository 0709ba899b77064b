// From Python objects to the core's arrays, checked before anything is computed. Errors name the
// argument, what was expected and what came.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <string>
#include <utility>

#include "bindings/dtypes.hpp"
#include "bindings/scalars.hpp"
#include "core/array.hpp"

namespace bnfast {

// A NumPy array and the core's view of it. Holds the array alive.
struct Operand {
  py::array object;
  Shape shape;
  Array array;

  explicit Operand(py::array held) : object(std::move(held)) {}
};

// An input: a NumPy array, or anything with __array_interface__, a buffer or a CPU __dlpack__.
// channel_axis may count from the end.
Operand input(const py::object& x, const char* name, const py::object& channel_axis,
              Accepted accepted = Accepted::floats);

// A second input of the first one's shape and dtype.
Operand input_like(const py::object& x, const char* name, const Operand& first,
                   const char* first_name);

// The inputs that an output may be itself; null: none.
using Overwritable = std::array<const Operand*, 3>;

// `out` checked against what the result will be, or a new array in the order of like's axes.
struct OutputRules {
  DType dtype;
  Overwritable overwritable;
};
Operand output(const py::object& out, const Operand& like, const OutputRules& rules);

// What every `out` must be: an array; then, its dtype and shape being right, one that can be
// written, each element apart from the others.
py::array output_array(const py::object& out);
void check_writeable(const py::array& array);

// Refuses an input whose channel axis has another length.
void check_features(const Operand& x, py::ssize_t features);

// Without copying the elements; throws TypeError for what is not an array.
py::array as_array(const py::object& object, const char* name);

// "(2, 3, 4)"
std::string text_of_shape(const py::array& array);

// Runs a computation over so many elements with the GIL released; or held, where it is over before
// others could make use of it.
template <class Computation>
void without_gil(ptrdiff_t elements, Computation&& computation) {
  constexpr ptrdiff_t soon = 4096;
  if (elements <= soon) return computation();
  const py::gil_scoped_release release;
  computation();
}

}  // namespace bnfast
