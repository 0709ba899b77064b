// Coefficients of a map, or shifts of a sum: arrays of one value per channel (or per column of the
// rows walk), in the kernels' compute type.
#pragma once

#include <algorithm>

#include "core/array.hpp"
#include "core/memory.hpp"

namespace bnfast {

// Each value `times` times. Once each, which is frequent, the compiler does in vectors.
template <class From, class C>
void repeat_each(const From* from, ptrdiff_t count, ptrdiff_t times, C* to) {
  if (times == 1) {
    for (ptrdiff_t i = 0; i < count; ++i) to[i] = static_cast<C>(from[i]);
  } else {
    for (ptrdiff_t i = 0; i < count; ++i) to = std::fill_n(to, times, static_cast<C>(from[i]));
  }
}

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
  // The values of [begin, begin + count) once more, `period` farther on each time, to the end.
  void recur(int array, ptrdiff_t begin, ptrdiff_t count, ptrdiff_t period) {
    for (ptrdiff_t to = begin + period; to < length_; to += period) {
      const ptrdiff_t bytes = std::min(count, length_ - to) * size_of(compute_);
      std::copy_n(at(array, begin), bytes, slot(array, to));
    }
  }
  // Those of channels [begin, end) in another, of the same compute type, `times` times each.
  void repeat(int array, const Coefficients& from, int of, ptrdiff_t begin, ptrdiff_t end,
              ptrdiff_t times) {
    if (compute_ == DType::float32) {
      repeat_values<float>(array, from, of, begin, end, times);
    } else {
      repeat_values<double>(array, from, of, begin, end, times);
    }
  }
  const char* at(int array, ptrdiff_t index) const {
    return values_.data() + (array * length_ + index) * size_of(compute_);
  }
  // Each array from an index on.
  void point_at(ptrdiff_t index, const void** to) const {
    const char* const first = at(0, index);
    const ptrdiff_t bytes = length_ * size_of(compute_);
    for (int a = 0, arrays = arrays_; a < arrays; ++a) to[a] = first + a * bytes;
  }

 private:
  char* slot(int array, ptrdiff_t index) {
    return values_.data() + (array * length_ + index) * size_of(compute_);
  }

  template <class C>
  void repeat_values(int array, const Coefficients& from, int of, ptrdiff_t begin, ptrdiff_t end,
                     ptrdiff_t times) {
    const C* const values = reinterpret_cast<const C*>(from.at(of, begin));
    repeat_each(values, end - begin, times, row<C>(array, begin * times));
  }

  DType compute_;
  int arrays_;
  ptrdiff_t length_;
  Memory<char> values_;
};

}  // namespace bnfast
