// What bounds training and backward of planes: the same reads, writes and passes as theirs with
// nothing else to do. A group of channels is summed while the group before it is mapped, in turns;
// sums are of all its channels together, in float32, and coefficients are the same for all. So no
// group needs folding, no plane has an end, and nothing is kept per channel.
#include <immintrin.h>

#include <vector>

namespace {

#if defined(__AVX512F__)
using Vector = __m512;
Vector load(const float* p) { return _mm512_loadu_ps(p); }
void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
void stream(float* p, Vector v) { _mm512_stream_ps(p, v); }
#else
using Vector = __m256;
Vector load(const float* p) { return _mm256_loadu_ps(p); }
void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
void stream(float* p, Vector v) { _mm256_stream_ps(p, v); }
#endif
constexpr long kWidth = sizeof(Vector) / sizeof(float), kLine = 64 / sizeof(float);
constexpr int kSums = 4;

Vector splat(float value) { return Vector{} + value; }

}  // namespace

// As ctypes hands it over. A row is a group's planes of one image: whole lines, as are turns.
struct BareLoop {
  long images, image, row;  // images; floats of an image and of a row
  long turn, ahead;         // floats that take turns; floats read ahead (half: soon), a row at most
  int streaming, at_once;   // at_once: a group is mapped when all of it is summed, in reverse
  int threads;
  float shift, mean, scale;  // y = (x - shift)*scale, or ((x - shift) + (dy - mean))*scale
};

namespace {

struct Totals {
  Vector first[kSums] = {}, second[kSums] = {};
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

// What is prefetched while x[i] is mapped: x[i + next] into L2, unless next is 0, and x[i + soon]
// into L1.
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
    prefetch<_MM_HINT_T0>(x + ahead.soon + i);
    if (backward) prefetch<_MM_HINT_T0>(dy + ahead.soon + i);
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
    if (loop_.at_once) {
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
