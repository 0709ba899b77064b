// Arguments and results of one value per channel.
#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <vector>

#include "bindings/scalars.hpp"

namespace bnfast {

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

}  // namespace bnfast
