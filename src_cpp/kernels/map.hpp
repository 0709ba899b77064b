// The mapping kernels of the planes walk: y from x, or dx from x and dy, element by element.
//
// Parameters of the templates:
//   Op   Affine, Gradient or an activated one: the formula
//   C    compute type: double where T or U is double, else float
//   T    storage type of the inputs: float, double, Float16, Bfloat16; for Affine also 8 and 16-bit
//        integers
//   U    storage type of the outputs: float, double, Float16, Bfloat16
#pragma once

#include "kernels/sums.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Of an op: `inputs`, `outputs` and `coefficients`, their numbers; apply(u, c, y) makes one vector
// of each output from one of each input; writes(k): whether output k is wanted.
template <class C>
struct Affine {
  static constexpr int inputs = 1, outputs = 1, coefficients = 3;
  explicit Affine(const Activation&) {}
  static constexpr bool writes(int) { return true; }

  template <class V>
  __attribute__((always_inline)) void apply(const V* u, const V* c, V* y) const {
    y[0] = fma(u[0] - c[0], c[1], c[2]);
  }
};

template <class C>
struct Gradient {
  static constexpr int inputs = 2, outputs = 1, coefficients = 4;
  explicit Gradient(const Activation&) {}
  static constexpr bool writes(int) { return true; }

  template <class V>
  __attribute__((always_inline)) void apply(const V* u, const V* c, V* y) const {
    y[0] = fma(u[0] - c[0], c[1], u[1] - c[2]) * c[3];
  }
};

// Where a map reads and writes.
template <class Op, class T, class U>
struct Place {
  Inputs<Op, T> in;
  U* out[Op::outputs];

  __attribute__((always_inline)) Place plus(ptrdiff_t elements) const {
    Place moved{in.plus(elements), {}};
#pragma GCC unroll 4
    for (int k = 0; k < Op::outputs; ++k) moved.out[k] = out[k] + elements;
    return moved;
  }
};

// One vector of each output.
template <class Op, class C>
struct Mapped {
  Vector<C> y[Op::outputs];
};

template <class C, class Op, class T>
BNFAST_INLINE Mapped<Op, C> map_vector(const Op& op, const Inputs<Op, T>& in, const Vector<C>* c) {
  Vector<C> u[Op::inputs];
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) u[k] = Io<C, T>::load(in.at[k]);
  Mapped<Op, C> mapped;
  op.apply(u, c, mapped.y);
  return mapped;
}

template <class C, class Op, class T, class U>
BNFAST_INLINE void map_partial(const Op& op, const Place<Op, T, U>& at, int n, const Vector<C>* c) {
  Vector<C> u[Op::inputs];
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) {
    u[k] = Io<C, T>::load_partial(at.in.at[k], n, Vector<C>{});
  }
  Mapped<Op, C> mapped;
  op.apply(u, c, mapped.y);
#pragma GCC unroll 4
  for (int k = 0; k < Op::outputs; ++k) {
    if (op.writes(k)) Io<C, U>::store_partial(at.out[k], mapped.y[k], n);
  }
}

template <class C, bool streaming, class Op, class U>
BNFAST_INLINE void put(const Op& op, U* const* out, const Mapped<Op, C>& mapped) {
#pragma GCC unroll 4
  for (int k = 0; k < Op::outputs; ++k) {
    if (!op.writes(k)) continue;
    if (streaming) {
      Io<C, U>::stream(out[k], mapped.y[k]);
    } else {
      Io<C, U>::store(out[k], mapped.y[k]);
    }
  }
}

// Streamed at once: one vector; or two, where two fill one of the output. Half lines would wait for
// their other half, and are slow where what else the line holds is stored through the caches.
template <class C, class U>
constexpr bool streams_in_pairs = 2 * sizeof(U) == sizeof(C);
template <class C, class U>
constexpr ptrdiff_t kStreamed = kWidth<C> * (streams_in_pairs<C, U> ? 2 : 1);

template <class C, class Op, class U>
BNFAST_INLINE void stream_pair(const Op& op, U* const* out, const Mapped<Op, C>& a,
                               const Mapped<Op, C>& b) {
#pragma GCC unroll 4
  for (int k = 0; k < Op::outputs; ++k) {
    if (op.writes(k)) Io<C, U>::stream(out[k], a.y[k], b.y[k]);
  }
}

// The elements before y is aligned for streaming: fewer than are streamed at once, at most n.
template <class U>
BNFAST_INLINE ptrdiff_t unaligned_head(const U* y, ptrdiff_t n) {
  const uintptr_t past = reinterpret_cast<uintptr_t>(y) % BNFAST_VECTOR_BYTES;
  const ptrdiff_t head =
      past == 0 ? 0 : static_cast<ptrdiff_t>((BNFAST_VECTOR_BYTES - past) / sizeof(U));
  return head < n ? head : n;
}

// Whole vectors one by one, then what is left.
template <class C, class Op, class T, class U>
BNFAST_INLINE void map_few(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                           const Vector<C>* c) {
  constexpr int width = kWidth<C>;
  ptrdiff_t i = 0;
  for (; i + width <= n; i += width) {
    const Place<Op, T, U> here = at.plus(i);
    put<C, false>(op, here.out, map_vector<C>(op, here.in, c));
  }
  if (i < n) map_partial<C>(op, at.plus(i), static_cast<int>(n - i), c);
}

// What a map prefetches on its way, at the index of the vector at hand: what a reduction will read
// next.
template <class Op, class T>
struct ReadNext {
  Inputs<Op, T> in;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) prefetch(in.at[k] + i);
  }
};
// The same for a map alone, which walks memory in order: what it will read and write soon.
template <class T, class U>
struct WalkAhead {
  const T* x;
  const U* y;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    constexpr ptrdiff_t bytes = 2048;
    prefetch(reinterpret_cast<const char*>(x + i) + bytes);
    prefetch_for_write(reinterpret_cast<const char*>(y + i) + bytes);
  }
};
// The same where what is written bypasses the caches.
template <class Op, class T>
struct ReadAlong {
  Inputs<Op, T> in;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    constexpr ptrdiff_t bytes = 2048;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      prefetch(reinterpret_cast<const char*>(in.at[k] + i) + bytes);
    }
  }
};

// True for the vectors with which a cache line's worth of elements begins.
template <class T, class C>
BNFAST_INLINE bool begins_line(ptrdiff_t i) {
  constexpr ptrdiff_t line = 64 / sizeof(T);
  return i % line < kWidth<C>;
}

template <class C, class Op, class T, class U, class Next>
BNFAST_INLINE void stream_pairs(const Op& op, const Place<Op, T, U>& at, ptrdiff_t begin,
                                ptrdiff_t end, const Vector<C>* c, Next next) {
  const auto mapped = [&](ptrdiff_t i) __attribute__((always_inline)) {
    if (begins_line<T, C>(i)) next.touch(i);
    return map_vector<C>(op, at.in.plus(i), c);
  };
  for (ptrdiff_t i = begin; i < end; i += 2 * kWidth<C>) {
    const Mapped<Op, C> first = mapped(i);
    stream_pair(op, at.plus(i).out, first, mapped(i + kWidth<C>));
  }
}

// From begin to end: whole vectors, a line of the input's at a time; or pairs where those are
// streamed.
template <class C, bool streaming, class Op, class T, class U, class Next>
BNFAST_INLINE void map_vectors(const Op& op, const Place<Op, T, U>& at, ptrdiff_t begin,
                               ptrdiff_t end, const Vector<C>* c, Next next) {
  if constexpr (streaming && streams_in_pairs<C, U>) {
    return stream_pairs<C>(op, at, begin, end, c, next);
  }
  constexpr ptrdiff_t width = kWidth<C>, elements = 64 / sizeof(T);
  constexpr ptrdiff_t line = kSmall || elements < width ? width : elements;
  const auto map_one = [&](ptrdiff_t i) __attribute__((always_inline)) {
    const Place<Op, T, U> here = at.plus(i);
    put<C, streaming>(op, here.out, map_vector<C>(op, here.in, c));
  };
  ptrdiff_t i = begin;
  if constexpr (line > width) {
    for (; i + line <= end; i += line) {
      next.touch(i);
#pragma GCC unroll 8
      for (ptrdiff_t v = 0; v < line; v += width) map_one(i + v);
    }
  }
  for (; i < end; i += width) {  // the last one may go beyond the end
    if (begins_line<T, C>(i)) next.touch(i);
    map_one(i);
  }
}

// A plane by ordinary stores: the last vector ends with the plane and may overlap the one before.
// It is read first, for y may be x.
template <class C, class Op, class T, class U, class Next>
BNFAST_INLINE void map_plane(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                             const Vector<C>* c, Next next) {
  constexpr int width = kWidth<C>;
  next.touch(0);
  if (n < width) return map_partial<C>(op, at, static_cast<int>(n), c);
  const Place<Op, T, U> end = at.plus(n - width);
  const Mapped<Op, C> last = map_vector<C>(op, end.in, c);
  map_vectors<C, false>(op, at, 0, n - width, c, next);
  next.touch(n - width);
  put<C, false>(op, end.out, last);
}

// A plane by streaming stores, but for its ends.
template <class C, class Op, class T, class U>
BNFAST_INLINE void stream_plane(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                                const Vector<C>* c) {
  const ptrdiff_t head = unaligned_head(at.out[0], n);
  const ptrdiff_t end = head + (n - head) / kStreamed<C, U> * kStreamed<C, U>;
  if (head > 0) map_few<C>(op, at, head, c);
  map_vectors<C, true>(op, at, head, end, c, ReadAlong<Op, T>{at.in});
  map_few<C>(op, at.plus(end), n - end, c);
}

template <class Op, class C>
BNFAST_INLINE void select_lanes(int n, Mapped<Op, C>& a, const Mapped<Op, C>& b) {
#pragma GCC unroll 4
  for (int k = 0; k < Op::outputs; ++k) a.y[k] = select(n, a.y[k], b.y[k]);
}

// What is streamed at once where the first n elements belong to one channel and the others to the
// following.
template <class C, class Op, class T, class U>
BNFAST_INLINE void stream_straddling(const Op& op, const Place<Op, T, U>& at, ptrdiff_t n,
                                     const Vector<C>* c, const Vector<C>* following) {
  const auto mapped = [&](ptrdiff_t i) __attribute__((always_inline)) {
    Mapped<Op, C> both = map_vector<C>(op, at.in.plus(i), c);
    select_lanes(static_cast<int>(n - i), both, map_vector<C>(op, at.in.plus(i), following));
    return both;
  };
  if constexpr (streams_in_pairs<C, U>) {
    const Mapped<Op, C> first = mapped(0);
    stream_pair(op, at.out, first, mapped(kWidth<C>));
  } else {
    put<C, true>(op, at.out, mapped(0));
  }
}

// Short planes of neighbouring channels, end to end, by streaming stores: one run of vectors, of
// which those that begin in one channel and end in the next are mapped with both channels'
// coefficients. inner is at least what is streamed at once.
template <class C, class Op, class T, class U, class Next>
BNFAST_INLINE void stream_joined(const Op& op, const Place<Op, T, U>& at, ptrdiff_t channels,
                                 ptrdiff_t inner, const void* const* coefficients, Next next) {
  constexpr ptrdiff_t step = kStreamed<C, U>;
  const ptrdiff_t n = channels * inner;
  Vector<C> k[Op::coefficients], following[Op::coefficients];
  splat_coefficients<C, Op::coefficients>(coefficients, 0, k);
  ptrdiff_t i = unaligned_head(at.out[0], n), c = 0;
  if (i > 0) map_few<C>(op, at, i, k);
  for (ptrdiff_t end = inner;; end += inner) {
    const ptrdiff_t whole = i + (end - i) / step * step;
    map_vectors<C, true>(op, at, i, whole, k, next);
    i = whole;
    if (++c == channels) break;
    splat_coefficients<C, Op::coefficients>(coefficients, c, following);
    if (i < end) {
      next.touch(i);
      stream_straddling<C>(op, at.plus(i), end - i, k, following);
      i += step;
    }
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) k[j] = following[j];
  }
  next.touch(i);
  map_few<C>(op, at.plus(i), n - i, k);
}

// A block's planes, as a map walks them. Held by value: what a kernel stores might alias the
// caller's.
template <class Op, class T, class U>
struct MappedPlanes {
  BlockInputs<Op, T> in;
  Output out[Op::outputs];

  MappedPlanes(const Input* inputs, const Output* outputs) : in(inputs) {
#pragma GCC unroll 4
    for (int k = 0; k < Op::outputs; ++k) out[k] = outputs[k];
  }
  __attribute__((always_inline)) Place<Op, T, U> at(ptrdiff_t c, ptrdiff_t o) const {
    Place<Op, T, U> place{in.at(c, o), {}};
#pragma GCC unroll 4
    for (int k = 0; k < Op::outputs; ++k) {
      place.out[k] = reinterpret_cast<U*>(out[k].data + o * out[k].outer + c * out[k].channel);
    }
    return place;
  }
};

// Whether the planes of a block's channels lie end to end, and what is streamed at once touches two
// at most.
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
  return block.inner >= kStreamed<C, U> && (end_to_end || block.channels == 1);
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
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    if (together) {
      const Place<Op, T, U> at = planes.at(0, o);
      stream_joined<C>(op, at, block.channels, block.inner, coefficients, ReadAlong<Op, T>{at.in});
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
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(coefficients, c, k);
      const Place<Op, T, U> at = planes.at(c, o);
      map_plane<C>(op, at, inner, k, WalkAhead<T, U>{at.in.at[0], at.out[0]});
    }
  }
}

template <class Op, class C, class T, class U>
void map_planes(const Block& block, const Input* in, const Output* out,
                const void* const* coefficients, const Activation& activation, Store how) {
  const Op op(activation);
  const MappedPlanes<Op, T, U> planes(in, out);
  if (kStreams && how == Store::streaming && streamable<C>(op, block, planes)) {
    stream_planes<C>(op, block, planes, coefficients);
  } else {
    store_planes<C>(op, block, planes, coefficients);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
