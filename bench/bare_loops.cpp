// What bounds training and backward of planes: the same reads, writes and passes as theirs with
// nothing else to do. A group of channels is summed while the group before it is mapped, in turns;
// sums are of all its channels together, in float32, and coefficients are the same for all. So no
// group needs folding, no plane has an end, and nothing is kept per channel. Of 7x7 planes there is
// another loop, which keeps what batch norm needs of each channel: its own sums, to float64.
#include <immintrin.h>

#include <vector>

namespace {

#if defined(__AVX512F__)
using Vector = __m512;
using Half = __m256;
Vector load(const float* p) { return _mm512_loadu_ps(p); }
void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
void stream(float* p, Vector v) { _mm512_stream_ps(p, v); }
Vector load_one(const float* p, Vector others) { return _mm512_mask_loadu_ps(others, 1, p); }
Half lower(Vector v) { return _mm512_castps512_ps256(v); }
Half upper(Vector v) { return _mm512_extractf32x8_ps(v, 1); }
#else
using Vector = __m256;
using Half = __m128;
Vector load(const float* p) { return _mm256_loadu_ps(p); }
void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
void stream(float* p, Vector v) { _mm256_stream_ps(p, v); }
Vector load_one(const float* p, Vector others) {
  return _mm256_blend_ps(others, _mm256_castps128_ps256(_mm_load_ss(p)), 1);
}
Half lower(Vector v) { return _mm256_castps256_ps128(v); }
Half upper(Vector v) { return _mm256_extractf128_ps(v, 1); }
#endif
constexpr long kWidth = sizeof(Vector) / sizeof(float), kLine = 64 / sizeof(float);
constexpr int kSums = 4;
// Of 7x7 planes: elements, images whose sums are float32, and channels of a group at most.
constexpr long kPlane = 49, kRun = 8, kMostChannels = 16;
constexpr long kPlaneVectors = (kPlane + kWidth - 1) / kWidth;
static_assert(kPlane % kWidth == 1);

Vector splat(float value) { return Vector{} + value; }

}  // namespace

// As ctypes hands it over. A row is a group's planes of one image: whole lines, as are turns.
struct BareLoop {
  long images, image, row;  // images; floats of an image and of a row
  long turn, ahead;         // floats that take turns; floats read ahead (half: soon), a row at most
  int streaming, at_once;   // at_once: a group is mapped when all of it is summed, in reverse
  int each_channel;         // 7x7 planes: sums of each channel; whole runs of images
  int threads;
  float shift, mean, scale;  // y = (x - shift)*scale, or ((x - shift) + (dy - mean))*scale
};

namespace {

struct Totals {
  Vector first[kSums] = {}, second[kSums] = {};
};

using Doubles = double __attribute__((vector_size(sizeof(Vector))));

// A channel's sums in float64: as many as a vector has lanes.
struct ChannelSum {
  Doubles low = {}, high = {};
  void add(Vector v) {
    low += __builtin_convertvector(lower(v), Doubles);
    high += __builtin_convertvector(upper(v), Doubles);
  }
  double total() const {
    const Doubles both = low + high;
    double sum = 0;
    for (unsigned i = 0; i < sizeof both / sizeof sum; ++i) sum += both[i];
    return sum;
  }
};

template <_mm_hint hint>
void prefetch(const float* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), hint);
}

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
template <bool backward, bool streaming>
void map(const float* x, const float* dy, float* y, long n, Ahead ahead, const BareLoop& loop) {
  const Vector shift = splat(loop.shift), mean = splat(loop.mean), scale = splat(loop.scale);
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
      Vector v = load(x + k) - shift;
      if (backward) v += load(dy + k) - mean;
      (streaming ? stream : store)(y + k, v * scale);
    }
  }
}

template <bool backward, bool streaming>
class Groups {
 public:
  Groups(const BareLoop& loop, const float* x, const float* dy, float* y)
      : loop_(loop), x_(x), dy_(dy), y_(y) {}

  // Groups [begin, end).
  void run(long begin, long end, double* totals) {
    if (loop_.each_channel) {
      for (long g = begin; g <= end; ++g) by_channels(g, begin, end, totals);
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
    map<backward, streaming>(x_ + at, dy_ + at, y_ + at, n, {next - at, soon - at}, loop_);
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

  // Sums a run of channel c's planes of group g from image o on. `next`: what is summed later.
  void add_channel(long g, long c, long o, long next) {
    const Vector shift = splat(loop_.shift);
    Vector first[kPlaneVectors] = {}, second[kPlaneVectors] = {};
    const long begin = place(g, o) + c * kPlane;
    for (long r = 0; r < kRun; ++r) {
      const float *x = x_ + begin + r * loop_.image, *dy = dy_ + begin + r * loop_.image;
#pragma GCC unroll 8
      for (long v = 0; v < kPlaneVectors; ++v, x += kWidth, dy += kWidth) {
        if (streaming && v * kWidth % kLine == 0) {
          prefetch<_MM_HINT_T1>(x + next);
          if (backward) prefetch<_MM_HINT_T1>(dy + next);
        }
        const bool last = v == kPlaneVectors - 1;
        const Vector d = (last ? load_one(x, shift) : load(x)) - shift;
        const Vector y = !backward ? d : last ? load_one(dy, Vector{}) : load(dy);
        first[v] += y;
        second[v] += y * d;
      }
    }
    for (long v = 1; v < kPlaneVectors; ++v) {
      first[0] += first[v];
      second[0] += second[v];
    }
    first_[c].add(first[0]);
    second_[c].add(second[0]);
  }

  // The same as in_turn, but that of a group each channel is summed on its own. Nothing is
  // prefetched unless the map streams.
  void by_channels(long g, long begin, long end, double* totals) {
    const long channels = loop_.row / kPlane, following = g + 1 < end ? g + 1 : begin;
    for (long o = 0; o < loop_.images; o += kRun) {
      const bool last = o + kRun >= loop_.images;
      const long next = (last ? place(following, 0) : place(g, o + kRun)) - place(g, o);
      for (long c = 0, row = 0; c < channels; ++c) {
        if (g < end) add_channel(g, c, o, next);
        const long share = g > begin ? kRun * (c + 1) / channels : 0;
        for (; row < share; ++row) {
          const long at = place(g - 1, o + row);
          put(at, loop_.row, at, at);
        }
      }
    }
    for (long c = 0; c < channels; ++c) {
      totals[0] += first_[c].total();
      totals[1] += second_[c].total();
      first_[c] = second_[c] = {};
    }
  }

  // Sums group g, if there is one, and maps the one before. Of both one prefetches what is summed
  // next: the sum where the map streams.
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
        if (g < end) add(summed, n, streaming ? next : summed);
        if (g == begin) continue;
        put(mapped, n, streaming ? mapped : next, read_at(i + loop_.ahead / 2));
      }
    }
    finish(totals);
  }

  const BareLoop& loop_;
  const float *x_, *dy_;
  float* y_;
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
