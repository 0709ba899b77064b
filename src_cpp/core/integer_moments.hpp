// Statistics of integers by exact sums: in any order, any split and any number of threads they have
// the same bits.
#pragma once

#include <cstdint>

#include "core/array.hpp"
#include "core/memory.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// Sums over the values of one channel. 64 bits hold the first of any array that fits in memory; the
// second needs more from 2^32 values of 16 bits up.
struct IntegerSums {
  std::int64_t values;
  unsigned __int128 squares;

  void add(const IntegerSums& other) {
    values += other.values;
    squares += other.squares;
  }
};

// The sums of each channel of x, whose dtype is an integer's.
Outcome integer_sums(const Shape& shape, const Array& x, int threads, IntegerSums* sums);

// Mean and population variance of each channel of x, whose dtype is an integer's. Correctly rounded
// but for a rounding to long double before; nan of no values.
Outcome integer_moments(const Shape& shape, const Array& x, int threads, double* mean, double* var);

const IntegerKernels& integer_kernels(DType type);

}  // namespace bnfast
