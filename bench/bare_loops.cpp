// What bounds training and backward of planes: the same reads, writes and passes as theirs with
// nothing else to do. A group of channels is summed while the group before it is mapped, in turns;
// sums are of all its channels together, in float32, and coefficients are the same for all. So no
// group needs folding, no plane has an end, and nothing is kept per channel. Of 7x7 and 14x14
// planes there are other loops, which keep what batch norm needs of each channel: its own sums, to
// float64; and, folded, its own coefficients, which lie along a group's row.
#include <vector>

#include "bare_fold.hpp"

namespace {

constexpr int kSums = 4;
constexpr long kMostChannels = 16;  // of a group whose channels are summed each

// Planes whose channels are summed each: elements, images whose sums are float32, and how many
// vectors they are added to, so that at most eight values are in a lane.
template <long elements_, long run_, long sums_>
struct ShortPlanes {
  static constexpr long elements = elements_, run = run_, sums = sums_;
  static constexpr long vectors = (elements + kWidth - 1) / kWidth;
  static_assert(elements % kWidth != 0 && (vectors + sums - 1) / sums * run <= 8);
};
using Planes7 = ShortPlanes<49, 8, (49 + kWidth - 1) / kWidth>;
using Planes14 = ShortPlanes<196, 1, 4>;

}  // namespace

// As ctypes hands it over. A row is a group's planes of one image: whole lines, as are turns.
struct BareLoop {
  long images, image, row;  // images; floats of an image and of a row
  long turn, ahead;         // floats that take turns; floats read ahead (half: soon), a row at most
  long plane;  // 49 or 196: each channel is summed; whole runs of images. 0: all channels together
  int streaming, at_once;  // at_once: a group is mapped when all of it is summed, in reverse
  int map_reads;           // where it streams, the map alone prefetches what is summed next
  int folded;              // each channel is mapped by its own coefficients
  int threads;
  float shift, mean, scale;  // y = (x - shift)*scale, or ((x - shift) + (dy - mean))*scale
};

namespace {

struct Totals {
  Vector first[kSums] = {}, second[kSums] = {};
};

// A channel's sums in float64: as many as a vector has lanes.
struct ChannelSum {
  Doubles low = {}, high = {};
  void add(Vector v) {
    low += widen(lower(v));
    high += widen(upper(v));
  }
  double total() const {
    const Doubles both = low + high;
    double sum = 0;
    for (unsigned i = 0; i < sizeof both / sizeof sum; ++i) sum += both[i];
    return sum;
  }
};

// Elements [0, n) of x, and of dy if `backward`. While x[i] is added x[i + next] is prefetched into
// L2, unless next is 0.
template <bool backward>
void sum(const float* x, const float* dy, long n, long next, Vector shift, Totals& totals) {
  Totals t = totals;
  long i = 0;
  const auto add = [&](int k) {
    if (next != 0 && i % kLine == 0) {
      prefetch<_MM_HINT_T1>(x + next + i);
      if (backward) prefetch<_MM_HINT_T1>(dy + next + i);
    }
    const Vector d = load(x + i) - shift, g = backward ? load(dy + i) : d;
    t.first[k] += g;
    t.second[k] += g * d;
    i += kWidth;
  };
  while (i + kSums * kWidth <= n) {
#pragma GCC unroll 4
    for (int k = 0; k < kSums; ++k) add(k);
  }
  while (i < n) add(0);
  totals = t;
}

// What is prefetched while x[i] is mapped: x[i + next] into L2 and x[i + soon] into L1, unless they
// are 0.
struct Ahead {
  long next, soon;
};

// The same elements to y.
template <bool backward, bool streaming, class Coefficients>
void map(const float* x, const float* dy, float* y, long n, Ahead ahead, const Coefficients& c) {
  for (long i = 0; i < n; i += kLine) {
    if (ahead.next != 0) {
      prefetch<_MM_HINT_T1>(x + ahead.next + i);
      if (backward) prefetch<_MM_HINT_T1>(dy + ahead.next + i);
    }
    if (ahead.soon != 0) {
      prefetch<_MM_HINT_T0>(x + ahead.soon + i);
      if (backward) prefetch<_MM_HINT_T0>(dy + ahead.soon + i);
    }
#pragma GCC unroll 2
    for (long k = i; k < i + kLine; k += kWidth) {
      (streaming ? stream : store)(y + k, c.template map<backward>(x + k, dy + k, k));
    }
  }
}

template <bool backward, bool streaming>
class Groups {
 public:
  Groups(const BareLoop& loop, const float* x, const float* dy, float* y)
      : loop_(loop),
        x_(x),
        dy_(dy),
        y_(y),
        same_(loop.shift, loop.mean, loop.scale),
        own_(loop.folded ? loop.row : 0) {}

  // Groups [begin, end).
  void run(long begin, long end, double* totals) {
    if (loop_.plane == Planes7::elements) {
      run_by_channels<Planes7>(begin, end, totals);
    } else if (loop_.plane == Planes14::elements) {
      run_by_channels<Planes14>(begin, end, totals);
    } else if (loop_.at_once) {
      for (long g = begin; g < end; ++g) at_once(g, g + 1 < end ? g + 1 : g, totals);
    } else {
      for (long g = begin; g <= end; ++g) in_turn(g, begin, end, totals);
    }
    if (streaming) _mm_sfence();
  }

 private:
  void add(long at, long n, long next) {
    sum<backward>(x_ + at, dy_ + at, n, next - at, splat(loop_.shift), totals_);
  }
  void put(long at, long n, long next, long soon) {
    map<backward, streaming>(x_ + at, dy_ + at, y_ + at, n, {next - at, soon - at}, same_);
  }
  // A row by channels, each by its own coefficients if they are folded.
  void put_row(long at, long next) {
    if (!loop_.folded) return put(at, loop_.row, next, at);
    map<backward, streaming>(x_ + at, dy_ + at, y_ + at, loop_.row, {next - at, 0}, own_);
  }
  long place(long group, long image) const { return group * loop_.row + image * loop_.image; }

  // A group's sums, to float64: over all groups float32 would lose them.
  void finish(double* totals) {
    for (int k = 0; k < kSums; ++k) {
      for (int lane = 0; lane < kWidth; ++lane) {
        totals[0] += totals_.first[k][lane];
        totals[1] += totals_.second[k][lane];
      }
    }
    totals_ = Totals{};
  }

  void at_once(long group, long following, double* totals) {
    for (long o = 0; o < loop_.images; ++o) add(place(group, o), loop_.row, place(group, o));
    finish(totals);
    for (long o = loop_.images; o-- > 0;) {
      put(place(group, o), loop_.row, place(following, o), place(group, o) + loop_.ahead);
    }
  }

  template <class Planes>
  void run_by_channels(long begin, long end, double* totals) {
    if (loop_.at_once) {
      for (long g = begin; g < end; ++g) by_channels_at_once<Planes>(g, totals);
    } else {
      for (long g = begin; g <= end; ++g) by_channels<Planes>(g, begin, end, totals);
    }
  }

  // Sums a run of channel c's planes of group g from image o on. `next`: what is summed later,
  // which is prefetched if it `reads`.
  template <class Planes, bool reads>
  void add_channel(long g, long c, long o, long next) {
    const Vector shift = splat(loop_.shift);
    Vector first[Planes::sums] = {}, second[Planes::sums] = {};
    const long begin = place(g, o) + c * Planes::elements;
    for (long r = 0; r < Planes::run; ++r) {
      const float *x = x_ + begin + r * loop_.image, *dy = dy_ + begin + r * loop_.image;
#pragma GCC unroll 32
      for (long v = 0; v < Planes::vectors; ++v, x += kWidth, dy += kWidth) {
        if (reads && v * kWidth % kLine == 0) {
          prefetch<_MM_HINT_T1>(x + next);
          if (backward) prefetch<_MM_HINT_T1>(dy + next);
        }
        constexpr int rest = Planes::elements % kWidth;
        const bool last = v == Planes::vectors - 1;
        const Vector d = (last ? load_first<rest>(x, shift) : load(x)) - shift;
        const Vector y = !backward ? d : last ? load_first<rest>(dy, Vector{}) : load(dy);
        first[v % Planes::sums] += y;
        second[v % Planes::sums] += y * d;
      }
    }
    for (long v = 1; v < Planes::sums; ++v) {
      first[0] += first[v];
      second[0] += second[v];
    }
    first_[c].add(first[0]);
    second_[c].add(second[0]);
  }

  template <class Planes>
  void finish_channels(double* totals) {
    constexpr long n = Planes::elements;
    const Fold fold{static_cast<double>(loop_.images * n), loop_.shift, loop_.scale};
    for (long c = 0; c < loop_.row / n; ++c) {
      const double first = first_[c].total(), second = second_[c].total();
      totals[0] += first;
      totals[1] += second;
      first_[c] = second_[c] = {};
      if (!loop_.folded) continue;
      own_.set(c * n, n, backward ? fold.backward(first, second) : fold.training(first, second));
    }
  }

  bool sum_reads() const { return streaming && !loop_.map_reads; }
  bool map_reads() const { return streaming && loop_.map_reads; }

  // The same as in_turn, but that of a group each channel is summed on its own. Nothing is
  // prefetched unless the map streams. Images whose reading the sum prefetches are each mapped
  // after a share of the channels, others after all.
  template <class Planes>
  void by_channels(long g, long begin, long end, double* totals) {
    constexpr long run = Planes::run;
    const long channels = loop_.row / Planes::elements, following = g + 1 < end ? g + 1 : begin;
    for (long o = 0; o < loop_.images; o += run) {
      const bool last = o + run >= loop_.images;
      const long next = (last ? place(following, 0) : place(g, o + run)) - place(g, o);
      for (long c = 0, row = 0; c < channels; ++c) {
        if (g < end && sum_reads()) add_channel<Planes, streaming>(g, c, o, next);
        if (g < end && !sum_reads()) add_channel<Planes, false>(g, c, o, 0);
        const long share = sum_reads() ? run * (c + 1) / channels : c + 1 == channels ? run : 0;
        for (; g > begin && row < share; ++row) {
          const long at = place(g - 1, o + row);
          put_row(at, map_reads() ? place(g, o + row) + next : at);
        }
      }
    }
    finish_channels<Planes>(totals);
  }

  // The same as at_once, likewise.
  template <class Planes>
  void by_channels_at_once(long g, double* totals) {
    for (long o = 0; o < loop_.images; o += Planes::run) {
      for (long c = 0; c < loop_.row / Planes::elements; ++c)
        add_channel<Planes, false>(g, c, o, 0);
    }
    finish_channels<Planes>(totals);
    for (long o = loop_.images; o-- > 0;) put_row(place(g, o), place(g, o));
  }

  // Sums group g, if there is one, and maps the one before. The map prefetches what is summed soon
  // and, where it stores, next; where it streams, the sum does that, or nobody.
  void in_turn(long g, long begin, long end, double* totals) {
    for (long o = 0; o < loop_.images; ++o) {
      const bool last = o + 1 == loop_.images;
      const long after = !last ? place(g, o + 1) : place(g + 1 < end ? g + 1 : begin, 0);
      for (long i = 0; i < loop_.row; i += loop_.turn) {
        const long n = loop_.row - i < loop_.turn ? loop_.row - i : loop_.turn;
        const auto read_at = [&](long k) {
          return k < loop_.row ? place(g, o) + k : after + k - loop_.row;
        };
        const long summed = place(g, o) + i, mapped = place(g - 1, o) + i;
        const long next = read_at(i + loop_.ahead);
        if (g < end) add(summed, n, sum_reads() ? next : summed);
        if (g == begin) continue;
        put(mapped, n, streaming ? mapped : next, read_at(i + loop_.ahead / 2));
      }
    }
    finish(totals);
  }

  const BareLoop& loop_;
  const float *x_, *dy_;
  float* y_;
  Same same_;
  Folded own_;
  Totals totals_;
  ChannelSum first_[kMostChannels], second_[kMostChannels];
};

template <bool backward, bool streaming>
void run(const BareLoop& loop, const float* x, const float* dy, float* y, double* totals) {
  const long groups = loop.image / loop.row;
  std::vector<double> found(2 * loop.threads);
#pragma omp parallel for num_threads(loop.threads) schedule(static, 1)
  for (int rank = 0; rank < loop.threads; ++rank) {
    Groups<backward, streaming>(loop, x, dy, y)
        .run(groups * rank / loop.threads, groups * (rank + 1) / loop.threads, &found[2 * rank]);
  }
  totals[0] = totals[1] = 0;
  for (int rank = 0; rank < loop.threads; ++rank) {
    totals[0] += found[2 * rank];
    totals[1] += found[2 * rank + 1];
  }
}

}  // namespace

// dy: null for training. totals: sums of x - shift and its square; or of dy and dy*(x - shift).
extern "C" void bare_loop(const BareLoop* loop, const float* x, const float* dy, float* y,
                          double* totals) {
  if (dy) {
    (loop->streaming ? run<true, true> : run<true, false>)(*loop, x, dy, y, totals);
  } else {
    (loop->streaming ? run<false, true> : run<false, false>)(*loop, x, x, y, totals);
  }
}
