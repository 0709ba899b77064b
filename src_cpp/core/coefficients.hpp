// Coefficients of a map, or shifts of a sum: arrays of one value per channel (or per column of the
// rows walk), in the kernels' compute type.
#pragma once

#include <algorithm>

#include "core/array.hpp"
#include "core/memory.hpp"

namespace bnfast {

class Coefficients {
 public:
  Coefficients(DType compute, int arrays, ptrdiff_t length)
      : compute_(compute),
        arrays_(arrays),
        length_(length),
        values_(arrays * length * size_of(compute)) {}

  // Nothing may be set or read then.
  bool failed() const { return values_.failed(); }

  DType compute() const { return compute_; }
  int arrays() const { return arrays_; }
  ptrdiff_t length() const { return length_; }

  // The value as the kernels will use it: rounded to the compute type.
  double rounded(double value) const {
    return compute_ == DType::float32 ? static_cast<double>(static_cast<float>(value)) : value;
  }
  void set(int array, ptrdiff_t index, double value) {
    if (compute_ == DType::float32) {
      *reinterpret_cast<float*>(slot(array, index)) = static_cast<float>(value);
    } else {
      *reinterpret_cast<double*>(slot(array, index)) = value;
    }
  }
  // An array from an index on, as values of the compute type C.
  template <class C>
  C* row(int array, ptrdiff_t index) {
    return reinterpret_cast<C*>(slot(array, index));
  }
  // A value of the same compute type.
  void copy(int array, ptrdiff_t index, const char* from) {
    std::copy(from, from + size_of(compute_), slot(array, index));
  }
  const char* at(int array, ptrdiff_t index) const {
    return values_.data() + (array * length_ + index) * size_of(compute_);
  }

 private:
  char* slot(int array, ptrdiff_t index) {
    return values_.data() + (array * length_ + index) * size_of(compute_);
  }

  DType compute_;
  int arrays_;
  ptrdiff_t length_;
  Memory<char> values_;
};

}  // namespace bnfast
