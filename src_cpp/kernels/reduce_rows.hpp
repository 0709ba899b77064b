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
  F64 wide[2];
  widen(v, wide);
  add_to_sums(sum, wide[0], n);
  add_to_sums(sum + kWidth<double>, wide[1], n - kWidth<double>);
}

// How far ahead to read, in bytes from this column: on in the same rows, and at their end in the
// rows of the next run, or farther where rows are short.
template <class T>
BNFAST_INLINE ptrdiff_t bytes_ahead(ptrdiff_t column, ptrdiff_t columns, ptrdiff_t row) {
  constexpr ptrdiff_t item = sizeof(T), along = 1024 / item;
  if (column + along < columns) return along * item;
  const ptrdiff_t rows = kPrefetchBytes / (columns * item);
  const ptrdiff_t left = columns < along ? 0 : columns - along;
  return (rows < kRunRows ? kRunRows : rows) * row - left * item;
}

// `vectors` side by side, down the rows; the last has `n` columns when partial.
template <class Op, class T, class C, int vectors, bool partial>
BNFAST_INLINE void reduce_columns(const Input* in, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t column,
                                  ptrdiff_t columns, const C* shift, double* first, double* second,
                                  int n) {
  constexpr int width = kWidth<C>;
  Vector<C> k[vectors], f[vectors] = {}, s[vectors] = {};
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    k[v] =
        partial ? load_partial(shift + column, n, Vector<C>{}) : load(shift + column + v * width);
  }
  const ptrdiff_t x_ahead = bytes_ahead<T>(column, columns, in[0].outer);
  const ptrdiff_t dy_ahead = Op::inputs == 2 ? bytes_ahead<T>(column, columns, in[1].outer) : 0;
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const T* x = reinterpret_cast<const T*>(in[0].data + r * in[0].outer) + column;
    const T* dy =
        Op::inputs == 2 ? reinterpret_cast<const T*>(in[1].data + r * in[1].outer) + column : x;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      if (partial) {
        add_partial<Op, C>(x, dy, n, k[v], f[v], s[v]);
      } else {
        prefetch(reinterpret_cast<const char*>(x + v * width) + x_ahead);
        if (Op::inputs == 2) prefetch(reinterpret_cast<const char*>(dy + v * width) + dy_ahead);
        add_vector<Op, C>(x + v * width, dy + v * width, k[v], f[v], s[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    add_to_sums(first + column + v * width, f[v], n);
    add_to_sums(second + column + v * width, s[v], n);
  }
}

template <class Op, class T, class C>
void reduce_rows(const Block& block, const Input* in, const void* shift, double* first,
                 double* second) {
  constexpr int width = kWidth<C>, wide = kAccumulators * width;
  const C* k = static_cast<const C*>(shift);
  const ptrdiff_t columns = block.channels;
  for (ptrdiff_t c = 0; c < columns; ++c) first[c] = second[c] = 0;
  for (ptrdiff_t row = 0; row < block.outer; row += kRunRows) {
    const ptrdiff_t rows = block.outer - row < kRunRows ? block.outer - row : kRunRows;
    ptrdiff_t c = 0;
    for (; c + wide <= columns; c += wide) {
      reduce_columns<Op, T, C, kAccumulators, false>(in, row, rows, c, columns, k, first, second,
                                                     width);
    }
    for (; c + width <= columns; c += width) {
      reduce_columns<Op, T, C, 1, false>(in, row, rows, c, columns, k, first, second, width);
    }
    if (c < columns) {
      reduce_columns<Op, T, C, 1, true>(in, row, rows, c, columns, k, first, second,
                                        static_cast<int>(columns - c));
    }
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
