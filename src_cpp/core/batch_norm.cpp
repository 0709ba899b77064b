#include "core/batch_norm.hpp"

#include "core/integer_moments.hpp"
#include "core/staging.hpp"
#include "dispatch/dispatch.hpp"
#include "dispatch/machine.hpp"

namespace bnfast {
namespace {

// With fewer values per channel than this, the errors of float32 runs do not average out.
constexpr ptrdiff_t kFewValues = 128;

// Of floating-point numbers.
const TypeKernels& kernels_of(DType storage) {
  const KernelTable& table = active_kernels();
  if (storage == DType::float16) return table.float16;
  if (storage == DType::bfloat16) return table.bfloat16;
  return storage == DType::float32 ? table.float32 : table.float64;
}

const Maps& affine_kernels(DType storage) {
  return is_integer(storage) ? integer_kernels(storage).affine : kernels_of(storage).affine;
}

const Map& affine_kernel(DType in, DType out) {
  const Maps& kernels = affine_kernels(in);
  if (out == DType::float16) return kernels.to_float16;
  if (out == DType::bfloat16) return kernels.to_bfloat16;
  return out == DType::float32 ? kernels.to_float32 : kernels.to_float64;
}

Work work_of(const Pass& pass, bool reduces) {
  const Geometry& g = pass.geometry;
  const Operands& o = pass.operands;
  return {g.walk,
          g.outer,
          g.channels,
          g.inner,
          o.in_item[0] + o.in_item[1],
          o.out_item,
          reduces,
          g.channels == 1 || o.out.channel == g.inner * o.out_item};
}

// Inputs first; the output, if there is one, is the arrays' last.
Pass pass_over(const Staging& arrays, int inputs, bool has_output, bool reduces, int threads) {
  Pass pass{};
  pass.geometry = arrays.geometry();
  Operands& operands = pass.operands;
  for (int i = 0; i < inputs; ++i) {
    const Strides& s = pass.geometry.stride[i];
    operands.in[i] = {arrays.data(i), s.outer, s.channel};
    operands.in_item[i] = size_of(arrays.dtype(i));
  }
  operands.x_type = arrays.dtype(0);
  if (has_output) {
    const Strides& s = pass.geometry.stride[inputs];
    operands.out = {arrays.data(inputs), s.outer, s.channel};
    operands.out_item = size_of(arrays.dtype(inputs));
  }
  pass.schedule = schedule_for(work_of(pass, reduces), cache_sizes(), threads);
  return pass;
}

void run(Staging& arrays, Pass& pass, const Reduction* reduction, const Mapping* mapping) {
  pass.reduction = reduction;
  pass.mapping = mapping;
  if (pass.geometry.elements() == 0) return;
  pass.run();
  arrays.finish();
}

}  // namespace

DType compute_type(DType in, DType out) {
  const bool wide = in == DType::float64 || out == DType::float64;
  return wide ? DType::float64 : DType::float32;
}

void moments(const Shape& shape, const Array& x, int threads, BatchStatistics out) {
  if (is_integer(x.dtype)) return integer_moments(shape, x, threads, out.mean, out.var);
  Staging arrays(shape, {&x}, nullptr);
  Pass pass = pass_over(arrays, 1, false, true, threads);
  const TypeKernels& kernels = kernels_of(x.dtype);
  MomentsFold fold(shape.values_per_channel(), 0, true, {},
                   {out.mean, out.var, out.invstd, nullptr});
  const Reduction reduction{
      kernels.moments_exact, DType::float64, kernels.moments_exact, nullptr, &fold, nullptr};
  run(arrays, pass, &reduction, nullptr);
}

void normalize_batch(const Shape& shape, const Array& x, const Array& y, Parameters parameters,
                     double eps, int threads, BatchStatistics out) {
  Staging arrays(shape, {&x}, &y);
  Pass pass = pass_over(arrays, 1, true, true, threads);
  const TypeKernels& kernels = kernels_of(x.dtype);
  Coefficients coefficients(compute_type(x.dtype, x.dtype), 3, shape.channels());
  const bool few = shape.values_per_channel() < kFewValues;
  const bool exact = few || x.dtype == DType::float64;
  MomentsFold fold(shape.values_per_channel(), eps, exact, parameters,
                   {out.mean, out.var, out.invstd, &coefficients});
  const Reduction reduction{exact ? kernels.moments_exact : kernels.moments_fast,
                            exact ? DType::float64 : DType::float32,
                            kernels.moments_exact,
                            nullptr,
                            &fold,
                            few ? nullptr : kernels.moments_fast_and_affine};
  const Mapping mapping{affine_kernel(x.dtype, y.dtype), &coefficients, active_kernels().fence};
  run(arrays, pass, &reduction, &mapping);
}

void map_affine(const Shape& shape, const Array& x, const Array& y,
                const Coefficients& coefficients, int threads) {
  Staging arrays(shape, {&x}, &y);
  Pass pass = pass_over(arrays, 1, true, false, threads);
  const Mapping mapping{affine_kernel(x.dtype, y.dtype), &coefficients, active_kernels().fence};
  run(arrays, pass, nullptr, &mapping);
}

void backward(const Shape& shape, const Array& x, const Array& dy, const Array* dx,
              ProductsFold::Statistics statistics, int threads, double* sum_dy,
              double* sum_dy_xmu) {
  Staging arrays(shape, {&x, &dy}, dx);
  Pass pass = pass_over(arrays, 2, dx != nullptr, true, threads);
  const TypeKernels& kernels = kernels_of(x.dtype);
  Coefficients coefficients(compute_type(x.dtype, x.dtype), 4, dx ? shape.channels() : 0);
  ProductsFold fold(statistics, {sum_dy, sum_dy_xmu, dx ? &coefficients : nullptr});
  const Reduction reduction{kernels.products_fast,
                            compute_type(x.dtype, x.dtype),
                            kernels.products_exact,
                            statistics.mean,
                            &fold,
                            kernels.products_fast_and_gradient};
  const Mapping mapping{kernels.gradient, &coefficients, active_kernels().fence};
  run(arrays, pass, &reduction, dx ? &mapping : nullptr);
}

void map_gradient(const Shape& shape, const Array& x, const Array& dy, const Array& dx,
                  const Coefficients& coefficients, int threads) {
  Staging arrays(shape, {&x, &dy}, &dx);
  Pass pass = pass_over(arrays, 2, true, false, threads);
  const Mapping mapping{kernels_of(x.dtype).gradient, &coefficients, active_kernels().fence};
  run(arrays, pass, nullptr, &mapping);
}

}  // namespace bnfast
