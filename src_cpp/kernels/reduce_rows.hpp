// The reducing kernels of the rows walk: every channel is added in the order of the rows.
#pragma once

#include "kernels/sums.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// The first run begins the sums, which hold nothing before.
BNFAST_INLINE void add_to_sums(double* sum, F64 v, int n, bool begins) {
  if (n >= kWidth<double>) {
    store(sum, (begins ? F64{} : load(sum)) + v);
  } else if (n > 0) {
    store_partial(sum, (begins ? F64{} : load_partial(sum, n, F64{})) + v, n);
  }
}
BNFAST_INLINE void add_to_sums(double* sum, F32 v, int n, bool begins) {
  const F64Pair wide = widen(v);
  add_to_sums(sum, wide.low, n, begins);
  add_to_sums(sum + kWidth<double>, wide.high, n - kWidth<double>, begins);
}

// Memory is read fastest in its own order. While a run is added strip by strip, which is not that
// order, the next but one is prefetched as it lies, or the next where two are large; into L2, for
// L1 has no room for a run of wide rows. One that even L2 would not hold is read a little ahead
// along each row instead.
constexpr ptrdiff_t kMostBytesAhead = 128 * 1024, kAheadInRowBytes = 512;

template <class Op, class T>
class RunAhead {
 public:
  RunAhead(const BlockInputs<Op, T>& in, ptrdiff_t row, ptrdiff_t columns) {
    const ptrdiff_t length = columns * static_cast<ptrdiff_t>(sizeof(T));
    const ptrdiff_t run = Op::inputs * kRunRows * length;
    const bool fits = run <= kMostBytesAhead, two_fit = 2 * run <= kMostBytesAhead;
    const ptrdiff_t within = kReadAheadBytes<Op> / length, least = (two_fit ? 2 : 1) * kRunRows;
    const ptrdiff_t rows = !fits ? 0 : within < least ? least : within;
    as_it_lies_ = fits;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      outer_[k] = in.in[k].outer;
      at_[k] = in.in[k].data + (row + rows) * outer_[k] + (fits ? 0 : kAheadInRowBytes);
      as_it_lies_ &= outer_[k] == length;
    }
  }

  // What is prefetched beside the next strip of so many bytes.
  __attribute__((always_inline)) void next_strip(ptrdiff_t bytes, StripAhead* ahead) {
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      ahead[k] = {at_[k], as_it_lies_ ? bytes : outer_[k]};
      at_[k] += as_it_lies_ ? kRunRows * bytes : bytes;
    }
  }

 private:
  const char* at_[Op::inputs];
  ptrdiff_t outer_[Op::inputs];
  bool as_it_lies_;
};

// `vectors` side by side, down the rows; the only one has `n` columns when partial.
template <class C, int vectors, bool partial, class Op, class T>
BNFAST_INLINE void reduce_columns(const Op& op, const BlockInputs<Op, T>& in, ptrdiff_t row,
                                  ptrdiff_t rows, ptrdiff_t column, RunAhead<Op, T>& ahead,
                                  const void* const* coefficients, double* first, double* second,
                                  int n) {
  constexpr int width = kWidth<C>;
  const bool begins = row == 0;
  Vector<C> k[vectors][Op::coefficients], f[vectors] = {}, s[vectors] = {};
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < Op::coefficients; ++j) {
      const C* c = static_cast<const C*>(coefficients[j]) + column + v * width;
      k[v][j] = partial ? load_partial(c, n, Vector<C>{}) : load(c);
    }
  }
  constexpr ptrdiff_t bytes = vectors * width * static_cast<ptrdiff_t>(sizeof(T));
  StripAhead strip[Op::inputs];
  ahead.next_strip(bytes, strip);
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const Inputs<Op, T> at = in.at(0, r).plus(column);
#pragma GCC unroll 4
    for (int i = 0; i < Op::inputs && !partial; ++i) strip[i].template touch<prefetch_to_l2>(bytes);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const Inputs<Op, T> here = at.plus(v * width);
      const Terms<Op, C> terms =
          partial ? load_partial_terms<C, Op>(here.at, n, k[v]) : load_terms<C, Op>(here.at);
      op.add(terms.u, k[v], f[v], s[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    add_to_sums(first + column + v * width, f[v], n, begins);
    add_to_sums(second + column + v * width, s[v], n, begins);
  }
}

template <class Op, class T, class C>
void reduce_rows(const Block& block, const Input* inputs, const void* const* coefficients,
                 const Activation& activation, double* first, double* second) {
  constexpr int width = kWidth<C>, wide = kAccumulators * width;
  const Op op(activation);
  const BlockInputs<Op, T> in(inputs);
  const ptrdiff_t columns = block.channels;
  for (ptrdiff_t row = 0; row < block.outer; row += kRunRows) {
    const ptrdiff_t rows = block.outer - row < kRunRows ? block.outer - row : kRunRows;
    RunAhead<Op, T> ahead(in, row, columns);
    ptrdiff_t c = 0;
    for (; c + wide <= columns; c += wide) {
      reduce_columns<C, kAccumulators, false>(op, in, row, rows, c, ahead, coefficients, first,
                                              second, width);
    }
    for (; c + width <= columns; c += width) {
      reduce_columns<C, 1, false>(op, in, row, rows, c, ahead, coefficients, first, second, width);
    }
    if (c < columns) {
      reduce_columns<C, 1, true>(op, in, row, rows, c, ahead, coefficients, first, second,
                                 static_cast<int>(columns - c));
    }
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
