#include "bindings/channels.hpp"

#include <cstring>
#include <string>

#include "bindings/arrays.hpp"

namespace bnfast {
namespace {

template <class T>
void read(const char* from, py::ssize_t stride, std::vector<double>& values) {
  for (double& value : values) {
    T stored;
    std::memcpy(&stored, from, sizeof stored);
    value = static_cast<double>(stored);
    from += stride;
  }
}

template <class T>
void write(const std::vector<double>& values, char* to, py::ssize_t stride) {
  for (const double value : values) {
    const T stored = static_cast<T>(value);
    std::memcpy(to, &stored, sizeof stored);
    to += stride;
  }
}

// float32 or float64 of C values, any stride.
std::vector<double> read_values(const py::array& array, DType dtype) {
  std::vector<double> values(static_cast<size_t>(array.shape(0)));
  const char* from = static_cast<const char*>(array.data());
  if (dtype == DType::float32) {
    read<float>(from, array.strides(0), values);
  } else {
    read<double>(from, array.strides(0), values);
  }
  return values;
}

// A list or tuple of numbers, as float64.
py::array from_sequence(const py::object& values, const char* name) {
  const auto numpy = py::module_::import("numpy");
  try {
    const py::array array = numpy.attr("asarray")(values);
    if (array.dtype().kind() == 'f' || array.dtype().kind() == 'i' || array.size() == 0) {
      return array.attr("astype")("float64");
    }
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError)) throw;
  }
  type_error(std::string(name) + " must be an array or a sequence of numbers, got " +
             text_of(py::repr(values)));
}

py::array as_channel_array(const py::object& values, const char* name) {
  const bool sequence = py::isinstance<py::list>(values) || py::isinstance<py::tuple>(values);
  return sequence ? from_sequence(values, name) : as_array(values, name);
}

void check_length(const py::array& array, const char* name, py::ssize_t channels) {
  if (array.ndim() == 1 && array.shape(0) == channels) return;
  value_error(std::string(name) + " must have shape (" + std::to_string(channels) + ",), got " +
              text_of_shape(array));
}

}  // namespace

std::optional<std::vector<double>> channel_values(const py::object& values, const char* name,
                                                  py::ssize_t channels) {
  if (values.is_none()) return std::nullopt;
  const py::array array = as_channel_array(values, name);
  check_length(array, name, channels);
  return read_values(array, dtype_of(array, name, Accepted::parameters));
}

std::vector<double> required_channel_values(const py::object& values, const char* name,
                                            py::ssize_t channels) {
  if (values.is_none()) type_error(std::string(name) + " must be an array, got None");
  return *channel_values(values, name, channels);
}

std::vector<double> counting_channel_values(const py::object& values, const char* name) {
  const py::array array = as_channel_array(values, name);
  const DType dtype = dtype_of(array, name, Accepted::parameters);
  if (array.ndim() != 1) {
    value_error(std::string(name) + " must have shape (C,), got " + text_of_shape(array));
  }
  return read_values(array, dtype);
}

UpdatedChannels::UpdatedChannels(const py::object& values, const char* name, py::ssize_t channels) {
  if (!py::isinstance<py::array>(values)) {
    type_error(std::string(name) + " is updated in place and must be a numpy.ndarray, got " +
               type_name(values));
  }
  array_ = py::reinterpret_borrow<py::array>(values);
  const DType dtype = dtype_of(array_, name, Accepted::parameters);
  check_length(array_, name, channels);
  if (!array_.writeable()) {
    value_error(std::string(name) +
                " is updated in place and must be writeable, got a read-only "
                "array");
  }
  values_ = read_values(array_, dtype);
}

void UpdatedChannels::write(const std::vector<double>& values) {
  char* to = static_cast<char*>(array_.mutable_data());
  if (known_dtype(array_) == DType::float32) {
    bnfast::write<float>(values, to, array_.strides(0));
  } else {
    bnfast::write<double>(values, to, array_.strides(0));
  }
}

py::array_t<double> channel_array(const std::vector<double>& values) {
  return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace bnfast
