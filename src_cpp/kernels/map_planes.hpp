// The mapping kernels of the planes walk; the templates' parameters are those of map.hpp.
#pragma once

#include "kernels/built_types.hpp"
#include "kernels/map.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// A plane by ordinary stores: whole vectors (0: as many as there are), then one that ends with the
// plane and may overlap the one before. It is read first, for y may be x.
template <class C, int vectors, class Op, class T, class U, class Next>
BNFAST_INLINE void map_overlapping(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                                   const Vector<C>* c, Next next) {
  constexpr int width = kWidth<C>;
  const Place<Op, T, U> end = at.plus(n - width);
  const Mapped<Op, C> last = map_vector<C>(op, end.in, c);
  if constexpr (vectors == 0) {
    map_vectors<C, false>(op, at, 0, n - width, c, next);
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < vectors * width; i += width) {
      if (begins_line<T, C>(i)) next.touch(i);
      put<C, false>(op, at.plus(i).out, map_vector<C>(op, at.in.plus(i), c));
    }
  }
  next.touch(n - width);
  put<C, false>(op, end.out, last);
}

// Whether it tells that the compiler knows the number of a few vectors: conversions and further
// inputs take longer than the steps of a loop.
template <class Op, class C, class T, class U>
constexpr bool kFewVectorsTell = !kSmall && Op::inputs == 1 && kSame<T, C> && kSame<U, C>;

// Of at least a vector.
template <class C, class Op, class T, class U, class Next>
BNFAST_INLINE void map_plane(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                             const Vector<C>* c, Next next) {
  constexpr ptrdiff_t width = kWidth<C>;
  if constexpr (kFewVectorsTell<Op, C, T, U>) {
    switch ((n - 1) / width) {
      case 1:
        return map_overlapping<C, 1>(op, at, n, c, next);
      case 2:
        return map_overlapping<C, 2>(op, at, n, c, next);
      case 3:
        return map_overlapping<C, 3>(op, at, n, c, next);
      case 4:
        return map_overlapping<C, 4>(op, at, n, c, next);
      case 5:
        return map_overlapping<C, 5>(op, at, n, c, next);
      case 6:
        return map_overlapping<C, 6>(op, at, n, c, next);
    }
  }
  map_overlapping<C, 0>(op, at, n, c, next);
}

// Planes of n elements, less than a vector, of `count` channels: all are loaded before any is
// stored. In place a load waits for a store before it whose whole vector overlaps its own.
template <class C, int count, class Op, class T, class U>
BNFAST_INLINE void map_parts(const Op& op, const MappedPlanes<Op, T, U>& planes, ptrdiff_t o,
                             ptrdiff_t c, int n, const void* const* coefficients) {
  Mapped<Op, C> mapped[count];
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(coefficients, c + i, k);
    mapped[i] = map_partial_vector<C>(op, planes.at(c + i, o).in, n, k);
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) put_partial<C>(op, planes.at(c + i, o).out, mapped[i], n);
}

template <class C, class Op, class T, class U>
BNFAST_INLINE void map_part_planes(const Op& op, const MappedPlanes<Op, T, U>& planes, ptrdiff_t o,
                                   ptrdiff_t channels, ptrdiff_t inner,
                                   const void* const* coefficients) {
  constexpr int several = kSmall ? 1 : 4;
  const int n = static_cast<int>(inner);
  if (n < 1) __builtin_unreachable();  // else GCC 12 warns of what it would write then
  ptrdiff_t c = 0;
  for (; c + several <= channels; c += several) {
    map_parts<C, several>(op, planes, o, c, n, coefficients);
  }
  for (; c < channels; ++c) map_parts<C, 1>(op, planes, o, c, n, coefficients);
}

// A plane by streaming stores, but for its ends.
template <class C, class Op, class T, class U>
BNFAST_INLINE void stream_plane(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                                const Vector<C>* c) {
  const ptrdiff_t head = unaligned_head(at.out[0], n);
  const ptrdiff_t end = n - unaligned_tail(at.out[0] + n);
  if (head > 0) map_few<C>(op, at, head, c);
  map_vectors<C, true>(op, at, head, end, c, ReadSoon<Op, T>{at.in.plus(kAlong<T>)});
  map_few<C>(op, at.plus(end), n - end, c);
}

template <class Op, class C>
BNFAST_INLINE void select_lanes(int n, Mapped<Op, C>& a, const Mapped<Op, C>& b) {
#pragma GCC unroll 4
  for (int k = 0; k < Op::outputs; ++k) a.y[k] = select(n, a.y[k], b.y[k]);
}

// What is stored at once where the first n elements belong to one channel and the others to the
// following.
template <class C, bool streaming, class Op, class T, class U>
BNFAST_INLINE void map_straddling(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                                  const Vector<C>* c, const Vector<C>* following) {
  const auto mapped = [&](ptrdiff_t i) __attribute__((always_inline)) {
    Mapped<Op, C> both = map_vector<C>(op, at.in.plus(i), c);
    select_lanes(static_cast<int>(n - i), both, map_vector<C>(op, at.in.plus(i), following));
    return both;
  };
  if constexpr (streaming && streams_in_pairs<C, U>) {
    const Mapped<Op, C> first = mapped(0);
    stream_pair(op, at.out, first, mapped(kWidth<C>));
  } else {
    put<C, streaming>(op, at.out, mapped(0));
  }
}

// Planes of neighbouring channels, end to end: one run of vectors, each in a line of the
// output, of which those that begin in one channel and end in the next are mapped with both
// channels' coefficients. inner is at least a line of the output.
template <class C, bool streaming, class Op, class T, class U, class Next>
BNFAST_INLINE void map_joined(const Op& op, const Place<Op, T, U>& at, ptrdiff_t channels,
                              ptrdiff_t inner, const void* const* coefficients, Next next) {
  constexpr ptrdiff_t step = kStreamed<C, U>;
  const ptrdiff_t n = channels * inner, lines = n - unaligned_tail(at.out[0] + n);
  Vector<C> k[Op::coefficients], following[Op::coefficients];
  splat_coefficients<C, Op::coefficients>(coefficients, 0, k);
  ptrdiff_t i = unaligned_head(at.out[0], n), c = 0;
  if (i > 0) map_few<C>(op, at, i, k);
  for (ptrdiff_t end = inner;; end += inner) {
    const ptrdiff_t stop = end < lines ? end : lines;
    const ptrdiff_t whole =
        stop < i ? i : i + static_cast<ptrdiff_t>(static_cast<size_t>(stop - i) / step * step);
    map_vectors<C, streaming>(op, at, i, whole, k, next);
    i = whole;
    if (++c == channels) break;
    splat_coefficients<C, Op::coefficients>(coefficients, c, following);
    if (i < end) {
      next.touch(i);
      map_straddling<C, streaming>(op, at.plus(i), end - i, k, following);
      i += step;
    }
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) k[j] = following[j];
  }
  next.touch(i);
  map_few<C>(op, at.plus(i), n - i, k);
}

// Whether the planes of a block's channels lie end to end, and a line touches two at most.
template <class C, class Op, class T, class U>
BNFAST_INLINE bool joined(const Op& op, const Block& block, const MappedPlanes<Op, T, U>& planes) {
  bool end_to_end = true;
  for (int k = 0; k < Op::inputs; ++k) {
    end_to_end &= planes.in.in[k].channel == block.inner * static_cast<ptrdiff_t>(sizeof(T));
  }
  for (int k = 0; k < Op::outputs; ++k) {
    end_to_end &=
        !op.writes(k) || planes.out[k].channel == block.inner * static_cast<ptrdiff_t>(sizeof(U));
  }
  return block.inner >= kLine<U> && (end_to_end || block.channels == 1);
}

// Whether streaming stores reach whole lines: not where short planes lie apart, nor where a vector
// of what is computed fills a quarter of one of the output. All outputs must get aligned at once,
// and whole elements lie on their own boundaries.
template <class C, class Op, class T, class U>
BNFAST_INLINE bool streamable(const Op& op, const Block& block,
                              const MappedPlanes<Op, T, U>& planes) {
  constexpr ptrdiff_t least_run = 512 / sizeof(U);
  const auto past = [](const Output& out) {
    return reinterpret_cast<uintptr_t>(out.data) % BNFAST_VECTOR_BYTES;
  };
  const Output& first = planes.out[0];
  bool aligned = past(first) % sizeof(U) == 0 && first.outer % sizeof(U) == 0 &&
                 first.channel % sizeof(U) == 0;
  for (int k = 1; k < Op::outputs; ++k) {
    const Output& out = planes.out[k];
    aligned &= !op.writes(k) || (past(out) == past(first) && out.outer == first.outer &&
                                 out.channel == first.channel);
  }
  return 2 * sizeof(U) >= sizeof(C) && aligned &&
         (block.inner >= least_run || joined<C>(op, block, planes));
}

template <class C, class Op, class T, class U>
void stream_planes(const Op& op, const Block& block, const MappedPlanes<Op, T, U>& planes,
                   const void* const* coefficients) {
  constexpr ptrdiff_t long_plane = 4096 / sizeof(U);
  const bool together = block.inner < long_plane && joined<C>(op, block, planes);
  const ptrdiff_t row = block.channels * block.inner;
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    if (together) {
      const Place<Op, T, U> at = planes.at(0, o);
      const Inputs<Op, T> after = o + 1 < block.outer ? planes.at(0, o + 1).in : at.in.plus(row);
      map_joined<C, true>(op, at, block.channels, block.inner, coefficients,
                          read_on<Op>(at.in, after, row, kAlong<T>));
      continue;
    }
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(coefficients, c, k);
      stream_plane<C>(op, planes.at(c, o), block.inner, k);
    }
  }
}

template <class C, class Op, class T, class U>
void store_planes(const Op& op, const Block& block, const MappedPlanes<Op, T, U> planes,
                  const void* const* coefficients) {
  const auto [outer, channels, inner] = block;
  for (ptrdiff_t o = 0; o < outer; ++o) {
    if (inner < kWidth<C>) {
      map_part_planes<C>(op, planes, o, channels, inner, coefficients);
      continue;
    }
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(coefficients, c, k);
      const Place<Op, T, U> at = planes.at(c, o);
      map_plane<C>(op, at, inner, k, WalkAhead<T, U, kAlongBytes>{at.in.at[0], at.out[0]});
    }
  }
}

// Whether this build joins planes that are stored through the caches.
template <class C, class T>
constexpr bool kJoins = kStreams && !kSmall && kSame<T, C>;

// Nothing is prefetched: with near caches that took longer (docs/experiments.md).
template <class C, class Op, class T, class U>
void store_joined_planes(const Op& op, const Block& block, const MappedPlanes<Op, T, U>& planes,
                         const void* const* coefficients) {
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    map_joined<C, false>(op, planes.at(0, o), block.channels, block.inner, coefficients,
                         ReadNothing{});
  }
}

template <class Op, class C, class T, class U>
void map_planes(const Block& block, const Input* in, const Output* out,
                const void* const* coefficients, const Activation& activation, Store how) {
  const Op op(activation);
  const MappedPlanes<Op, T, U> planes(in, out);
  if (kStreams && how == Store::streaming && streamable<C>(op, block, planes)) {
    return stream_planes<C>(op, block, planes, coefficients);
  }
  if constexpr (kJoins<C, T> && kSame<U, C>) {
    if (how == Store::near && joined<C>(op, block, planes)) {
      return store_joined_planes<C>(op, block, planes, coefficients);
    }
  }
  store_planes<C>(op, block, planes, coefficients);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
