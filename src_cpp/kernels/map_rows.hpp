// The mapping kernels of the rows walk.
#pragma once

#include "kernels/map.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Columns held at once by the rows walk, in vectors: their coefficients stay in registers, and the
// fewer where they are streamed.
template <class Op, bool streaming>
constexpr int kMapVectors = BNFAST_VECTOR_BYTES == 64 ? (Op::coefficients > 4 ? 2 : 4)
                            : Op::coefficients > 4    ? 1
                            : Op::coefficients > 3    ? 2
                            : streaming || kSmall     ? 2
                                                      : 4;

// Rows between what is mapped and what is prefetched, by their bytes in one array and in each of
// several.
constexpr ptrdiff_t kMostMapRows = 16, kMapBytes = 8 * 1024, kMapBytesOfEach = 4 * 1024;
// How far ahead where rows are stored one by one, or as they lie.
constexpr ptrdiff_t kAlongRowBytes = 2 * 1024;
// Bytes of the rows that are mapped before the next columns: many spare loading coefficients, few
// are nearly one run of memory.
constexpr ptrdiff_t kStepBytes = 4096;
// Coefficients of more than half of L1 would be gone from it when the next row needs them, so two
// rows share them.
constexpr ptrdiff_t kMostCoefficientBytes = 16 * 1024, kRowsOfManyCoefficients = 2;

template <class T>
BNFAST_INLINE ptrdiff_t rows_within(ptrdiff_t bytes, ptrdiff_t columns, ptrdiff_t most) {
  const ptrdiff_t rows = bytes / (columns * static_cast<ptrdiff_t>(sizeof(T)));
  return rows < 1 ? 1 : rows > most ? most : rows;
}

template <class Op, class T>
BNFAST_INLINE ptrdiff_t map_rows_ahead(const BlockInputs<Op, T>& inputs, ptrdiff_t columns) {
  bool several = false;
  for (int k = 1; k < Op::inputs; ++k) several |= inputs.in[k].data != inputs.in[0].data;
  const ptrdiff_t bytes = several ? kMapBytesOfEach : kMapBytes;
  return rows_within<T>(bytes, columns, kMostMapRows);
}

// So many rows farther in each input.
template <class Op, class T>
BNFAST_INLINE ReadAhead<Op> read_rows_ahead(const BlockInputs<Op, T>& inputs, ptrdiff_t rows) {
  ReadAhead<Op> ahead;
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) ahead.bytes[k] = rows * inputs.in[k].outer;
  return ahead;
}

// The columns of a strip, and the fewest that are streamed at once.
template <class C, class U, bool streaming>
constexpr int kLeastStrip = streaming ? kStreamed<C, U> : kWidth<C>;
template <class Op, class C, class U, bool streaming>
constexpr int kStrip = kMapVectors<Op, streaming> * kWidth<C> < kLeastStrip<C, U, streaming>
                           ? kLeastStrip<C, U, streaming>
                           : kMapVectors<Op, streaming> * kWidth<C>;

// The fewest columns of rows that are mapped one by one. Streamed lines that do not follow one
// another leave for memory in pieces: there only rows of one strip are mapped together.
template <class Op, class C, class T, class U, bool streaming>
constexpr ptrdiff_t kLongRow =
    streaming ? kStrip<Op, C, U, true> + 1 : (Op::inputs == 1 ? 2560 : 512) / sizeof(T);

// What is prefetched while a strip is mapped down some rows.
enum class MapAhead {
  rows,         // the same columns so many rows farther, and what lies near, to be read
  memory,       // what lies 2 KB farther on, to be read and written
  as_they_lie,  // likewise the rows after these, in the order of memory
  nothing,
};

// `vectors` side by side, down the rows; the only one has `n` columns when partial.
template <class C, bool streaming, MapAhead how, int vectors, bool partial, class Op, class T,
          class U>
BNFAST_INLINE void map_columns(const Op& op, const MappedPlanes<Op, T, U>& in_rows, ptrdiff_t row,
                               ptrdiff_t rows, ptrdiff_t column, const void* const* coefficients,
                               ptrdiff_t ahead, int n) {
  constexpr int width = kWidth<C>;
  constexpr ptrdiff_t read_bytes = vectors * width * static_cast<ptrdiff_t>(sizeof(T));
  constexpr ptrdiff_t written_bytes = vectors * width * static_cast<ptrdiff_t>(sizeof(U));
  Vector<C> k[vectors][Op::coefficients];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) {
      const C* c = static_cast<const C*>(coefficients[j]) + column + v * width;
      k[v][j] = partial ? load_partial(c, n, Vector<C>{}) : load(c);
    }
  }
  const ReadAhead<Op> rows_ahead = read_rows_ahead(in_rows.in, ahead);
  const Place<Op, T, U> after = in_rows.at(0, row + rows).plus(rows * column);
  StripAhead read = {reinterpret_cast<const char*>(after.in.at[0]), read_bytes};
  StripAhead written = {reinterpret_cast<const char*>(after.out[0]), written_bytes};
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const Place<Op, T, U> at = in_rows.at(0, r).plus(column);
    if (how == MapAhead::as_they_lie && !partial) {
      read.touch<prefetch>(read_bytes);
      written.touch<prefetch_for_write>(written_bytes);
    }
    const auto mapped = [&](int v) __attribute__((always_inline)) {
      const Place<Op, T, U> here = at.plus(v * width);
      if (begins_line<T, C>(v * width)) {
        if constexpr (how == MapAhead::memory)
          WalkAhead<T, U, kAlongRowBytes>{here.in.at[0], here.out[0]}.touch(0);
        if constexpr (how == MapAhead::rows) ReadAlong<Op, T>{here.in, rows_ahead}.touch(0);
      }
      return map_vector<C>(op, here.in, k[v]);
    };
    constexpr bool pairs = streaming && streams_in_pairs<C, U> && vectors % 2 == 0;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v += pairs ? 2 : 1) {
      const Place<Op, T, U> here = at.plus(v * width);
      if constexpr (partial) {
        map_partial<C>(op, here, n, k[v]);
      } else if constexpr (pairs) {
        const Mapped<Op, C> first = mapped(v);
        stream_pair(op, here.out, first, mapped(v + 1));
      } else {
        put<C, streaming>(op, here.out, mapped(v));
      }
    }
  }
}

// Some rows, strip by strip.
template <class C, bool streaming, MapAhead how, class Op, class T, class U>
BNFAST_INLINE void map_strips(const Op& op, const MappedPlanes<Op, T, U>& in_rows, ptrdiff_t row,
                              ptrdiff_t rows, ptrdiff_t columns, const void* const* coefficients,
                              ptrdiff_t ahead) {
  constexpr int width = kWidth<C>;
  constexpr int least = kLeastStrip<C, U, streaming>, wide = kStrip<Op, C, U, streaming>;
  ptrdiff_t c = 0;
  for (; c + wide <= columns; c += wide) {
    map_columns<C, streaming, how, wide / width, false>(op, in_rows, row, rows, c, coefficients,
                                                        ahead, 0);
  }
  for (; c + least <= columns; c += least) {
    map_columns<C, streaming, how, least / width, false>(op, in_rows, row, rows, c, coefficients,
                                                         ahead, 0);
  }
  if constexpr (least > width) {
    for (; c + width <= columns; c += width) {
      map_columns<C, false, how, 1, false>(op, in_rows, row, rows, c, coefficients, ahead, 0);
    }
  }
  if (c < columns) {
    map_columns<C, false, how, 1, true>(op, in_rows, row, rows, c, coefficients, ahead,
                                        static_cast<int>(columns - c));
  }
}

// A row, its coefficients loaded on the way.
template <class C, bool streaming, class Op, class T, class U, class Next>
BNFAST_INLINE void map_row(const Op& op, const Place<Op, T, U>& at, ptrdiff_t columns,
                           const CoefficientRow<Op, C>& coefficients, Next next) {
  constexpr int width = kWidth<C>, least = kLeastStrip<C, U, streaming>;
  const int left = static_cast<int>(columns % width);
  const ptrdiff_t whole = columns - left, most = whole / least * least;
  map_vectors<C, streaming>(op, at, 0, most, coefficients, next);
  if constexpr (least > width) map_vectors<C, false>(op, at, most, whole, coefficients, next);
  if (left > 0) {
    Vector<C> c[Op::coefficients];
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) {
      c[j] = load_partial(coefficients.at[j] + whole, left, Vector<C>{});
    }
    map_partial<C>(op, at.plus(whole), left, c);
  }
}

// What is prefetched along a row. Several inputs that are stored through the caches are read as
// they lie without being prefetched, and so is one if those are near.
template <Store store, class Op, class T, class U>
BNFAST_INLINE auto ahead_along(const Place<Op, T, U>& at, const ReadAhead<Op>& rows_ahead) {
  if constexpr (store == Store::streaming) {
    return ReadAlong<Op, T>{at.in, rows_ahead};
  } else if constexpr (Op::inputs == 1 && store != Store::near) {
    return WalkAhead<T, U, kAlongRowBytes>{at.in.at[0], at.out[0]};
  } else {
    return ReadNothing{};
  }
}

template <class C, Store store, class Op, class T, class U>
BNFAST_INLINE void map_row_by_row(const Op& op, const Block& block,
                                  const MappedPlanes<Op, T, U>& in_rows,
                                  const void* const* coefficients, ptrdiff_t ahead) {
  const CoefficientRow<Op, C> row_of(coefficients);
  const ReadAhead<Op> rows_ahead = read_rows_ahead(in_rows.in, ahead);
  for (ptrdiff_t row = 0; row < block.outer; ++row) {
    const Place<Op, T, U> at = in_rows.at(0, row);
    map_row<C, store == Store::streaming>(op, at, block.channels, row_of,
                                          ahead_along<store>(at, rows_ahead));
  }
}

// Rows end to end, of up to 1 KB: longer ones are near enough to the order of memory.
template <class Op, class T, class U>
BNFAST_INLINE bool short_end_to_end(const MappedPlanes<Op, T, U>& in_rows, ptrdiff_t columns) {
  const ptrdiff_t bytes = columns * static_cast<ptrdiff_t>(sizeof(T));
  return bytes <= 1024 && in_rows.in.in[0].outer == bytes &&
         in_rows.out[0].outer == columns * static_cast<ptrdiff_t>(sizeof(U));
}

// Strip by strip, `step` rows at a time.
template <class C, bool streaming, MapAhead how, class Op, class T, class U>
BNFAST_INLINE void map_in_steps(const Op& op, const Block& block,
                                const MappedPlanes<Op, T, U>& in_rows,
                                const void* const* coefficients, ptrdiff_t ahead, ptrdiff_t step) {
  for (ptrdiff_t row = 0; row < block.outer; row += step) {
    const ptrdiff_t rows = block.outer - row < step ? block.outer - row : step;
    map_strips<C, streaming, how>(op, in_rows, row, rows, block.channels, coefficients, ahead);
  }
}

template <class C, Store store, class Op, class T, class U>
void map_rows_storing(const Op& op, const Block& block, const MappedPlanes<Op, T, U> in_rows,
                      const void* const* coefficients) {
  constexpr bool streaming = store == Store::streaming;
  constexpr MapAhead how = streaming         ? MapAhead::rows
                           : Op::inputs == 1 ? MapAhead::memory
                                             : MapAhead::nothing;
  constexpr ptrdiff_t coefficient_bytes = Op::coefficients * static_cast<ptrdiff_t>(sizeof(C));
  const ptrdiff_t columns = block.channels;
  const ptrdiff_t ahead = map_rows_ahead(in_rows.in, columns);
  const bool many_coefficients = columns * coefficient_bytes > kMostCoefficientBytes;
  if (columns >= kLongRow<Op, C, T, U, streaming> && !many_coefficients) {
    return map_row_by_row<C, store>(op, block, in_rows, coefficients, ahead);
  }
  const ptrdiff_t step =
      many_coefficients ? kRowsOfManyCoefficients : rows_within<T>(kStepBytes, columns, ahead);
  if constexpr (how == MapAhead::memory && !kSmall) {
    if (short_end_to_end(in_rows, columns)) {
      if (store == Store::near && columns <= kStrip<Op, C, U, false>) {
        return map_in_steps<C, false, MapAhead::nothing>(op, block, in_rows, coefficients, ahead,
                                                         step);
      }
      return map_in_steps<C, false, MapAhead::as_they_lie>(op, block, in_rows, coefficients, ahead,
                                                           step);
    }
  }
  map_in_steps<C, streaming, how>(op, block, in_rows, coefficients, ahead, step);
}

// Rows that lie end to end as one run of lines, the first and the last elements aside. Of a line in
// which a row ends, the coefficients are that row's last and behind them the first ones again.
template <class C, Store store, class Op, class T, class U>
void map_run(const Op& op, const Block& block, const MappedPlanes<Op, T, U> in_rows,
             const void* const* coefficients) {
  constexpr ptrdiff_t line = kLine<U>;
  const CoefficientRow<Op, C> row_of(coefficients);
  const ReadAhead<Op> rows_ahead =
      read_rows_ahead(in_rows.in, map_rows_ahead(in_rows.in, block.channels));
  const Place<Op, T, U> run = in_rows.at(0, 0);
  const ptrdiff_t n = block.outer * block.channels;
  ptrdiff_t i = 0, column = 0;
  const auto advance = [&](ptrdiff_t elements) {
    i += elements;
    column += elements;
    while (column >= block.channels) column -= block.channels;
  };
  const ptrdiff_t head = unaligned_head(run.out[0], n);
  map_row<C, false>(op, run, head, row_of, ReadNothing{});
  advance(head);
  while (n - i >= line) {
    const ptrdiff_t to_row_end = (block.channels - column + line - 1) / line, left = (n - i) / line;
    const ptrdiff_t length = (to_row_end < left ? to_row_end : left) * line;
    const Place<Op, T, U> at = run.plus(i);
    map_vectors<C, store == Store::streaming>(op, at, 0, length, row_of.plus(column),
                                              ahead_along<store>(at, rows_ahead));
    advance(length);
  }
  map_row<C, false>(op, run.plus(i), n - i, row_of.plus(column), ReadNothing{});
}

// The same where rows are whole lines: behind the first whole line they are rows again, which begin
// with another column.
template <class C, Store store, class Op, class T, class U>
void map_shifted(const Op& op, const Block& block, const MappedPlanes<Op, T, U> in_rows,
                 const void* const* coefficients) {
  const CoefficientRow<Op, C> row_of(coefficients);
  const Place<Op, T, U> begin = in_rows.at(0, 0);
  const ptrdiff_t rows = block.outer - 1, columns = block.channels;
  const ptrdiff_t head = unaligned_head(begin.out[0], columns);
  map_row<C, false>(op, begin, head, row_of, ReadNothing{});
  const void* shifted[Op::coefficients];
#pragma GCC unroll 8
  for (int j = 0; j < Op::coefficients; ++j) shifted[j] = row_of.at[j] + head;
  map_rows_storing<C, store>(op, {rows, columns, 1}, in_rows.plus(head), shifted);
  const ptrdiff_t left = columns - head;
  map_run<C, store>(op, {1, left, 1}, in_rows.plus(head + rows * columns), shifted);
}

// A run by whole lines.
template <class C, Store store, class Op, class T, class U>
BNFAST_INLINE void map_lines(const Op& op, const Block& block,
                             const MappedPlanes<Op, T, U>& in_rows,
                             const void* const* coefficients) {
  if (block.channels % kLine<U> == 0) {
    map_shifted<C, store>(op, block, in_rows, coefficients);
  } else {
    map_run<C, store>(op, block, in_rows, coefficients);
  }
}

template <class Op, class T, class U>
BNFAST_INLINE bool lie_end_to_end(const Op& op, const MappedPlanes<Op, T, U>& in_rows,
                                  const Block& block) {
  const auto follow = [&](ptrdiff_t outer, size_t item) {
    return outer == block.channels * static_cast<ptrdiff_t>(item);
  };
  bool all = true;
  for (int k = 0; k < Op::inputs; ++k) all &= follow(in_rows.in.in[k].outer, sizeof(T));
  for (int k = 0; k < Op::outputs; ++k) {
    all &= !op.writes(k) || follow(in_rows.out[k].outer, sizeof(U));
  }
  return all || block.outer == 1;
}

// Whether lines begin at the same elements of all outputs.
template <class Op, class T, class U>
BNFAST_INLINE bool lines_agree(const Op& op, const MappedPlanes<Op, T, U>& in_rows) {
  const auto past = [&](int k) {
    return reinterpret_cast<uintptr_t>(in_rows.out[k].data) % kLineBytes;
  };
  bool agree = past(0) % sizeof(U) == 0;
  for (int k = 1; k < Op::outputs; ++k) agree &= !op.writes(k) || past(k) == past(0);
  return agree;
}

// Whether caches that are near make a difference: nothing is prefetched of several inputs anyhow.
template <class Op>
constexpr bool kNearTells = !kSmall && Op::inputs == 1;

// Whether rows are stored as a run of lines. AVX-512 stores a part of a vector as fast as a whole
// one, but not one that is in two lines.
template <class U>
BNFAST_INLINE bool stores_lines(const Block& block) {
  return !kSmall && (BNFAST_VECTOR_BYTES < 64 || block.channels % kLine<U> == 0);
}

template <class C, Store store, class Op, class T, class U>
BNFAST_INLINE void store_rows(const Op& op, const Block& block,
                              const MappedPlanes<Op, T, U>& in_rows,
                              const void* const* coefficients, bool one_run) {
  if (one_run && stores_lines<U>(block)) {
    map_lines<C, store>(op, block, in_rows, coefficients);
  } else {
    map_rows_storing<C, store>(op, block, in_rows, coefficients);
  }
}

template <class Op, class C, class T, class U>
void map_rows(const Block& block, const Input* in, const Output* out,
              const void* const* coefficients, const Activation& activation, Store how) {
  const Op op(activation);
  const MappedPlanes<Op, T, U> in_rows(in, out);
  bool every_row_aligned = true;
  for (int k = 0; k < Op::outputs; ++k) {
    every_row_aligned &=
        !op.writes(k) || (reinterpret_cast<uintptr_t>(out[k].data) % BNFAST_VECTOR_BYTES == 0 &&
                          out[k].outer % BNFAST_VECTOR_BYTES == 0);
  }
  const bool streams = kStreams && how == Store::streaming;
  const bool one_run =
      how != Store::ordinary && !every_row_aligned && lie_end_to_end(op, in_rows, block);
  if (streams && every_row_aligned) {
    map_rows_storing<C, Store::streaming>(op, block, in_rows, coefficients);
  } else if (streams && one_run && lines_agree(op, in_rows)) {
    map_lines<C, Store::streaming>(op, block, in_rows, coefficients);
  } else if (kNearTells<Op> && how == Store::near) {
    store_rows<C, Store::near>(op, block, in_rows, coefficients, one_run);
  } else {
    store_rows<C, Store::ordinary>(op, block, in_rows, coefficients, one_run);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
