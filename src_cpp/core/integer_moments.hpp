// Statistics of integers by exact sums: in any order, any split and any number of threads they have
// the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include "core/array.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// Sums over the values of one channel. 64 bits hold the first of any array that fits in memory; the
// second needs more from 2^32 values of 16 bits up.
struct IntegerSums {
  std::int64_t values = 0;
  unsigned __int128 squares = 0;

  void add(const IntegerSums& other) {
    values += other.values;
    squares += other.squares;
  }
};

// One for each channel of x, whose dtype is an integer's.
std::vector<IntegerSums> integer_sums(const Shape& shape, const Array& x, int threads);

// Correctly rounded but for a rounding to long double before; nan of no values.
double mean_of(const IntegerSums& sums, std::ptrdiff_t count);
// sum((x - mean)^2)/(count - correction).
double var_of(const IntegerSums& sums, std::ptrdiff_t count, std::ptrdiff_t correction = 0);

// Mean and population variance of each channel.
void integer_moments(const Shape& shape, const Array& x, int threads, double* mean, double* var);

const IntegerKernels& integer_kernels(DType type);

}  // namespace bnfast
