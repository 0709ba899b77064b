#include "core/fold.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/double_double.hpp"

namespace bnfast {
namespace {

// The sums' rounding error counts in the variance as often as sum(d^2) exceeds the sum of squares
// about the mean. More than this, and the channel is read again about a better shift.
constexpr double kMostLossFast = 2;
constexpr double kMostLossExact = 4;

// Below this mean, float32 squares and products may underflow.
constexpr double kLeastMeanFast = 1e-28;

constexpr double kZeros[kMaxGroup] = {};

// What a map subtracts its input from: 0 as -0, for -0 - x is -x whichever zero x may be.
template <class C>
C centre_of(C value) {
  return value == 0 ? -C(0) : value;
}

// Calls set(row 0, row 1, row 2), each from the first of the channels on.
template <class Set>
void in_compute_type(Coefficients& to, const Group& group, Set&& set) {
  const ptrdiff_t c = group.channel;
  if (to.compute() == DType::float32) {
    set(to.row<float>(0, c), to.row<float>(1, c), to.row<float>(2, c));
  } else {
    set(to.row<double>(0, c), to.row<double>(1, c), to.row<double>(2, c));
  }
}

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

void set_normalizations(Coefficients& to, const Group& group, const Normalizations& maps) {
  in_compute_type(to, group, [&](auto* centre, auto* slope, auto* offset) {
    using C = std::remove_pointer_t<decltype(centre)>;
    for (ptrdiff_t i = 0; i < group.channels; ++i) {
      const C high = static_cast<C>(maps.mean[i]), a = static_cast<C>(maps.scale[i]);
      const double wide = static_cast<double>(high);
      const double rest = maps.mean[i] - wide + maps.mean_low[i];
      const double low = std::isfinite(wide) ? rest : 0;
      centre[i] = centre_of(high);
      slope[i] = a;
      offset[i] = static_cast<C>(maps.shift[i] - low * static_cast<double>(a));
    }
  });
}

void set_normalization(Coefficients& to, ptrdiff_t c, double mean, double scale, double shift) {
  const double mean_low = 0;
  set_normalizations(to, {c, 1}, {&mean, &mean_low, &scale, &shift});
}

void set_affine(Coefficients& to, ptrdiff_t c, double scale, double shift) {
  const double zero = to.rounded(-shift / scale), a = to.rounded(scale);
  const bool fits = to.rounded(shift) == shift && a == scale;
  const bool direct = fits || !std::isfinite(zero) || !std::isfinite(zero * scale);
  to.set(0, c, centre_of(direct ? 0.0 : zero));
  to.set(1, c, a);
  to.set(2, c, direct ? shift : shift + zero * scale);
}

void inference_scale_and_shift(const Running& running, const Parameters& parameters,
                               ptrdiff_t channels, double* scale, double* shift) {
  for (ptrdiff_t c = 0; c < channels; ++c) {
    scale[c] = parameters.weight[c] * (1 / std::sqrt(running.var[c] + running.eps));
    shift[c] = parameters.bias[c] - running.mean[c] * scale[c];
  }
}

void set_inference(Coefficients& to, ptrdiff_t begin, ptrdiff_t end, const Running& running,
                   const Parameters& parameters) {
  for_groups(begin, end, [&](const Group& group) {
    const GroupValues mean(running.mean, group), var(running.var, group);
    const GroupValues weight(parameters.weight, group), bias(parameters.bias, group);
    double scale[kMaxGroup];
    for (ptrdiff_t i = 0; i < group.channels; ++i) {
      scale[i] = weight[i] * (1 / std::sqrt(var[i] + running.eps));
    }
    set_normalizations(to, group, {mean.data(), kZeros, scale, bias.data()});
  });
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
  double mean[kMaxGroup], mean_low[kMaxGroup], squares[kMaxGroup], var[kMaxGroup],
      invstd[kMaxGroup];
  for (ptrdiff_t i = 0; i < group.channels; ++i) {  // no branches: the compiler divides in vectors
    const double offset = group.first[i] / count_;
    const double difference = group.second[i] - group.first[i] * offset;
    const double nothing_if_finite = group.second[i] - group.second[i];
    const DoubleDouble both = exact_sum(group.shift[i], offset);
    squares[i] = difference > 0 ? difference : 0;
    mean[i] = both.high;
    mean_low[i] = both.low;
    var[i] = squares[i] / count_ + nothing_if_finite;
    invstd[i] = 1 / std::sqrt(var[i] + eps_);
  }
  store(mean, group, out_.mean);
  store(var, group, out_.var);
  store(invstd, group, out_.invstd);
  if (out_.coefficients) {
    const GroupValues weight(parameters_.weight, group), bias(parameters_.bias, group);
    double scale[kMaxGroup];
    for (ptrdiff_t i = 0; i < group.channels; ++i) scale[i] = weight[i] * invstd[i];
    set_normalizations(*out_.coefficients, group, {mean, mean_low, scale, bias.data()});
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

void set_gradients(Coefficients& to, const Group& group, const Gradients& of) {
  const double share = 1 / of.count;
  in_compute_type(to, group, [&](auto* centre, auto* slope, auto* offset) {
    using C = std::remove_pointer_t<decltype(centre)>;
    C* const factor = to.row<C>(3, group.channel);
    for (ptrdiff_t i = 0; i < group.channels; ++i) {
      const C high = static_cast<C>(of.mean[i]);
      const C a = static_cast<C>(-of.invstd[i] * of.invstd[i] * of.sum_dy_xmu[i] * share);
      const double rest = of.mean[i] - static_cast<double>(high);
      centre[i] = centre_of(high);
      slope[i] = a;
      offset[i] = static_cast<C>(of.sum_dy[i] * share + static_cast<double>(a) * rest);
      factor[i] = static_cast<C>(of.weight[i] * of.invstd[i]);
    }
  });
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
  const GroupValues mean(statistics_.mean, group), invstd(statistics_.invstd, group);
  double dy_xmu[kMaxGroup], dweight[kMaxGroup];
  for (ptrdiff_t i = 0; i < group.channels; ++i) {
    dy_xmu[i] = group.second[i] - (mean[i] - group.shift[i]) * group.first[i];
    dweight[i] = dy_xmu[i] * invstd[i];
  }
  store(group.first, group, out_.dy);
  store(dy_xmu, group, out_.dy_xmu);
  store(dweight, group, out_.dweight);
  if (coefficients_) {
    const GroupValues weight(statistics_.parameters.weight, group);
    set_gradients(
        *coefficients_, group,
        {mean.data(), invstd.data(), weight.data(), group.first, dy_xmu, statistics_.count});
  }
  if (exact) return 0;
  return inaccurate(group, [&](ptrdiff_t i) { return accurate(group.sums(i)); });
}

}  // namespace bnfast
