// One value per channel, read where the caller's array has them.
#pragma once

#include <cstring>

#include "core/array.hpp"

namespace bnfast {

// float32 or float64 at any distance, unaligned perhaps; or one value for all channels. Read as
// float64.
class ChannelValues {
 public:
  ChannelValues(const void* data, ptrdiff_t stride, DType type)
      : data_(static_cast<const char*>(data)), stride_(stride), type_(type) {}
  explicit ChannelValues(const double* values)
      : ChannelValues(values, sizeof *values, DType::float64) {}
  // The same value for all; it must last.
  static ChannelValues constant(const double& value) { return {&value, 0, DType::float64}; }

  double operator[](ptrdiff_t channel) const {
    double value;
    read(channel, 1, &value);
    return value;
  }
  void read(ptrdiff_t channel, ptrdiff_t n, double* to) const {
    if (type_ == DType::float32) {
      read_as<float>(channel, n, to);
    } else {
      read_as<double>(channel, n, to);
    }
  }

 private:
  template <class T>
  void read_as(ptrdiff_t channel, ptrdiff_t n, double* to) const {
    const char* const from = data_ + channel * stride_;
    if (stride_ == static_cast<ptrdiff_t>(sizeof(T))) {
      copy<T>(from, sizeof(T), n, to);  // a constant distance: the compiler loads vectors
    } else {
      copy<T>(from, stride_, n, to);
    }
  }
  template <class T>
  static void copy(const char* from, ptrdiff_t stride, ptrdiff_t n, double* to) {
    for (ptrdiff_t i = 0; i < n; ++i) {
      T value;
      std::memcpy(&value, from + i * stride, sizeof value);
      to[i] = static_cast<double>(value);
    }
  }

  const char* data_;
  ptrdiff_t stride_;
  DType type_;
};

}  // namespace bnfast
