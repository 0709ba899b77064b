// Single values as they are stored, read by the core itself where a kernel would be too much.
#pragma once

#include "core/array.hpp"

namespace bnfast {

// The sum of n values of floating-point numbers that lie side by side, unaligned perhaps.
double sum_of(const char* x, DType type, ptrdiff_t n);

}  // namespace bnfast
