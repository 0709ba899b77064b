// Statistics of integers by exact sums: in any order, any split and any number of threads they have
// the same bits.
#pragma once

#include "core/array.hpp"
#include "core/memory.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// Mean and population variance of each channel of x, whose dtype is an integer's. Correctly rounded
// but for a rounding to long double before; nan of no values.
Outcome integer_moments(const Shape& shape, const Array& x, int threads, double* mean, double* var);

const IntegerKernels& integer_kernels(DType type);

}  // namespace bnfast
