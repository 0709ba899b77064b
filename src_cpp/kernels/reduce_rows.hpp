// The reducing kernels of the rows walk: every channel is added in the order of the rows.
#pragma once

#include "kernels/sums.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE void add_to_sums(double* sum, F64 v, int n) {
  if (n >= kWidth<double>) {
    store(sum, load(sum) + v);
  } else if (n > 0) {
    store_partial(sum, load_partial(sum, n, F64{}) + v, n);
  }
}
BNFAST_INLINE void add_to_sums(double* sum, F32 v, int n) {
  const F64Pair wide = widen(v);
  add_to_sums(sum, wide.low, n);
  add_to_sums(sum + kWidth<double>, wide.high, n - kWidth<double>);
}

// How far ahead to read, in bytes from this column: on in the same rows, and at their end in the
// rows of the next run, or farther where rows are short.
template <class Op, class T>
BNFAST_INLINE ptrdiff_t bytes_ahead(ptrdiff_t column, ptrdiff_t columns, ptrdiff_t row) {
  constexpr ptrdiff_t item = sizeof(T), along = 512 / item;
  if (column + along < columns) return along * item;
  const ptrdiff_t rows = kReadAheadBytes<Op> / (columns * item);
  const ptrdiff_t left = columns < along ? 0 : columns - along;
  return (rows < kRunRows ? kRunRows : rows) * row - left * item;
}

// `vectors` side by side, down the rows; the only one has `n` columns when partial.
template <class C, int vectors, bool partial, class Op, class T>
BNFAST_INLINE void reduce_columns(const Op& op, const BlockInputs<Op, T>& in, ptrdiff_t row,
                                  ptrdiff_t rows, ptrdiff_t column, ptrdiff_t columns,
                                  const void* const* coefficients, double* first, double* second,
                                  int n) {
  constexpr int width = kWidth<C>;
  Vector<C> k[vectors][Op::coefficients], f[vectors] = {}, s[vectors] = {};
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < Op::coefficients; ++j) {
      const C* c = static_cast<const C*>(coefficients[j]) + column + v * width;
      k[v][j] = partial ? load_partial(c, n, Vector<C>{}) : load(c);
    }
  }
  ReadAhead<Op> ahead;
#pragma GCC unroll 4
  for (int i = 0; i < Op::inputs; ++i) {
    ahead.bytes[i] = bytes_ahead<Op, T>(column, columns, in.in[i].outer);
  }
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const Inputs<Op, T> at = in.at(0, r).plus(column);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const Inputs<Op, T> here = at.plus(v * width);
      if (!partial) ahead.touch(0, here.at);
      const Terms<Op, C> terms =
          partial ? load_partial_terms<C, Op>(here.at, n, k[v]) : load_terms<C, Op>(here.at);
      op.add(terms.u, k[v], f[v], s[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    add_to_sums(first + column + v * width, f[v], n);
    add_to_sums(second + column + v * width, s[v], n);
  }
}

template <class Op, class T, class C>
void reduce_rows(const Block& block, const Input* inputs, const void* const* coefficients,
                 const Activation& activation, double* first, double* second) {
  constexpr int width = kWidth<C>, wide = kAccumulators * width;
  const Op op(activation);
  const BlockInputs<Op, T> in(inputs);
  const ptrdiff_t columns = block.channels;
  for (ptrdiff_t c = 0; c < columns; ++c) first[c] = second[c] = 0;
  for (ptrdiff_t row = 0; row < block.outer; row += kRunRows) {
    const ptrdiff_t rows = block.outer - row < kRunRows ? block.outer - row : kRunRows;
    ptrdiff_t c = 0;
    for (; c + wide <= columns; c += wide) {
      reduce_columns<C, kAccumulators, false>(op, in, row, rows, c, columns, coefficients, first,
                                              second, width);
    }
    for (; c + width <= columns; c += width) {
      reduce_columns<C, 1, false>(op, in, row, rows, c, columns, coefficients, first, second,
                                  width);
    }
    if (c < columns) {
      reduce_columns<C, 1, true>(op, in, row, rows, c, columns, coefficients, first, second,
                                 static_cast<int>(columns - c));
    }
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
