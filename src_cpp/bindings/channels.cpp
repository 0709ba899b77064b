#include "bindings/channels.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "bindings/arrays.hpp"
#include "bindings/outputs.hpp"

namespace bnfast {
namespace {

template <class T>
void write(const double* values, py::ssize_t n, char* to, py::ssize_t stride) {
  for (py::ssize_t i = 0; i < n; ++i) {
    const T stored = static_cast<T>(values[i]);
    std::memcpy(to + i * stride, &stored, sizeof stored);
  }
}

// float32 or float64 of C values, any stride.
std::vector<double> read_values(const py::array& array, DType dtype) {
  std::vector<double> values(static_cast<size_t>(array.shape(0)));
  ChannelValues(array.data(), array.strides(0), dtype).read(0, array.shape(0), values.data());
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

py::array channel_array_of(const py::object& values, const char* name) {
  if (values.is_none()) type_error(std::string(name) + " must be an array, got None");
  return as_channel_array(values, name);
}

void check_length(const py::array& array, const char* name, py::ssize_t channels) {
  if (array.ndim() == 1 && array.shape(0) == channels) return;
  value_error(std::string(name) + " must have shape (" + std::to_string(channels) + ",), got " +
              text_of_shape(array));
}

ChannelValues values_of(const py::object& held, const char* name, py::ssize_t channels) {
  const auto array = py::reinterpret_borrow<py::array>(held);
  check_length(array, name, channels);
  return {array.data(), array.strides(0), dtype_of(array, name, Accepted::parameters)};
}

py::array_t<double> new_channels(py::ssize_t channels) {
  constexpr py::ssize_t item = sizeof(double);
  return py::reinterpret_steal<py::array_t<double>>(
      new_array(numpy_dtype(DType::float64), {1, &channels, &item}, channels * item).release());
}

}  // namespace

ChannelArgument::ChannelArgument(const py::object& values, const char* name, py::ssize_t channels)
    : held_(channel_array_of(values, name)), values_(values_of(held_, name, channels)) {}

ChannelArgument::ChannelArgument(const py::object& values, const char* name, py::ssize_t channels,
                                 const double& otherwise)
    : values_(ChannelValues::constant(otherwise)) {
  if (!values.is_none()) *this = ChannelArgument(values, name, channels);
}

void ChannelArgument::keep_from(const py::array& result) {
  if (!held_ || !kept_.empty()) return;
  const auto array = py::reinterpret_borrow<py::array>(held_);
  if (!extent(array).meets(extent(result))) return;
  kept_.resize(static_cast<size_t>(array.shape(0)));
  values_.read(0, array.shape(0), kept_.data());
  values_ = ChannelValues(kept_.data());
}

std::optional<std::vector<double>> channel_values(const py::object& values, const char* name,
                                                  py::ssize_t channels) {
  if (values.is_none()) return std::nullopt;
  return required_channel_values(values, name, channels);
}

std::vector<double> required_channel_values(const py::object& values, const char* name,
                                            py::ssize_t channels) {
  const ChannelArgument argument(values, name, channels);
  std::vector<double> read(static_cast<size_t>(channels));
  argument.values().read(0, channels, read.data());
  return read;
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
  dtype_ = dtype_of(array_, name, Accepted::parameters);
  check_length(array_, name, channels);
  if (!array_.writeable()) {
    value_error(std::string(name) +
                " is updated in place and must be writeable, got a read-only "
                "array");
  }
}

void UpdatedChannels::read(py::ssize_t channel, py::ssize_t n, double* to) const {
  ChannelValues(array_.data(), array_.strides(0), dtype_).read(channel, n, to);
}

void UpdatedChannels::write(py::ssize_t channel, py::ssize_t n, const double* values) {
  const py::ssize_t stride = array_.strides(0);
  char* const to = static_cast<char*>(array_.mutable_data()) + channel * stride;
  if (dtype_ == DType::float32) {
    bnfast::write<float>(values, n, to, stride);
  } else {
    bnfast::write<double>(values, n, to, stride);
  }
}

py::array_t<double> channel_array(const std::vector<double>& values) {
  auto array = new_channels(static_cast<py::ssize_t>(values.size()));
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

py::array_t<double> channel_result(const Shape& shape) {
  auto values = new_channels(shape.channels());
  if (shape.elements() == 0) std::fill_n(values.mutable_data(), shape.channels(), 0.0);
  return values;
}

}  // namespace bnfast
