// Statistics of parts of the data, so kept that any number of them can be put together: what each
// part has lost in float64 is all that is lost.
#pragma once

#include <cstdint>

#include "core/double_double.hpp"
#include "core/fold.hpp"

namespace bnfast {

// Of each channel, its mean and its sum of squared differences from that mean. With a mean of one
// float64, parts whose means are 1e6 times their spread would lose 1e-10 of the variance.
struct ChannelMoments {
  double *mean, *mean_low, *m2, *m2_low;

  // Four rows of C values, one after the other.
  ChannelMoments(double* rows, ptrdiff_t channels)
      : mean(rows),
        mean_low(rows + channels),
        m2(rows + 2 * channels),
        m2_low(rows + 3 * channels) {}
};

// Values per channel, and their statistics. Those of no values are not looked at.
struct CountedMoments {
  std::int64_t* count;
  ChannelMoments moments;
};

// Puts b's values into a, which may be b itself (Chan, Golub & LeVeque 1983). Of a channel with
// values that are not finite the mean is what their sum says, and m2 is NaN.
void merge(const CountedMoments& a, const CountedMoments& b, ptrdiff_t channels);

// The statistics of all values times a factor.
void scale(const ChannelMoments& moments, double factor, ptrdiff_t channels);

// Collects the statistics of one pass; all its sums are exact kernels'.
class PartialMomentsFold final : public Fold {
 public:
  PartialMomentsFold(ptrdiff_t count, ChannelMoments out)
      : count_(static_cast<double>(count)), out_(out) {}

  unsigned take(const GroupSums& group, bool exact) override;
  double better_shift(double shift, const Sums& sums) const override;

 private:
  double count_;
  ChannelMoments out_;
};

}  // namespace bnfast
