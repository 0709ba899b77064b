// The mapping kernels of the planes walk: y from x, or dx from x and dy, element by element.
//
// Parameters of the templates:
//   Op   Affine or Gradient: the formula, with its number of inputs and coefficients
//   C    compute type: double where T or U is double, else float
//   T    storage type of the inputs: float, double, Float16, Bfloat16; for Affine also an integer
//   of
//        8 or 16 bits
//   U    storage type of the output: float, double, Float16, Bfloat16
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

struct Affine {
  static constexpr int inputs = 1;
  static constexpr int coefficients = 3;
  template <class V>
  BNFAST_INLINE V apply(V x, V, const V* c) {
    return fma(x - c[0], c[1], c[2]);
  }
};

struct Gradient {
  static constexpr int inputs = 2;
  static constexpr int coefficients = 4;
  template <class V>
  BNFAST_INLINE V apply(V x, V dy, const V* c) {
    return fma(x - c[0], c[1], dy - c[2]) * c[3];
  }
};

template <class Op, class C, class T>
BNFAST_INLINE Vector<C> map_vector(const T* x, const T* dy, const Vector<C>* c) {
  return Op::apply(Io<C, T>::load(x), Op::inputs == 2 ? Io<C, T>::load(dy) : Vector<C>{}, c);
}

template <class Op, class C, class T, class U>
BNFAST_INLINE void map_partial(const T* x, const T* dy, U* y, int n, const Vector<C>* c) {
  const Vector<C> zero = {};
  const Vector<C> u = Io<C, T>::load_partial(x, n, zero);
  const Vector<C> v = Op::inputs == 2 ? Io<C, T>::load_partial(dy, n, zero) : zero;
  Io<C, U>::store_partial(y, Op::apply(u, v, c), n);
}

template <class C, bool streaming, class U>
BNFAST_INLINE void put(U* p, Vector<C> v) {
  if (streaming) {
    Io<C, U>::stream(p, v);
  } else {
    Io<C, U>::store(p, v);
  }
}

// The elements before y is aligned for streaming: less than a vector of them, at most n.
template <class C, class U>
BNFAST_INLINE ptrdiff_t unaligned_head(const U* y, ptrdiff_t n) {
  constexpr uintptr_t aligned = kWidth<C> * sizeof(U);
  const uintptr_t past = reinterpret_cast<uintptr_t>(y) % aligned;
  const ptrdiff_t head = past == 0 ? 0 : static_cast<ptrdiff_t>((aligned - past) / sizeof(U));
  return head < n ? head : n;
}

// Whole vectors one by one, then what is left.
template <class Op, class C, class T, class U>
BNFAST_INLINE void map_few(const T* x, const T* dy, U* y, ptrdiff_t n, const Vector<C>* c) {
  constexpr int width = kWidth<C>;
  ptrdiff_t i = 0;
  for (; i + width <= n; i += width) {
    put<C, false>(y + i, map_vector<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, c));
  }
  if (i < n) {
    map_partial<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, y + i, static_cast<int>(n - i), c);
  }
}

// What a map prefetches on its way, at the index of the vector at hand: what will be read next.
template <class Op, class T>
struct ReadNext {
  const T *x, *dy;
  __attribute__((always_inline)) void touch(ptrdiff_t i) const {
    prefetch(x + i);
    if (Op::inputs == 2) prefetch(dy + i);
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
struct ReadNothing {
  __attribute__((always_inline)) void touch(ptrdiff_t) const {}
};

// True for the vectors with which a cache line's worth of elements begins.
template <class T, class C>
BNFAST_INLINE bool begins_line(ptrdiff_t i) {
  constexpr ptrdiff_t line = 64 / sizeof(T);
  return i % line < kWidth<C>;
}

template <class Op, class C, bool streaming, class T, class U, class Next>
BNFAST_INLINE void map_vectors(const T* x, const T* dy, U* y, ptrdiff_t begin, ptrdiff_t end,
                               const Vector<C>* c, Next next) {
  for (ptrdiff_t i = begin; i < end; i += kWidth<C>) {
    if (begins_line<T, C>(i)) next.touch(i);
    put<C, streaming>(y + i, map_vector<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, c));
  }
}

// A plane by ordinary stores: the last vector ends with the plane and may overlap the one before.
// It is read first, for y may be x.
template <class Op, class C, class T, class U, class Next>
BNFAST_INLINE void map_plane(const T* x, const T* dy, U* y, ptrdiff_t n, const Vector<C>* c,
                             Next next) {
  constexpr int width = kWidth<C>;
  next.touch(0);
  if (n < width) return map_partial<Op, C>(x, dy, y, static_cast<int>(n), c);
  const ptrdiff_t at = n - width;
  const Vector<C> last = map_vector<Op, C>(x + at, Op::inputs == 2 ? dy + at : x, c);
  map_vectors<Op, C, false>(x, dy, y, 0, at, c, next);
  next.touch(at);
  put<C, false>(y + at, last);
}

// A plane by streaming stores, but for its ends.
template <class Op, class C, class T, class U>
BNFAST_INLINE void stream_plane(const T* x, const T* dy, U* y, ptrdiff_t n, const Vector<C>* c) {
  const ptrdiff_t head = unaligned_head<C>(y, n);
  const ptrdiff_t end = head + (n - head) / kWidth<C> * kWidth<C>;
  if (head > 0) map_few<Op, C>(x, dy, y, head, c);
  map_vectors<Op, C, true>(x, dy, y, head, end, c, ReadNothing{});
  map_few<Op, C>(x + end, Op::inputs == 2 ? dy + end : x, y + end, n - end, c);
}

template <class Op, class C>
BNFAST_INLINE void splat_coefficients(const void* const* coefficients, ptrdiff_t channel,
                                      Vector<C>* k) {
#pragma GCC unroll 4
  for (int j = 0; j < Op::coefficients; ++j) {
    k[j] = splat(static_cast<const C*>(coefficients[j])[channel]);
  }
}

// Short planes of neighbouring channels, end to end, by streaming stores: one run of vectors, of
// which those that begin in one channel and end in the next are mapped with both channels'
// coefficients. inner is at least a vector's width.
template <class Op, class C, class T, class U, class Next>
BNFAST_INLINE void stream_joined(const T* x, const T* dy, U* y, ptrdiff_t channels, ptrdiff_t inner,
                                 const void* const* coefficients, Next next) {
  constexpr int width = kWidth<C>;
  const ptrdiff_t n = channels * inner;
  Vector<C> k[Op::coefficients], following[Op::coefficients];
  splat_coefficients<Op, C>(coefficients, 0, k);
  ptrdiff_t i = unaligned_head<C>(y, n), c = 0;
  if (i > 0) map_few<Op, C>(x, dy, y, i, k);
  for (ptrdiff_t end = inner;; end += inner) {
    const ptrdiff_t whole = i + (end - i) / width * width;
    map_vectors<Op, C, true>(x, dy, y, i, whole, k, next);
    i = whole;
    if (++c == channels) break;
    splat_coefficients<Op, C>(coefficients, c, following);
    if (i < end) {
      const T* dy_at = Op::inputs == 2 ? dy + i : x;
      next.touch(i);
      put<C, true>(y + i, select(static_cast<int>(end - i), map_vector<Op, C>(x + i, dy_at, k),
                                 map_vector<Op, C>(x + i, dy_at, following)));
      i += width;
    }
#pragma GCC unroll 4
    for (int j = 0; j < Op::coefficients; ++j) k[j] = following[j];
  }
  next.touch(i);
  map_few<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, y + i, n - i, k);
}

// Whether the planes of a block's channels lie end to end, and a vector touches two at most.
template <class Op, class C, class T, class U>
BNFAST_INLINE bool joined(const Block& block, const Input* in, const Output& out) {
  const ptrdiff_t read = block.inner * static_cast<ptrdiff_t>(sizeof(T));
  const ptrdiff_t written = block.inner * static_cast<ptrdiff_t>(sizeof(U));
  const bool end_to_end =
      in[0].channel == read && out.channel == written && (Op::inputs == 1 || in[1].channel == read);
  return block.inner >= kWidth<C> && (end_to_end || block.channels == 1);
}

// Streaming stores need whole elements on their own boundaries to get aligned at all.
template <class U>
BNFAST_INLINE bool reachable(const Output& out) {
  return reinterpret_cast<uintptr_t>(out.data) % sizeof(U) == 0 && out.outer % sizeof(U) == 0 &&
         out.channel % sizeof(U) == 0;
}

// A block's planes, as a map walks them. Held by value: what a kernel stores might alias the
// caller's.
template <class Op, class T, class U>
struct MappedPlanes {
  Input in[2];
  Output out;

  MappedPlanes(const Input* inputs, const Output& output)
      : in{inputs[0], inputs[Op::inputs - 1]}, out(output) {}
  __attribute__((always_inline)) const T* x(ptrdiff_t c, ptrdiff_t o) const {
    return reinterpret_cast<const T*>(in[0].data + o * in[0].outer + c * in[0].channel);
  }
  __attribute__((always_inline)) const T* dy(ptrdiff_t c, ptrdiff_t o) const {
    return reinterpret_cast<const T*>(in[1].data + o * in[1].outer + c * in[1].channel);
  }
  __attribute__((always_inline)) U* y(ptrdiff_t c, ptrdiff_t o) const {
    return reinterpret_cast<U*>(out.data + o * out.outer + c * out.channel);
  }
};

template <class Op, class C, class T, class U>
void stream_planes(const Block& block, const MappedPlanes<Op, T, U>& planes,
                   const void* const* coefficients) {
  constexpr ptrdiff_t long_plane = 4096 / sizeof(U);
  const bool together =
      block.inner < long_plane && joined<Op, C, T, U>(block, planes.in, planes.out);
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    if (together) {
      stream_joined<Op, C>(planes.x(0, o), planes.dy(0, o), planes.y(0, o), block.channels,
                           block.inner, coefficients, ReadNothing{});
      continue;
    }
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<Op, C>(coefficients, c, k);
      stream_plane<Op, C>(planes.x(c, o), planes.dy(c, o), planes.y(c, o), block.inner, k);
    }
  }
}

template <class Op, class C, class T, class U>
void store_planes(const Block& block, const MappedPlanes<Op, T, U> planes,
                  const void* const* coefficients) {
  const auto [outer, channels, inner] = block;
  for (ptrdiff_t o = 0; o < outer; ++o) {
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<Op, C>(coefficients, c, k);
      map_plane<Op, C>(planes.x(c, o), planes.dy(c, o), planes.y(c, o), inner, k,
                       WalkAhead<T, U>{planes.x(c, o), planes.y(c, o)});
    }
  }
}

// Whether streaming stores reach whole lines: not where short planes lie apart, nor where a vector
// of what is computed fills a quarter of one of the output.
template <class Op, class C, class T, class U>
BNFAST_INLINE bool streamable(const Block& block, const Input* in, const Output& out) {
  constexpr ptrdiff_t least_run = 512 / sizeof(U);
  return 2 * sizeof(U) >= sizeof(C) && reachable<U>(out) &&
         (block.inner >= least_run || joined<Op, C, T, U>(block, in, out));
}

template <class Op, class C, class T, class U>
void map_planes(const Block& block, const Input* in, const Output& out,
                const void* const* coefficients, Store how) {
  const MappedPlanes<Op, T, U> planes(in, out);
  if (how == Store::streaming && streamable<Op, C, T, U>(block, in, out)) {
    stream_planes<Op, C>(block, planes, coefficients);
  } else {
    store_planes<Op, C>(block, planes, coefficients);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
