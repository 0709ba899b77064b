// What the library computes, for any shape and strides. Arguments have been checked: shapes agree,
// outputs are writeable and overlap no input but the one they replace, lengths fit, coefficients
// have memory.
#pragma once

#include "core/array.hpp"
#include "core/fold.hpp"
#include "core/partial_moments.hpp"

namespace bnfast {

// Per-channel arrays of float64; each may be null. `moments` of integers wants the first two.
struct BatchStatistics {
  double* mean;
  double* var;     // population variance
  double* invstd;  // 1/sqrt(var + eps)
};

// What a call does to the affine map's result before it is stored: adds the residual, an array of
// x's dtype, then activates the sum.
struct Epilogue {
  bool present = false;
  Activation activation{};
  const Array* residual = nullptr;
};

// Whether this build has kernels for arrays of the type.
bool is_built(DType type);

// Mean and population variance, to float64's precision; from integers' exact sums. Of x all dtypes
// are read here, by infer and by map_affine; elsewhere those of floating-point numbers.
Outcome moments(const Shape& shape, const Array& x, int threads, BatchStatistics out);

// The same of floating-point numbers, to be merged with those of other arrays.
Outcome partial_moments(const Shape& shape, const Array& x, int threads, ChannelMoments out);

// y = (x - mean)*invstd*weight + bias by the batch's own statistics.
Outcome normalize_batch(const Shape& shape, const Array& x, const Array& y,
                        const Parameters& parameters, double eps, int threads, BatchStatistics out,
                        const Epilogue& epilogue = {});

// y = (x - mean)/sqrt(var + eps)*weight + bias by statistics that are given.
Outcome infer(const Shape& shape, const Array& x, const Array& y, const Running& running,
              const Parameters& parameters, int threads, const Epilogue& epilogue = {});

// y = (x - c0)*c1 + c2, the coefficients in the map's compute type. Where x and y differ in dtype,
// y is stored before the epilogue, and again after it; but for a residual that is y.
Outcome map_affine(const Shape& shape, const Array& x, const Array& y,
                   const Coefficients& coefficients, int threads, const Epilogue& epilogue = {});

// The same of floating-point numbers, and whether all of x is finite: looked at on the way, so that
// memory is read once. y is no input's memory.
Outcome map_affine_and_check(const Shape& shape, const Array& x, const Array& y,
                             const Coefficients& coefficients, int threads, bool& finite);

// The arrays of a gradient, of one dtype. With an epilogue, dy is the gradient of its result, and
// all sums are of dy times the activation's slope; so is dresidual.
struct GradientArrays {
  const Array& x;
  const Array& dy;
  const Array* dx;         // null: only the sums are taken
  const Array* dresidual;  // may be null
};

// The gradient of normalize_batch. Sums of no values are 0.
Outcome backward(const Shape& shape, const GradientArrays& arrays,
                 const ProductsFold::Statistics& statistics, int threads, const GradientSums& sums,
                 const Epilogue& epilogue = {});

// dx from sums that are known: the second half of `backward`. The coefficients are those of
// set_gradients, and with an epilogue those of set_activation_input behind them.
Outcome map_gradient(const Shape& shape, const GradientArrays& arrays,
                     const Coefficients& coefficients, int threads, const Epilogue& epilogue = {});

// The gradient with the statistics as constants: dx = weight*invstd*g and dresidual = g, where g is
// dy times the activation's slope. Either may be absent, not both.
Outcome scale_gradient(const Shape& shape, const GradientArrays& arrays,
                       const ProductsFold::Statistics& statistics, int threads,
                       const Epilogue& epilogue = {});

// The type that a map from `in` to `out` computes in.
DType compute_type(DType in, DType out);

}  // namespace bnfast
