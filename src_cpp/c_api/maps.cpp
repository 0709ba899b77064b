#include <cmath>

#include "c_api/arguments.hpp"
#include "c_api/images.hpp"

using namespace bnfast;

namespace {

bool all_finite(const double* values, ptrdiff_t n) {
  for (ptrdiff_t c = 0; c < n; ++c) {
    if (!std::isfinite(values[c])) return false;
  }
  return true;
}

bool all_positive(const double* values, ptrdiff_t n) {
  for (ptrdiff_t c = 0; c < n; ++c) {
    if (!(values[c] > 0)) return false;
  }
  return true;
}

// An affine map from x to y, whose coefficients set(coefficients) sets.
template <class Set>
bnf_status mapped(const Arguments& a, const Array& x, const Array& y, const Epilogue& epilogue,
                  const Set& set) {
  if (const bnf_status status = a.status()) return status;
  Coefficients coefficients(compute_type(x.dtype, y.dtype), 3, a.channels());
  if (coefficients.failed()) return BNF_OUT_OF_MEMORY;
  set(coefficients);
  return status_of(map_affine(a.shape(), x, y, coefficients, a.threads(), epilogue));
}

// The arrays of a map, checked: a residual has the result's dtype.
struct MapArrays {
  Array residual, x, y;
  Epilogue epilogue;

  MapArrays(Arguments& a, const bnf_input* x_, const bnf_epilogue* epilogue_, const bnf_output* y_)
      : x(a.input(x_, Types::numbers)), epilogue(a.epilogue(epilogue_, residual)) {
    y = a.output(y_, {&x, epilogue.residual});
    a.require(!epilogue.residual || residual.dtype == y.dtype);
  }
  MapArrays(const MapArrays&) = delete;  // the epilogue points into it
  MapArrays& operator=(const MapArrays&) = delete;
};

}  // namespace

bnf_status bnf_affine(const bnf_shape* shape, const bnf_input* x, const double* scale,
                      const double* shift, const bnf_epilogue* epilogue, const bnf_output* y,
                      int num_threads) {
  Arguments a(shape, num_threads);
  const MapArrays arrays(a, x, epilogue, y);
  a.require_channels(scale);
  a.require_channels(shift);
  return mapped(a, arrays.x, arrays.y, arrays.epilogue, [&](Coefficients& coefficients) {
    for (ptrdiff_t c = 0; c < a.channels(); ++c) set_affine(coefficients, c, scale[c], shift[c]);
  });
}

bnf_status bnf_normalize(const bnf_shape* shape, const bnf_input* x, const double* mean,
                         const double* std, const bnf_output* y, int num_threads) {
  Arguments a(shape, num_threads);
  const Array from = a.input(x, Types::numbers);
  const Array to = a.output(y, {&from});
  a.require_channels(mean);
  a.require_channels(std);
  if (const bnf_status status = a.status()) return status;
  a.require(all_finite(mean, a.channels()) && all_finite(std, a.channels()) &&
            all_positive(std, a.channels()));
  if (const bnf_status status = a.status()) return status;
  if (are_images(a.shape(), from, to)) {
    const Normalization normalization{a.channels(), mean, std, 1};
    return status_of(normalize_images(a.shape(), from, to, normalization, a.threads()));
  }
  return mapped(a, from, to, {}, [&](Coefficients& coefficients) {
    for (ptrdiff_t c = 0; c < a.channels(); ++c) {
      set_normalization(coefficients, c, mean[c], 1 / std[c], 0);
    }
  });
}

bnf_status bnf_inference(const bnf_shape* shape, const bnf_input* x, const double* running_mean,
                         const double* running_var, const double* weight, const double* bias,
                         double eps, const bnf_epilogue* epilogue, const bnf_output* y,
                         int num_threads) {
  Arguments a(shape, num_threads);
  const MapArrays arrays(a, x, epilogue, y);
  a.require_channels(running_mean);
  a.require_channels(running_var);
  a.require_eps(eps);
  if (const bnf_status status = a.status()) return status;
  const Running running{ChannelValues(running_mean), ChannelValues(running_var), eps};
  return status_of(infer(a.shape(), arrays.x, arrays.y, running, parameters_of(weight, bias),
                         a.threads(), arrays.epilogue));
}
