// Arguments and results of one value per channel.
#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <vector>

#include "bindings/overlap.hpp"
#include "core/channel_values.hpp"

namespace bnfast {

// C values that a call reads where they lie: an array of float32 or float64, or a sequence of
// numbers.
class ChannelArgument {
 public:
  ChannelArgument(const py::object& values, const char* name, py::ssize_t channels);
  // None: `otherwise` for all channels; it must last.
  ChannelArgument(const py::object& values, const char* name, py::ssize_t channels,
                  const double& otherwise);
  ChannelArgument(ChannelArgument&&) = default;
  ChannelArgument& operator=(ChannelArgument&&) = default;

  // From now on the values are a copy, if a result that lies there would overwrite them.
  void keep_from(const py::array& result);

  const ChannelValues& values() const { return values_; }

 private:
  py::object held_;
  ChannelValues values_;
  std::vector<double> kept_;
};

// C values as float64: an array of float32 or float64, or a sequence of numbers. None: nothing.
std::optional<std::vector<double>> channel_values(const py::object& values, const char* name,
                                                  py::ssize_t channels);
std::vector<double> required_channel_values(const py::object& values, const char* name,
                                            py::ssize_t channels);
// The same where the values themselves say how many channels there are.
std::vector<double> counting_channel_values(const py::object& values, const char* name);

// An array of C values that the call will update in place.
class UpdatedChannels {
 public:
  UpdatedChannels(const py::object& values, const char* name, py::ssize_t channels);
  const py::array& object() const { return array_; }
  py::ssize_t channels() const { return array_.shape(0); }
  // Of n channels from one on.
  void read(py::ssize_t channel, py::ssize_t n, double* to) const;
  void write(py::ssize_t channel, py::ssize_t n, const double* values);

 private:
  py::array array_;
  DType dtype_;
};

// A new float64 array of C values.
py::array_t<double> channel_array(const std::vector<double>& values);

// The same for a call to write; 0 where the call will not, for there are no values per channel.
py::array_t<double> channel_result(const Shape& shape);

}  // namespace bnfast
