// From Python objects to the core's arrays: every check of an argument is here, made before
// anything is computed. Errors name the argument, what was expected and what came.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <optional>
#include <string>
#include <vector>

#include "bindings/scalars.hpp"
#include "core/array.hpp"

namespace bnfast {

// A NumPy array and the core's view of it. Holds the array alive.
struct Operand {
  py::array object;
  Shape shape;
  Array array;
};

// An input: a NumPy array, or anything with __array_interface__, a buffer or a CPU __dlpack__.
// channel_axis may count from the end.
Operand input(const py::object& x, const char* name, const py::object& channel_axis);

// A second input of the first one's shape and dtype.
Operand input_like(const py::object& x, const char* name, const Operand& first,
                   const char* first_name);

// `out` checked against what the result will be, or a new array in the order of like's axes.
// overwritable: the inputs that `out` may be itself.
struct OutputRules {
  DType dtype;
  std::vector<const Operand*> overwritable;
};
Operand output(const py::object& out, const Operand& like, const OutputRules& rules);

// Refuses an output that shares memory with the object (None shares none).
void check_apart(const py::array& output, const char* output_name, const py::object& other,
                 const char* other_name);

// C values as float64: an array of float32 or float64, or a sequence of numbers. None: nothing.
std::optional<std::vector<double>> channel_values(const py::object& values, const char* name,
                                                  py::ssize_t channels);
std::vector<double> required_channel_values(const py::object& values, const char* name,
                                            py::ssize_t channels);
// The same where the values themselves say how many channels there are.
std::vector<double> counting_channel_values(const py::object& values, const char* name);

inline const double* data_of(const std::optional<std::vector<double>>& values) {
  return values ? values->data() : nullptr;
}

// An array of C values that the call will update in place.
class UpdatedChannels {
 public:
  UpdatedChannels(const py::object& values, const char* name, py::ssize_t channels);
  const std::vector<double>& values() const { return values_; }
  const py::array& object() const { return array_; }
  void write(const std::vector<double>& values);

 private:
  py::array array_;
  std::vector<double> values_;
};

// A new float64 array of C values.
py::array_t<double> channel_array(const std::vector<double>& values);

// Refuses an input whose channel axis has another length.
void check_features(const Operand& x, py::ssize_t features);

// None, or a dtype that results can have.
DType result_dtype(const py::object& dtype, DType otherwise);

// "(2, 3, 4)"
std::string text_of_shape(const py::array& array);

// Runs the computation with the GIL released.
template <class Computation>
void without_gil(Computation&& computation) {
  const py::gil_scoped_release release;
  computation();
}

}  // namespace bnfast
