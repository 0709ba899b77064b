// What the library computes, for any shape and strides. Arguments have been checked: shapes agree,
// outputs are writeable and overlap no input but the one they replace, lengths fit.
#pragma once

#include "core/array.hpp"
#include "core/fold.hpp"

namespace bnfast {

// Per-channel arrays of float64; those that may be null say so.
struct BatchStatistics {
  double* mean;
  double* var;     // population variance; may be null
  double* invstd;  // 1/sqrt(var + eps); may be null
};

// Mean and population variance, to float64's precision; from integers' exact sums. Of x all dtypes
// are read here and by map_affine; elsewhere those of floating-point numbers.
void moments(const Shape& shape, const Array& x, int threads, BatchStatistics out);

// y = (x - mean)*invstd*weight + bias by the batch's own statistics.
void normalize_batch(const Shape& shape, const Array& x, const Array& y, Parameters parameters,
                     double eps, int threads, BatchStatistics out);

// y = (x - c0)*c1 + c2, the coefficients in the map's compute type.
void map_affine(const Shape& shape, const Array& x, const Array& y,
                const Coefficients& coefficients, int threads);

// The gradient of normalize_batch. dx may be null: then only the sums are taken.
void backward(const Shape& shape, const Array& x, const Array& dy, const Array* dx,
              ProductsFold::Statistics statistics, int threads, double* sum_dy, double* sum_dy_xmu);

// dx from sums that are known: the second half of `backward`.
void map_gradient(const Shape& shape, const Array& x, const Array& dy, const Array& dx,
                  const Coefficients& coefficients, int threads);

// The type that a map from `in` to `out` computes in.
DType compute_type(DType in, DType out);

}  // namespace bnfast
