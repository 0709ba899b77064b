// The mapping kernels of the rows walk.
#pragma once

#include "kernels/map.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Columns held at once by the rows walk, in vectors: their coefficients stay in registers.
constexpr int kMapVectors = BNFAST_VECTOR_BYTES == 64 ? 4 : 2;

// Rows before the next columns: many enough that loading coefficients costs little, and so few that
// they fit a third of L1 and, lying a power of two apart, do not fight for its sets.
constexpr ptrdiff_t kMostMapRows = 16, kMapBytes = 16 * 1024;
// Narrow vectors hold but one line of columns at a time: after fewer rows its neighbours follow.
constexpr ptrdiff_t kMostStepRows = BNFAST_VECTOR_BYTES == 64 ? kMostMapRows : 4;

BNFAST_INLINE ptrdiff_t map_rows_at_once(ptrdiff_t row_bytes) {
  const ptrdiff_t rows = kMapBytes / row_bytes;
  return rows < 1 ? 1 : rows > kMostMapRows ? kMostMapRows : rows;
}

// `vectors` side by side, down the rows; the only one has `n` columns when partial.
template <class Op, class C, bool streaming, class T, class U, int vectors, bool partial>
BNFAST_INLINE void map_columns(const Input* in, const Output& out, ptrdiff_t row, ptrdiff_t rows,
                               ptrdiff_t column, const void* const* coefficients, ptrdiff_t ahead,
                               int n) {
  constexpr int width = kWidth<C>;
  Vector<C> k[vectors][Op::coefficients];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) {
      const C* c = static_cast<const C*>(coefficients[j]) + column + v * width;
      k[v][j] = partial ? load_partial(c, n, Vector<C>{}) : load(c);
    }
  }
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const T* x = reinterpret_cast<const T*>(in[0].data + r * in[0].outer) + column;
    const T* dy =
        Op::inputs == 2 ? reinterpret_cast<const T*>(in[1].data + r * in[1].outer) + column : x;
    U* y = reinterpret_cast<U*>(out.data + r * out.outer) + column;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      if (partial) {
        map_partial<Op, C>(x, dy, y, n, k[v]);
      } else {
        prefetch(reinterpret_cast<const char*>(x + v * width) + ahead * in[0].outer);
        if (Op::inputs == 2) {
          prefetch(reinterpret_cast<const char*>(dy + v * width) + ahead * in[1].outer);
        }
        put<C, streaming>(y + v * width, map_vector<Op, C>(x + v * width, dy + v * width, k[v]));
      }
    }
  }
}

template <class Op, class C, bool streaming, class T, class U>
void map_rows_storing(const Block& block, const Input* in, const Output& out,
                      const void* const* coefficients) {
  constexpr int width = kWidth<C>, wide = kMapVectors * width;
  const ptrdiff_t columns = block.channels;
  const ptrdiff_t ahead = map_rows_at_once(columns * static_cast<ptrdiff_t>(sizeof(T)));
  const ptrdiff_t step = ahead < kMostStepRows ? ahead : kMostStepRows;
  for (ptrdiff_t row = 0; row < block.outer; row += step) {
    const ptrdiff_t rows = block.outer - row < step ? block.outer - row : step;
    ptrdiff_t c = 0;
    for (; c + wide <= columns; c += wide) {
      map_columns<Op, C, streaming, T, U, kMapVectors, false>(in, out, row, rows, c, coefficients,
                                                              ahead, 0);
    }
    for (; c + width <= columns; c += width) {
      map_columns<Op, C, streaming, T, U, 1, false>(in, out, row, rows, c, coefficients, ahead, 0);
    }
    if (c < columns) {
      map_columns<Op, C, false, T, U, 1, true>(in, out, row, rows, c, coefficients, ahead,
                                               static_cast<int>(columns - c));
    }
  }
}

template <class Op, class C, class T, class U>
void map_rows(const Block& block, const Input* in, const Output& out,
              const void* const* coefficients, Store how) {
  const bool every_row_aligned = reinterpret_cast<uintptr_t>(out.data) % BNFAST_VECTOR_BYTES == 0 &&
                                 out.outer % BNFAST_VECTOR_BYTES == 0;
  if (how == Store::streaming && every_row_aligned) {
    map_rows_storing<Op, C, true, T, U>(block, in, out, coefficients);
  } else {
    map_rows_storing<Op, C, false, T, U>(block, in, out, coefficients);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
