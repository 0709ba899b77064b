// Single values as they are stored, read by the core itself where a kernel would be too much.
#pragma once

#include "core/array.hpp"

namespace bnfast {

// Floating-point numbers, unaligned perhaps: n of each channel, at these bytes from its first.
struct SomeValues {
  DType type;
  ptrdiff_t channel;  // bytes from one channel's to the next
  const ptrdiff_t* offsets;
  ptrdiff_t n;
};

// Their sums, in channels whose first values begin at x.
void sum_channels(const char* x, ptrdiff_t channels, const SomeValues& of, double* sums);

}  // namespace bnfast
