#include "core/fold.hpp"

#include <cmath>

namespace bnfast {
namespace {

// The sums' rounding error counts in the variance as often as sum(d^2) exceeds the sum of squares
// about the mean. More than this, and the channel is read again about a better shift.
constexpr double kMostLossFast = 2;
constexpr double kMostLossExact = 4;

// Below this mean, float32 squares and products may underflow.
constexpr double kLeastMeanFast = 1e-28;

// (a + b) less its rounded value, exactly (Knuth's two-sum).
double rounding_of_sum(double a, double b) {
  const double sum = a + b, b_seen = sum - a;
  return (a - (sum - b_seen)) + (b - b_seen);
}

}  // namespace

void set_normalization(Coefficients& to, ptrdiff_t c, double mean, double scale, double shift,
                       double mean_low) {
  const double high = to.rounded(mean), a = to.rounded(scale);
  const double low = std::isfinite(high) ? mean - high + mean_low : 0;
  to.set(0, c, high);
  to.set(1, c, a);
  to.set(2, c, shift - low * a);
}

void set_affine(Coefficients& to, ptrdiff_t c, double scale, double shift) {
  const double zero = to.rounded(-shift / scale), a = to.rounded(scale);
  const bool fits = to.rounded(shift) == shift && a == scale;
  const bool direct = fits || !std::isfinite(zero) || !std::isfinite(zero * scale);
  to.set(0, c, direct ? 0 : zero);
  to.set(1, c, a);
  to.set(2, c, direct ? shift : shift + zero * scale);
}

void inference_scale_and_shift(const Running& running, Parameters parameters, ptrdiff_t channels,
                               double* scale, double* shift) {
  for (ptrdiff_t c = 0; c < channels; ++c) {
    scale[c] = parameters.weight_of(c) * (1 / std::sqrt(running.var[c] + running.eps));
    shift[c] = parameters.bias_of(c) - running.mean[c] * scale[c];
  }
}

void set_inference(Coefficients& to, const Running& running, Parameters parameters) {
  for (ptrdiff_t c = 0; c < to.length(); ++c) {
    const double invstd = 1 / std::sqrt(running.var[c] + running.eps);
    set_normalization(to, c, running.mean[c], parameters.weight_of(c) * invstd,
                      parameters.bias_of(c));
  }
}

bool MomentsFold::take(ptrdiff_t c, double shift, const Sums& sums, bool exact) {
  const double offset = sums.first / count_, difference = sums.second - sums.first * offset;
  const double squares = difference > 0 ? difference : 0;
  if (!exact && !accurate(sums, squares)) return false;
  const double mean = shift + offset;
  const bool finite = std::isfinite(sums.second);
  const double var = finite ? squares / count_ : std::nan("");
  const double invstd = 1 / std::sqrt(var + eps_);
  if (out_.mean) out_.mean[c] = mean;
  if (out_.var) out_.var[c] = var;
  if (out_.invstd) out_.invstd[c] = invstd;
  if (out_.coefficients) {
    set_normalization(*out_.coefficients, c, mean, parameters_.weight_of(c) * invstd,
                      parameters_.bias_of(c), rounding_of_sum(shift, offset));
  }
  return true;
}

bool MomentsFold::accurate(const Sums& sums, double squares) const {
  if (!std::isfinite(sums.second)) return first_is_exact_;
  if (first_is_exact_) return sums.second <= kMostLossExact * squares;
  const bool holds = squares + count_ * eps_ >= count_ * kLeastMeanFast;
  return holds && sums.second <= kMostLossFast * squares;
}

double MomentsFold::better_shift(double shift, const Sums& sums) const {
  return std::isfinite(sums.first) ? shift + sums.first / count_ : shift;
}

void set_gradient(Coefficients& to, ptrdiff_t c, double mean, double invstd, double weight,
                  double sum_dy, double sum_dy_xmu, double count) {
  const double high = to.rounded(mean);
  const double slope = to.rounded(-invstd * invstd * sum_dy_xmu / count);
  to.set(0, c, high);
  to.set(1, c, slope);
  to.set(2, c, sum_dy / count + slope * (mean - high));
  to.set(3, c, weight * invstd);
}

bool ProductsFold::accurate(const Sums& sums) const {
  const bool nothing = sums.first == 0 && sums.second == 0;
  const bool holds = std::fabs(sums.second) >= statistics_.count * kLeastMeanFast;
  return std::isfinite(sums.second) && (nothing || holds);
}

bool ProductsFold::take(ptrdiff_t c, double shift, const Sums& sums, bool exact) {
  if (!exact && !accurate(sums)) return false;
  const double mean = statistics_.mean[c];
  const double sum_dy_xmu = sums.second - (mean - shift) * sums.first;
  if (out_.sum_dy) out_.sum_dy[c] = sums.first;
  if (out_.sum_dy_xmu) out_.sum_dy_xmu[c] = sum_dy_xmu;
  if (out_.coefficients) {
    set_gradient(*out_.coefficients, c, mean, statistics_.invstd[c],
                 statistics_.weight ? statistics_.weight[c] : 1, sums.first, sum_dy_xmu,
                 statistics_.count);
  }
  return true;
}

}  // namespace bnfast
