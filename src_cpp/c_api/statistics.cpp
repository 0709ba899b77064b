#include <cmath>

#include "c_api/arguments.hpp"

using namespace bnfast;

bnf_status bnf_moments(const bnf_shape* shape, const bnf_input* x, double* mean, double* var,
                       int num_threads) {
  Arguments a(shape, num_threads);
  const Array values = a.input(x, Types::numbers);
  a.require_channels(mean);
  a.require_channels(var);
  if (const bnf_status status = a.status()) return status;
  if (a.empty()) a.tell_no_statistics({mean, var});
  return status_of(moments(a.shape(), values, a.threads(), {mean, var, nullptr}));
}

bnf_status bnf_merge(ptrdiff_t channels, double count_a, const double* mean_a, const double* m2_a,
                     double count_b, const double* mean_b, const double* m2_b, double* count,
                     double* mean, double* m2) {
  const bool all = mean_a && m2_a && mean_b && m2_b && mean && m2;
  const bool counts =
      std::isfinite(count_a) && std::isfinite(count_b) && count_a >= 0 && count_b >= 0;
  if (channels < 0 || !count || !counts || (channels > 0 && !all)) return BNF_INVALID_ARGUMENT;
  const PartialMoments a{count_a, mean_a, m2_a}, b{count_b, mean_b, m2_b};
  merge(a, b, channels, mean, m2);
  *count = count_a + count_b;
  return BNF_OK;
}

bnf_status bnf_update_running(ptrdiff_t channels, ptrdiff_t count, const double* mean,
                              const double* var, double momentum, ptrdiff_t correction,
                              double* running_mean, double* running_var) {
  const bool all = mean && var && running_mean && running_var;
  if (channels < 0 || (channels > 0 && !all)) return BNF_INVALID_ARGUMENT;
  if (correction < 0 || correction >= count || std::isnan(momentum)) return BNF_INVALID_ARGUMENT;
  const double n = static_cast<double>(count);
  update_running(running_mean, mean, channels, momentum, 1);
  update_running(running_var, var, channels, momentum, n / (n - static_cast<double>(correction)));
  return BNF_OK;
}
