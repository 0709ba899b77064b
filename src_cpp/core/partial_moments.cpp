#include "core/partial_moments.hpp"

#include <algorithm>

namespace bnfast {
namespace {

struct Part {
  double count;
  DoubleDouble mean, m2;
};

Part part_of(const CountedMoments& all, ptrdiff_t c) {
  const ChannelMoments& m = all.moments;
  return {static_cast<double>(all.count[c]), {m.mean[c], m.mean_low[c]}, {m.m2[c], m.m2_low[c]}};
}

void store(const ChannelMoments& to, ptrdiff_t c, DoubleDouble mean, DoubleDouble m2) {
  to.mean[c] = mean.high;
  to.mean_low[c] = mean.low;
  to.m2[c] = m2.high;
  to.m2_low[c] = m2.low;
}

// Of values whose spread float64 cannot hold.
void store_without_spread(const ChannelMoments& to, ptrdiff_t c, const Part& a, const Part& b) {
  const double share = b.count / (a.count + b.count);
  const double mean = a.mean.high * (1 - share) + b.mean.high * share;
  store(to, c, {mean, 0}, {NAN, 0});
}

void store_merged(const ChannelMoments& to, ptrdiff_t c, const Part& a, const Part& b) {
  const DoubleDouble share = quotient(b.count, a.count + b.count);
  const DoubleDouble delta = b.mean - a.mean, step = delta * share;
  const DoubleDouble between = delta * step * DoubleDouble{a.count, 0};
  const DoubleDouble mean = a.mean + step, m2 = a.m2 + b.m2 + between;
  if (std::isfinite(m2.high) && std::isfinite(mean.high)) return store(to, c, mean, m2);
  store_without_spread(to, c, a, b);
}

}  // namespace

void merge(const CountedMoments& a, const CountedMoments& b, ptrdiff_t channels) {
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const Part mine = part_of(a, c), others = part_of(b, c);
    if (others.count == 0) continue;
    if (mine.count == 0) {
      store(a.moments, c, others.mean, others.m2);
    } else {
      store_merged(a.moments, c, mine, others);
    }
    a.count[c] += b.count[c];
  }
}

void scale(const ChannelMoments& moments, double factor, ptrdiff_t channels) {
  const DoubleDouble once{factor, 0}, twice = exact_product(factor, factor);
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const double mean = moments.mean[c], m2 = moments.m2[c];
    store(moments, c, DoubleDouble{mean, moments.mean_low[c]} * once,
          DoubleDouble{m2, moments.m2_low[c]} * twice);
    if (!std::isfinite(moments.mean[c])) {
      moments.mean[c] = mean * factor;
      moments.mean_low[c] = 0;
    }
    if (!std::isfinite(moments.m2[c])) moments.m2_low[c] = 0;
  }
}

unsigned PartialMomentsFold::take(const GroupSums& group, bool exact) {
  unsigned wanted = 0;
  for (ptrdiff_t i = 0; i < group.channels; ++i) {
    const Sums sums = group.sums(i);
    const double offset = sums.first / count_;
    const double squares = std::max(sums.second - sums.first * offset, 0.0);
    const double nothing_if_finite = sums.second - sums.second;
    const DoubleDouble mean = exact_sum(group.shift[i], offset);
    store(out_, group.channel + i, {mean.high, std::isfinite(mean.high) ? mean.low : 0},
          {squares + nothing_if_finite, 0});
    if (!exact && !exact_sums_suffice(sums, squares)) wanted |= 1u << i;
  }
  return wanted;
}

double PartialMomentsFold::better_shift(double shift, const Sums& sums) const {
  return shift_by_mean(shift, sums, count_);
}

}  // namespace bnfast
