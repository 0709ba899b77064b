#include "core/fold.hpp"

#include <algorithm>
#include <cmath>

#include "core/double_double.hpp"

namespace bnfast {
namespace {

// The sums' rounding error counts in the variance as often as sum(d^2) exceeds the sum of squares
// about the mean. More than this, and the channel is read again about a better shift.
constexpr double kMostLossFast = 2;
constexpr double kMostLossExact = 4;

// Below this mean, float32 squares and products may underflow.
constexpr double kLeastMeanFast = 1e-28;

void store(const double* values, const GroupSums& group, double* to) {
  if (to) std::copy_n(values, group.channels, to + group.channel);
}

// The channels of a group that `accurate(i)` denies.
template <class Accurate>
unsigned inaccurate(const GroupSums& group, Accurate&& accurate) {
  unsigned found = 0;
  for (ptrdiff_t i = 0; i < group.channels; ++i) {
    if (!accurate(i)) found |= 1u << i;
  }
  return found;
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

void update_running(double* running, const double* batch, ptrdiff_t channels, double momentum,
                    double factor) {
  for (ptrdiff_t c = 0; c < channels; ++c) {
    running[c] = (1 - momentum) * running[c] + momentum * (batch[c] * factor);
  }
}

void merge(const PartialMoments& a, const PartialMoments& b, ptrdiff_t channels, double* mean,
           double* m2) {
  if (a.count == 0 || b.count == 0) {
    const PartialMoments& all = a.count == 0 ? b : a;
    std::copy_n(all.mean, channels, mean);
    std::copy_n(all.m2, channels, m2);
    return;
  }
  const double share = b.count / (a.count + b.count);
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const double delta = b.mean[c] - a.mean[c];
    m2[c] = a.m2[c] + b.m2[c] + delta * delta * (a.count * share);
    mean[c] = a.mean[c] + delta * share;
  }
}

bool exact_sums_suffice(const Sums& sums, double squares) {
  return !std::isfinite(sums.second) || sums.second <= kMostLossExact * squares;
}

double shift_by_mean(double shift, const Sums& sums, double count) {
  return std::isfinite(sums.first) ? shift + sums.first / count : shift;
}

unsigned MomentsFold::take(const GroupSums& group, bool exact) {
  double offset[kMaxGroup], squares[kMaxGroup], mean[kMaxGroup], var[kMaxGroup], invstd[kMaxGroup];
  for (ptrdiff_t i = 0; i < group.channels; ++i) {  // no branches: the compiler divides in vectors
    offset[i] = group.first[i] / count_;
    const double difference = group.second[i] - group.first[i] * offset[i];
    const double nothing_if_finite = group.second[i] - group.second[i];
    squares[i] = difference > 0 ? difference : 0;
    mean[i] = group.shift[i] + offset[i];
    var[i] = squares[i] / count_ + nothing_if_finite;
    invstd[i] = 1 / std::sqrt(var[i] + eps_);
  }
  store(mean, group, out_.mean);
  store(var, group, out_.var);
  store(invstd, group, out_.invstd);
  for (ptrdiff_t i = 0; i < group.channels && out_.coefficients; ++i) {
    const ptrdiff_t c = group.channel + i;
    set_normalization(*out_.coefficients, c, mean[i], parameters_.weight_of(c) * invstd[i],
                      parameters_.bias_of(c), exact_sum(group.shift[i], offset[i]).low);
  }
  if (exact) return 0;
  return inaccurate(group, [&](ptrdiff_t i) { return accurate(group.sums(i), squares[i]); });
}

bool MomentsFold::accurate(const Sums& sums, double squares) const {
  if (first_is_exact_) return exact_sums_suffice(sums, squares);
  if (!std::isfinite(sums.second)) return false;
  const bool holds = squares + count_ * eps_ >= count_ * kLeastMeanFast;
  return holds && sums.second <= kMostLossFast * squares;
}

double MomentsFold::better_shift(double shift, const Sums& sums) const {
  return shift_by_mean(shift, sums, count_);
}

void set_gradient(Coefficients& to, ptrdiff_t c, double mean, double invstd, double weight,
                  double sum_dy, double sum_dy_xmu, double count) {
  const double high = to.rounded(mean), share = 1 / count;
  const double slope = to.rounded(-invstd * invstd * sum_dy_xmu * share);
  to.set(0, c, high);
  to.set(1, c, slope);
  to.set(2, c, sum_dy * share + slope * (mean - high));
  to.set(3, c, weight * invstd);
}

bool ProductsFold::accurate(const Sums& sums) const {
  const bool nothing = sums.first == 0 && sums.second == 0;
  const bool holds = std::fabs(sums.second) >= statistics_.count * kLeastMeanFast;
  return std::isfinite(sums.second) && (nothing || holds);
}

void set_activation_input(Coefficients& to, int at, ptrdiff_t c, DType first, double mean,
                          double scale, double bias) {
  const double narrow = static_cast<double>(static_cast<float>(mean));
  const double shift = usable_shift(first == DType::float32 ? narrow : mean);
  const double slope = to.rounded(scale);
  to.set(at, c, slope);
  to.set(at + 1, c, bias - (mean - shift) * slope);
}

unsigned ProductsFold::take(const GroupSums& group, bool exact) {
  const Statistics& of = statistics_;
  double sum_dy_xmu[kMaxGroup];
  for (ptrdiff_t i = 0; i < group.channels; ++i) {
    const double mean = of.mean[group.channel + i];
    sum_dy_xmu[i] = group.second[i] - (mean - group.shift[i]) * group.first[i];
  }
  store(group.first, group, out_.sum_dy);
  store(sum_dy_xmu, group, out_.sum_dy_xmu);
  for (ptrdiff_t i = 0; i < group.channels && out_.coefficients; ++i) {
    const ptrdiff_t c = group.channel + i;
    set_gradient(*out_.coefficients, c, of.mean[c], of.invstd[c], of.weight_of(c), group.first[i],
                 sum_dy_xmu[i], of.count);
  }
  if (exact) return 0;
  return inaccurate(group, [&](ptrdiff_t i) { return accurate(group.sums(i)); });
}

}  // namespace bnfast
