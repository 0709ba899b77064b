// What bounds training and backward of rows: each channel's sums over all rows, to float64, then a
// map of all rows, last ones first. Coefficients are the same for all channels or, folded, each
// channel's own, from its sums: that is batch norm, with nothing else to do.
#include <vector>

#include "bare_fold.hpp"

// As ctypes hands it over. Columns are whole strips.
struct BareRows {
  long rows, columns;
  int streaming, folded, threads;
  float shift, mean, scale;  // as in BareLoop
};

namespace {

// Rows whose sums are float32, columns that are summed side by side, in vectors, and elements that
// are mapped in their order.
constexpr long kRun = 8, kStrip = 4, kPiece = 32 * 1024, kAhead = 512;

// Sums of so many rows to float64: two for each column, one after the other.
template <bool backward>
class RowSums {
 public:
  RowSums(const BareRows& loop, const float* x, const float* dy, double* first)
      : columns_(loop.columns), shift_(splat(loop.shift)), x_(x), dy_(dy), first_(first) {}

  // Rows [begin, end), of which the next but one run is prefetched in the order of memory.
  void add(long begin, long end) {
    for (long row = begin; row < end; row += kRun) {
      const long rows = end - row < kRun ? end - row : kRun;
      for (long c = 0; c < columns_; c += kStrip * kWidth) {
        add_strip(row * columns_ + c, rows, (row + 2 * kRun) * columns_ + rows * c, c);
      }
    }
  }

 private:
  void add_strip(long at, long rows, long next, long c) {
    Vector first[kStrip] = {}, second[kStrip] = {};
    for (long r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (long v = 0; v < kStrip; ++v) {
        if (v * kWidth % kLine == 0) {
          prefetch<_MM_HINT_T1>(x_ + next);
          if (backward) prefetch<_MM_HINT_T1>(dy_ + next);
          next += kLine;
        }
        const long i = at + r * columns_ + v * kWidth;
        const Vector d = load(x_ + i) - shift_, y = backward ? load(dy_ + i) : d;
        first[v] += y;
        second[v] += y * d;
      }
    }
    for (long v = 0; v < kStrip; ++v) {
      add_to(first_ + c + v * kWidth, first[v]);
      add_to(first_ + columns_ + c + v * kWidth, second[v]);
    }
  }

  static void add_to(double* sums, Vector v) {
    Doubles* const both = reinterpret_cast<Doubles*>(sums);
    both[0] += widen(lower(v));
    both[1] += widen(upper(v));
  }

  long columns_;
  Vector shift_;
  const float *x_, *dy_;
  double* first_;
};

// Rows [begin, end), the last piece of them first.
template <bool backward, bool streaming, class Coefficients>
void map(const BareRows& loop, const Coefficients& k, const float* x, const float* dy, float* y,
         long begin, long end) {
  const long rows = kPiece / loop.columns > 0 ? kPiece / loop.columns : 1;
  for (long piece = end; piece > begin;) {
    const long last = piece;
    piece = piece - begin < rows ? begin : piece - rows;
    for (long row = piece; row < last; ++row) {
      for (long c = 0, i = row * loop.columns; c < loop.columns; c += kWidth, i += kWidth) {
        if (streaming && c % kLine == 0) {
          prefetch<_MM_HINT_T0>(x + i + kAhead);
          if (backward) prefetch<_MM_HINT_T0>(dy + i + kAhead);
        }
        (streaming ? stream : store)(y + i, k.template map<backward>(x + i, dy + i, c));
      }
    }
  }
  if (streaming) _mm_sfence();
}

template <bool backward, bool streaming>
void run(const BareRows& loop, const float* x, const float* dy, float* y, double* totals) {
  struct alignas(64) Line {
    double sums[8];
  };
  const long columns = loop.columns, lines = 2 * columns / 8;
  std::vector<Line> found(lines * loop.threads);
  Folded own(loop.folded ? columns : 0);
  const Fold fold{static_cast<double>(loop.rows), loop.shift, loop.scale};
  const auto first_row = [&](int rank) { return loop.rows * rank / loop.threads; };
#pragma omp parallel num_threads(loop.threads)
  {
#pragma omp for schedule(static, 1)
    for (int rank = 0; rank < loop.threads; ++rank) {
      RowSums<backward>(loop, x, dy, found[lines * rank].sums)
          .add(first_row(rank), first_row(rank + 1));
    }
#pragma omp for schedule(static)
    for (long c = 0; c < (loop.folded ? columns : 0); ++c) {
      double first = 0, second = 0;
      for (int rank = 0; rank < loop.threads; ++rank) {
        first += found[lines * rank].sums[c];
        second += found[lines * rank].sums[columns + c];
      }
      own.set(c, 1, backward ? fold.backward(first, second) : fold.training(first, second));
    }
#pragma omp for schedule(static, 1)
    for (int rank = 0; rank < loop.threads; ++rank) {
      const long begin = first_row(rank), end = first_row(rank + 1);
      if (loop.folded) {
        map<backward, streaming>(loop, own, x, dy, y, begin, end);
      } else {
        const Same same(loop.shift, loop.mean, loop.scale);
        map<backward, streaming>(loop, same, x, dy, y, begin, end);
      }
    }
  }
  totals[0] = totals[1] = 0;
  for (int rank = 0; rank < loop.threads; ++rank) {
    const double* sums = found[lines * rank].sums;
    for (long c = 0; c < columns; ++c) {
      totals[0] += sums[c];
      totals[1] += sums[columns + c];
    }
  }
}

}  // namespace

// dy and totals: as of bare_loop.
extern "C" void bare_rows(const BareRows* loop, const float* x, const float* dy, float* y,
                          double* totals) {
  if (dy) {
    (loop->streaming ? run<true, true> : run<true, false>)(*loop, x, dy, y, totals);
  } else {
    (loop->streaming ? run<false, true> : run<false, false>)(*loop, x, x, y, totals);
  }
}
