// Single values as they are stored, read by the core itself where a kernel would be too much.
#pragma once

#include "core/array.hpp"

namespace bnfast {

// The sum of floating-point numbers, unaligned perhaps: n of them, at these bytes from x.
double sum_of(const char* x, DType type, const ptrdiff_t* offsets, ptrdiff_t n);

}  // namespace bnfast
