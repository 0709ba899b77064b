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
  if (storage == DType::float16) return *table.float16;
  if (storage == DType::bfloat16) return *table.bfloat16;
  return storage == DType::float32 ? *table.float32 : *table.float64;
}

const ActivatedKernels& activated_kernels(const TypeKernels& kernels, const Epilogue& epilogue) {
  const bool ramp = epilogue.activation.kind == Activation::Kind::ramp;
  return ramp ? kernels.ramp : kernels.curve;
}

const Maps& affine_kernels(DType storage) {
  return is_integer(storage) ? integer_kernels(storage).affine : kernels_of(storage).affine;
}

const Map& affine_kernel(DType in, DType out, const Epilogue& epilogue) {
  if (epilogue.present) return activated_kernels(kernels_of(in), epilogue).affine;
  const Maps& kernels = affine_kernels(in);
  if (out == DType::float16) return kernels.to_float16;
  if (out == DType::bfloat16) return kernels.to_bfloat16;
  return out == DType::float32 ? kernels.to_float32 : kernels.to_float64;
}

const Map& gradient_kernel(const TypeKernels& kernels, const Epilogue& epilogue) {
  return epilogue.present ? activated_kernels(kernels, epilogue).gradient : kernels.gradient;
}

// Whether the only output takes an input's memory; what overlaps in another way has been copied.
bool in_place(const Operands& o) {
  const char* const y = o.out[0].data;
  const bool takes_input = o.in[0].data == y || o.in[1].data == y || o.in[2].data == y;
  return y && takes_input && o.out_item[1] == 0;
}

Work work_of(const Pass& pass, bool reduces) {
  const Geometry& g = pass.geometry;
  const Operands& o = pass.operands;
  return {g.walk,
          g.outer,
          g.channels,
          g.inner,
          o.in_item[0] + o.in_item[1] + o.in_item[2],
          o.out_item[0] + o.out_item[1],
          reduces,
          g.channels == 1 || o.out[0].channel == g.inner * o.out_item[0],
          in_place(o)};
}

// The arrays of a call. Inputs first.
class Call {
 public:
  Call(const Shape& shape, std::initializer_list<const Array*> inputs,
       std::initializer_list<const Array*> outputs, const Epilogue& epilogue)
      : arrays_(shape, inputs, outputs), epilogue_(epilogue) {
    pass_.operands.x_type = arrays_.dtype(0);
    size_t next = 0, array = 0;
    for (const Array* input : inputs) {
      if (input) take(array++, pass_.operands.in[next], pass_.operands.in_item[next]);
      ++next;
    }
    next = 0;
    for (const Array* output : outputs) {
      if (output) take(array++, pass_.operands.out[next], pass_.operands.out_item[next]);
      ++next;
    }
    pass_.activation = epilogue.activation;
    pass_.activation.residual = epilogue.residual != nullptr;
    pass_.activation.residual_gradient = pass_.operands.out[1].data != nullptr;
  }

  Outcome run(const Reduction* reduction, const Mapping* mapping, int threads,
              FiniteCheck* check = nullptr) {
    if (arrays_.failed()) return Outcome::out_of_memory;
    if (pass_.geometry.elements() == 0) return Outcome::done;
    pass_.reduction = reduction;
    pass_.mapping = mapping;
    pass_.check = check;
    pass_.schedule = schedule_for(work_of(pass_, reduction != nullptr), cache_sizes(), threads);
    stand_in_for_residual();
    const Outcome outcome = pass_.run();
    if (outcome == Outcome::done) arrays_.finish();
    return outcome;
  }

 private:
  template <class Operand>
  void take(size_t array, Operand& to, ptrdiff_t& item) {
    const Strides& s = pass_.geometry.stride[array];
    to = {arrays_.data(static_cast<int>(array)), s.outer, s.channel};
    item = size_of(arrays_.dtype(static_cast<int>(array)));
  }

  // An activated kernel reads its last input in any case: x, where there is no residual.
  void stand_in_for_residual() {
    if (!epilogue_.present || epilogue_.residual) return;
    Operands& o = pass_.operands;
    const size_t last = o.in[1].data ? 2 : 1;
    o.in[last] = o.in[0];
    o.in_item[last] = o.in_item[0];
  }

  Staging arrays_;
  Epilogue epilogue_;
  Pass pass_{arrays_.geometry()};
};

// Folds sums of floating-point numbers that are all taken in float64.
Outcome reduce_exactly(const Shape& shape, const Array& x, int threads, Fold& fold) {
  Call call(shape, {&x}, {}, {});
  const TypeKernels& kernels = kernels_of(x.dtype);
  const Reduction reduction{kernels.moments_exact,
                            DType::float64,
                            kernels.moments_exact,
                            nullptr,
                            &fold,
                            nullptr,
                            nullptr,
                            nullptr};
  return call.run(&reduction, nullptr, threads);
}

// What a map multiplies by and adds, and what sets it; null: it is set.
struct PreparedMap {
  const Coefficients& coefficients;
  Preparation* preparation = nullptr;
};

Outcome map_then_finish(const Shape& shape, const Array& x, const Array& y, const PreparedMap& by,
                        int threads, const Epilogue& epilogue);

Outcome map(const Shape& shape, const Array& x, const Array& y, const PreparedMap& by, int threads,
            const Epilogue& epilogue) {
  if (epilogue.present && x.dtype != y.dtype) {
    return map_then_finish(shape, x, y, by, threads, epilogue);
  }
  Call call(shape, {&x, epilogue.residual}, {&y}, epilogue);
  const Mapping mapping{affine_kernel(x.dtype, y.dtype, epilogue), &by.coefficients,
                        active_kernels().fence, by.preparation};
  return call.run(nullptr, &mapping, threads);
}

// A result between two maps of a call that ends in y: in y, or, where y is the residual, which the
// second one reads, in memory of its own.
class Between {
 public:
  Between(const Shape& shape, const Array& y, const Array* residual)
      : apart_(residual && residual->data == y.data),
        memory_(apart_ ? shape.elements() * size_of(y.dtype) : 0),
        array_(apart_ ? dense(shape, axes_by_stride(shape, y), y.dtype) : y) {
    if (apart_) array_.data = memory_.data();
  }
  bool failed() const { return memory_.failed(); }
  const Array& array() const { return array_; }

 private:
  bool apart_;
  Memory<char> memory_;
  Array array_;
};

// The result is stored, then mapped by y*1 + 0 with the epilogue.
Outcome map_then_finish(const Shape& shape, const Array& x, const Array& y, const PreparedMap& by,
                        int threads, const Epilogue& epilogue) {
  Coefficients identity(compute_type(y.dtype, y.dtype), 3, shape.channels());
  const Between between(shape, y, epilogue.residual);
  if (identity.failed() || between.failed()) return Outcome::out_of_memory;
  for (ptrdiff_t c = 0; c < shape.channels(); ++c) set_affine(identity, c, 1, 0);
  const Outcome mapped = map(shape, x, between.array(), by, threads, {});
  if (mapped != Outcome::done) return mapped;
  return map(shape, between.array(), y, {identity}, threads, epilogue);
}

class InferencePreparation final : public Preparation {
 public:
  InferencePreparation(Coefficients& to, const Running& running, const Parameters& parameters)
      : to_(to), running_(running), parameters_(parameters) {}
  void set(ptrdiff_t begin, ptrdiff_t end) override {
    set_inference(to_, begin, end, running_, parameters_);
  }

 private:
  Coefficients& to_;
  Running running_;
  Parameters parameters_;
};

void fill_with_zeros(const GradientSums& sums, ptrdiff_t channels) {
  for (double* const sum : {sums.dy, sums.dy_xmu, sums.dweight}) {
    if (sum) std::fill_n(sum, channels, 0.0);
  }
}

}  // namespace

DType compute_type(DType in, DType out) {
  const bool wide = in == DType::float64 || out == DType::float64;
  return wide ? DType::float64 : DType::float32;
}

bool is_built(DType type) {
  const Reduce& sums =
      is_integer(type) ? integer_kernels(type).sums : kernels_of(type).moments_exact;
  return sums.planes != nullptr;
}

Outcome moments(const Shape& shape, const Array& x, int threads, BatchStatistics out) {
  if (is_integer(x.dtype)) return integer_moments(shape, x, threads, out.mean, out.var);
  MomentsFold fold(shape.values_per_channel(), 0, true, {},
                   {out.mean, out.var, out.invstd, nullptr});
  return reduce_exactly(shape, x, threads, fold);
}

Outcome partial_moments(const Shape& shape, const Array& x, int threads, ChannelMoments out) {
  PartialMomentsFold fold(shape.values_per_channel(), out);
  return reduce_exactly(shape, x, threads, fold);
}

Outcome normalize_batch(const Shape& shape, const Array& x, const Array& y,
                        const Parameters& parameters, double eps, int threads, BatchStatistics out,
                        const Epilogue& epilogue) {
  Call call(shape, {&x, epilogue.residual}, {&y}, epilogue);
  const TypeKernels& kernels = kernels_of(x.dtype);
  Coefficients coefficients(compute_type(x.dtype, x.dtype), 3, shape.channels());
  if (coefficients.failed()) return Outcome::out_of_memory;
  const bool few = shape.values_per_channel() < kFewValues;
  const bool exact = few || x.dtype == DType::float64;
  MomentsFold fold(shape.values_per_channel(), eps, exact, parameters,
                   {out.mean, out.var, out.invstd, &coefficients});
  const ReduceMapKernel fused = !epilogue.present ? kernels.moments_fast_and_affine
                                : epilogue.residual
                                    ? nullptr
                                    : activated_kernels(kernels, epilogue).moments_fast_and_affine;
  const Reduction reduction{exact ? kernels.moments_exact : kernels.moments_fast,
                            exact ? DType::float64 : DType::float32,
                            kernels.moments_exact,
                            nullptr,
                            &fold,
                            few ? nullptr : fused,
                            nullptr,
                            nullptr};
  const Mapping mapping{affine_kernel(x.dtype, y.dtype, epilogue), &coefficients,
                        active_kernels().fence};
  return call.run(&reduction, &mapping, threads);
}

Outcome map_affine(const Shape& shape, const Array& x, const Array& y,
                   const Coefficients& coefficients, int threads, const Epilogue& epilogue) {
  return map(shape, x, y, {coefficients}, threads, epilogue);
}

Outcome infer(const Shape& shape, const Array& x, const Array& y, const Running& running,
              const Parameters& parameters, int threads, const Epilogue& epilogue) {
  Coefficients coefficients(compute_type(x.dtype, y.dtype), 3, shape.channels());
  if (coefficients.failed()) return Outcome::out_of_memory;
  InferencePreparation preparation(coefficients, running, parameters);
  return map(shape, x, y, {coefficients, &preparation}, threads, epilogue);
}

Outcome map_affine_and_check(const Shape& shape, const Array& x, const Array& y,
                             const Coefficients& coefficients, int threads, bool& finite) {
  Call call(shape, {&x}, {&y}, {});
  const Mapping mapping{affine_kernel(x.dtype, y.dtype, {}), &coefficients, active_kernels().fence};
  FiniteCheck check{kernels_of(x.dtype).finite};
  const Outcome outcome = call.run(nullptr, &mapping, threads, &check);
  finite = check.passed;
  return outcome;
}

Outcome backward(const Shape& shape, const GradientArrays& arrays,
                 const ProductsFold::Statistics& statistics, int threads, const GradientSums& sums,
                 const Epilogue& epilogue) {
  const Array& x = arrays.x;
  Call call(shape, {&x, &arrays.dy, epilogue.residual}, {arrays.dx, arrays.dresidual}, epilogue);
  const TypeKernels& kernels = kernels_of(x.dtype);
  const ActivatedKernels& activated = activated_kernels(kernels, epilogue);
  const DType compute = compute_type(x.dtype, x.dtype);
  const ptrdiff_t channels = shape.channels(), activation_inputs = epilogue.present ? channels : 0;
  Coefficients coefficients(compute, epilogue.present ? 6 : 4, arrays.dx ? channels : 0);
  Coefficients first(compute, 2, activation_inputs), exact(DType::float64, 2, activation_inputs);
  if (coefficients.failed() || first.failed() || exact.failed()) return Outcome::out_of_memory;
  for (ptrdiff_t c = 0; c < activation_inputs; ++c) {
    const double scale = statistics.invstd[c] * statistics.parameters.weight[c];
    const auto set = [&](Coefficients& to, int at) {
      set_activation_input(to, at, c, compute, statistics.mean[c], scale,
                           statistics.parameters.bias[c]);
    };
    set(first, 0);
    set(exact, 0);
    if (arrays.dx) set(coefficients, 4);
  }
  if (shape.elements() == 0) fill_with_zeros(sums, channels);
  ProductsFold fold(statistics, sums, arrays.dx ? &coefficients : nullptr);
  const bool fuses = !epilogue.residual;
  const Reduction reduction{epilogue.present ? activated.products_fast : kernels.products_fast,
                            compute,
                            epilogue.present ? activated.products_exact : kernels.products_exact,
                            &statistics.mean,
                            &fold,
                            !epilogue.present ? kernels.products_fast_and_gradient
                            : fuses           ? activated.products_fast_and_gradient
                                              : nullptr,
                            epilogue.present ? &first : nullptr,
                            epilogue.present ? &exact : nullptr};
  const Mapping mapping{gradient_kernel(kernels, epilogue), &coefficients, active_kernels().fence};
  return call.run(&reduction, arrays.dx ? &mapping : nullptr, threads);
}

Outcome map_gradient(const Shape& shape, const GradientArrays& arrays,
                     const Coefficients& coefficients, int threads, const Epilogue& epilogue) {
  Call call(shape, {&arrays.x, &arrays.dy, epilogue.residual}, {arrays.dx, arrays.dresidual},
            epilogue);
  const Mapping mapping{gradient_kernel(kernels_of(arrays.x.dtype), epilogue), &coefficients,
                        active_kernels().fence};
  return call.run(nullptr, &mapping, threads);
}

Outcome scale_gradient(const Shape& shape, const GradientArrays& arrays,
                       const ProductsFold::Statistics& statistics, int threads,
                       const Epilogue& epilogue) {
  const DType compute = compute_type(arrays.x.dtype, arrays.x.dtype);
  Coefficients coefficients(compute, epilogue.present ? 6 : 3, shape.channels());
  if (coefficients.failed()) return Outcome::out_of_memory;
  for (ptrdiff_t c = 0; c < shape.channels(); ++c) {
    const double mean = statistics.mean[c];
    const double scale = statistics.parameters.weight[c] * statistics.invstd[c];
    if (!epilogue.present) {
      set_affine(coefficients, c, scale, 0);
      continue;
    }
    const double centre = usable_shift(coefficients.rounded(mean)), factor = arrays.dx ? scale : 1;
    const double weight = 1, no_sum = 0;
    set_gradients(coefficients, {c, 1}, {&centre, &factor, &weight, &no_sum, &no_sum, 1});
    set_activation_input(coefficients, 4, c, compute, mean, scale, statistics.parameters.bias[c]);
  }
  if (!epilogue.present) {
    return map_affine(shape, arrays.dy, *arrays.dx, coefficients, threads);
  }
  const Array* first = arrays.dx ? arrays.dx : arrays.dresidual;
  const Array* second = arrays.dx ? arrays.dresidual : nullptr;
  Epilogue of_constants = epilogue;
  of_constants.activation.constant_statistics = true;
  return map_gradient(shape, {arrays.x, arrays.dy, first, second}, coefficients, threads,
                      of_constants);
}

}  // namespace bnfast
