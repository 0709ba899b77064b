// What the mapping kernels share: y from x, or dx from x and dy, vector by vector.
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
// of each output from one of each input; writes(k): whether output k is wanted. As in sums.hpp, x
// is subtracted from c[0].
template <class C>
struct Affine {
  static constexpr int inputs = 1, outputs = 1, coefficients = 3;
  explicit Affine(const Activation&) {}
  static constexpr bool writes(int) { return true; }

  template <class V>
  __attribute__((always_inline)) void apply(const V* u, const V* c, V* y) const {
    y[0] = fnma(c[0] - u[0], c[1], c[2]);
  }
};

template <class C>
struct Gradient {
  static constexpr int inputs = 2, outputs = 1, coefficients = 4;
  explicit Gradient(const Activation&) {}
  static constexpr bool writes(int) { return true; }

  template <class V>
  __attribute__((always_inline)) void apply(const V* u, const V* c, V* y) const {
    y[0] = fnma(c[0] - u[0], c[1], u[1] - c[2]) * c[3];
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

// The coefficients of a row of channels.
template <class Op, class C>
struct CoefficientRow {
  const C* at[Op::coefficients];

  explicit CoefficientRow(const void* const* coefficients) {
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) at[j] = static_cast<const C*>(coefficients[j]);
  }
  __attribute__((always_inline)) CoefficientRow plus(ptrdiff_t columns) const {
    CoefficientRow moved = *this;
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) moved.at[j] += columns;
    return moved;
  }
};

// The vector i elements from there: with coefficients that are the same for all, or a row of them.
template <class C, class Op, class T>
BNFAST_INLINE Mapped<Op, C> map_vector_at(const Op& op, const Inputs<Op, T>& in, ptrdiff_t i,
                                          const Vector<C>* c) {
  return map_vector<C>(op, in.plus(i), c);
}
template <class C, class Op, class T>
BNFAST_INLINE Mapped<Op, C> map_vector_at(const Op& op, const Inputs<Op, T>& in, ptrdiff_t i,
                                          const CoefficientRow<Op, C>& row) {
  Vector<C> c[Op::coefficients];
#pragma GCC unroll 8
  for (int j = 0; j < Op::coefficients; ++j) c[j] = load(row.at[j] + i);
  return map_vector<C>(op, in.plus(i), c);
}

template <class C, class Op, class T>
BNFAST_INLINE Mapped<Op, C> map_partial_vector(const Op& op, const Inputs<Op, T>& in, int n,
                                               const Vector<C>* c) {
  Vector<C> u[Op::inputs];
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) u[k] = Io<C, T>::load_partial(in.at[k], n, Vector<C>{});
  Mapped<Op, C> mapped;
  op.apply(u, c, mapped.y);
  return mapped;
}

template <class C, class Op, class U>
BNFAST_INLINE void put_partial(const Op& op, U* const* out, const Mapped<Op, C>& mapped, int n) {
#pragma GCC unroll 4
  for (int k = 0; k < Op::outputs; ++k) {
    if (op.writes(k)) Io<C, U>::store_partial(out[k], mapped.y[k], n);
  }
}

template <class C, class Op, class T, class U>
BNFAST_INLINE void map_partial(const Op& op, const Place<Op, T, U>& at, int n, const Vector<C>* c) {
  put_partial<C>(op, at.out, map_partial_vector<C>(op, at.in, n, c), n);
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

// A run's whole lines are streamed. Those it shares with others at its ends are stored through the
// caches: what else is streamed into a line waits until the caches have given it up.
constexpr size_t kLineBytes = 64;
template <class U>
constexpr ptrdiff_t kLine = kLineBytes / sizeof(U);

// The elements before the first whole line, at most n.
template <class U>
BNFAST_INLINE ptrdiff_t unaligned_head(const U* y, ptrdiff_t n) {
  const size_t past = reinterpret_cast<uintptr_t>(y) % kLineBytes;
  const ptrdiff_t head = past == 0 ? 0 : static_cast<ptrdiff_t>((kLineBytes - past) / sizeof(U));
  return head < n ? head : n;
}
// The elements behind the last whole line of a run up to `end`.
template <class U>
BNFAST_INLINE ptrdiff_t unaligned_tail(const U* end) {
  return static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(end) % kLineBytes / sizeof(U));
}
// Fetches the lines that a run of n elements will share with others.
template <class U>
BNFAST_INLINE void prefetch_ends(const U* y, ptrdiff_t n) {
  if (unaligned_tail(y) > 0) prefetch_for_write(y);
  if (unaligned_tail(y + n) > 0) prefetch_for_write(y + n);
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

// What a map prefetches on its way, at the index of the vector at hand, from there.
template <class Op, class T, void (*fetch)(const void*)>
struct ReadFrom {
  Inputs<Op, T> in;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) fetch(in.at[k] + i);
  }
};
// What a reduction will read next, and what soon: the first into L2, as in ReadAhead.
template <class Op, class T>
using ReadNext = ReadFrom<Op, T, prefetch_to_l2>;
template <class Op, class T>
using ReadSoon = ReadFrom<Op, T, prefetch>;
template <class Op, class T>
struct ReadBoth {
  ReadNext<Op, T> next;
  ReadSoon<Op, T> soon;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    next.touch(i);
    soon.touch(i);
  }
};
// How far ahead a map alone reads, which walks memory in order: what lies 4 KB apart has the same
// sets of L1.
constexpr ptrdiff_t kAlongBytes = 3 * 1024;
template <class T>
constexpr ptrdiff_t kAlong = kAlongBytes / sizeof(T);
// For such a map: what it will read and write soon.
template <class T, class U, ptrdiff_t bytes>
struct WalkAhead {
  const T* x;
  const U* y;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    prefetch(reinterpret_cast<const char*>(x + i) + bytes);
    prefetch_for_write(reinterpret_cast<const char*>(y + i) + bytes);
  }
};
// The same where what is written bypasses the caches: far ahead into L2, near into L1.
template <class Op, class T>
struct ReadAlong {
  Inputs<Op, T> in;
  ReadAhead<Op> far;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    far.touch(i, in.plus(i).at);
    ReadSoon<Op, T>{in.plus(kAlong<T> / Op::inputs)}.touch(i);
  }
};

// What a map reads soon, where a run of elements ends before that: from element `left` on what lies
// after it.
template <class Op, class T>
struct ReadOn {
  Inputs<Op, T> here, after;
  ptrdiff_t left;

  __attribute__((always_inline)) const Inputs<Op, T>& from(ptrdiff_t i) const {
    return i < left ? here : after;
  }
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    ReadSoon<Op, T>{from(i)}.touch(i);
  }
};
template <class Op, class T>
BNFAST_INLINE ReadOn<Op, T> read_on(const Inputs<Op, T>& run, const Inputs<Op, T>& after,
                                    ptrdiff_t n, ptrdiff_t ahead) {
  return {run.plus(ahead), after.plus(ahead - n), n - ahead};
}

struct ReadNothing {
  template <class... At>
  __attribute__((always_inline)) void touch(At...) const {}
};

// True for the vectors with which a cache line's worth of elements begins.
template <class T, class C>
BNFAST_INLINE bool begins_line(ptrdiff_t i) {
  return static_cast<size_t>(i) % static_cast<size_t>(kLine<T>) < kWidth<C>;
}

template <class C, class Op, class T, class U, class Coefficients, class Next>
BNFAST_INLINE void stream_pairs(const Op& op, const Place<Op, T, U>& at, ptrdiff_t begin,
                                ptrdiff_t end, const Coefficients& c, Next next) {
  const auto mapped = [&](ptrdiff_t i) __attribute__((always_inline)) {
    if (begins_line<T, C>(i)) next.touch(i);
    return map_vector_at<C>(op, at.in, i, c);
  };
  for (ptrdiff_t i = begin; i < end; i += 2 * kWidth<C>) {
    const Mapped<Op, C> first = mapped(i);
    stream_pair(op, at.plus(i).out, first, mapped(i + kWidth<C>));
  }
}

// Whether the compiler shall save space: then no loop is written twice for speed.
#if defined(__OPTIMIZE_SIZE__)
constexpr bool kSmall = true;
#else
constexpr bool kSmall = false;
#endif

// From begin to end: whole vectors, a line of the input's at a time; or pairs where those are
// streamed.
template <class C, bool streaming, class Op, class T, class U, class Coefficients, class Next>
BNFAST_INLINE void map_vectors(const Op& op, const Place<Op, T, U>& at, ptrdiff_t begin,
                               ptrdiff_t end, const Coefficients& c, Next next) {
  if constexpr (streaming && streams_in_pairs<C, U>) {
    return stream_pairs<C>(op, at, begin, end, c, next);
  }
  constexpr ptrdiff_t width = kWidth<C>;
  constexpr ptrdiff_t line = kSmall || kLine<T> < width ? width : kLine<T>;
  const auto map_one = [&](ptrdiff_t i) __attribute__((always_inline)) {
    put<C, streaming>(op, at.plus(i).out, map_vector_at<C>(op, at.in, i, c));
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
  __attribute__((always_inline)) MappedPlanes plus(ptrdiff_t elements) const {
    MappedPlanes moved = *this;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      moved.in.in[k].data += elements * static_cast<ptrdiff_t>(sizeof(T));
    }
#pragma GCC unroll 4
    for (int k = 0; k < Op::outputs; ++k) {
      moved.out[k].data += elements * static_cast<ptrdiff_t>(sizeof(U));
    }
    return moved;
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

}  // namespace BNFAST_ISA
}  // namespace bnfast
