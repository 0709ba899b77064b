// A vector of the width this file is compiled for, over float or double, and the types that are
// stored narrower than they are computed.
//
// Parameters (macros, set by kernels/isa_*.hpp before anything is included):
//   BNFAST_ISA            namespace of this instruction set: v2, v3, v4, neon, portable
//   BNFAST_VECTOR_BYTES   16, 32 or 64
//   BNFAST_SIMD_HEADER    the header with this instruction set's intrinsics
//
// Arithmetic is the compiler's own vector extension. What that cannot say (fma, partial and
// streaming access, conversion) each instruction set's header supplies for F32 and F64:
//   fma(a, b, c), fnma(a, b, c)     a*b + c, c - a*b
//   load_partial(p, n, fill)        n of the lanes from p, the others from fill; 0 < n < width
//   store_partial(p, v, n)
//   stream(p, v)                    p aligned to the size of v; v also an F32Half or a U16
//   stream(p, a, b)                 two of those side by side, p aligned to the size of both
//   kStreams                        whether that differs from storing; else no kernel does it
//   stream_fence()                  orders streamed stores before what follows
//   power_of_two(n)                 2^n for integral n <= 128 (1024), about 0 where that is below
//                                   the least normal number
//   scaled(v, n)                    v*2^n for integral n, rounded once
//   widen(v), narrow(d)             F32Half to F64 and back, F32 to F64Pair and back
//   widen_partial(p, n, fill)       F64 from n floats at p
// and for the packed lanes of narrower types:
//   load_low(p)                     a U8 or U16 from half as many elements, the other lanes 0
//   load_first(p, n)                the same from n elements; 0 < n < width
//   store_first(p, u, n)            the first n lanes of a U16
//   widen(u)                        a U8 or U16 to I32, zeros above
//   narrow(i)                       an I32 of lanes below 2^16 to U16
//   from_float16(u), to_float16(v)  U16 to F32, exactly; and back, rounded to nearest, ties to
//   from_bfloat16, to_bfloat16      even. A NaN must be quiet and stays one.
//   number_to_bfloat16(v)           the same of what arithmetic on numbers gives
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BNFAST_INLINE static inline __attribute__((always_inline))

namespace bnfast {
namespace BNFAST_ISA {

typedef float F32 __attribute__((vector_size(BNFAST_VECTOR_BYTES)));
typedef double F64 __attribute__((vector_size(BNFAST_VECTOR_BYTES)));
typedef float F32Unaligned __attribute__((vector_size(BNFAST_VECTOR_BYTES), aligned(1), may_alias));
typedef float F32Half __attribute__((vector_size(BNFAST_VECTOR_BYTES / 2)));
typedef float F32HalfUnaligned
    __attribute__((vector_size(BNFAST_VECTOR_BYTES / 2), aligned(1), may_alias));
typedef double F64Unaligned
    __attribute__((vector_size(BNFAST_VECTOR_BYTES), aligned(1), may_alias));

// As many lanes as an F32 has.
typedef uint16_t U16 __attribute__((vector_size(BNFAST_VECTOR_BYTES / 2)));
typedef uint8_t U8 __attribute__((vector_size(BNFAST_VECTOR_BYTES / 4)));
struct F64Pair {
  F64 low, high;
};

// Stored only: IEEE 754's binary16, and the upper half of a binary32.
struct Float16 {
  uint16_t bits;
};
struct Bfloat16 {
  uint16_t bits;
};

template <class C>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef F32 type;
};
template <>
struct VectorOf<double> {
  typedef F64 type;
};
template <class C>
using Vector = typename VectorOf<C>::type;

template <class C>
constexpr int kWidth = BNFAST_VECTOR_BYTES / sizeof(C);

template <class V, class T>
BNFAST_INLINE V load_as(const T* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}
BNFAST_INLINE F32 load(const float* p) { return *reinterpret_cast<const F32Unaligned*>(p); }
BNFAST_INLINE F64 load(const double* p) { return *reinterpret_cast<const F64Unaligned*>(p); }
BNFAST_INLINE U16 load(const uint16_t* p) { return load_as<U16>(p); }
BNFAST_INLINE U8 load(const uint8_t* p) { return load_as<U8>(p); }
BNFAST_INLINE void store(float* p, F32 v) { *reinterpret_cast<F32Unaligned*>(p) = v; }
BNFAST_INLINE void store(double* p, F64 v) { *reinterpret_cast<F64Unaligned*>(p) = v; }

// Has a vector loaded once that is used twice, where a second load was measured to be slower.
template <class V>
BNFAST_INLINE void load_once(V&) {}

template <class C>
BNFAST_INLINE Vector<C> splat(C value) {
  return value - Vector<C>{};
}

typedef int32_t I32 __attribute__((vector_size(BNFAST_VECTOR_BYTES)));
typedef uint32_t U32 __attribute__((vector_size(BNFAST_VECTOR_BYTES)));
typedef int64_t I64 __attribute__((vector_size(BNFAST_VECTOR_BYTES)));
typedef uint64_t U64 __attribute__((vector_size(BNFAST_VECTOR_BYTES)));

// The numbers of a vector's lanes: 0, 1, 2...
template <class Integers>
BNFAST_INLINE Integers lane_numbers() {
  Integers lanes = {};
  for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; ++i) {
    lanes[i] = static_cast<decltype(lanes[0] + 0)>(i);
  }
  return lanes;
}

// The first n lanes of a, the others of b.
BNFAST_INLINE F32 select(int n, F32 a, F32 b) { return lane_numbers<I32>() < n - I32{} ? a : b; }
BNFAST_INLINE F64 select(int n, F64 a, F64 b) { return lane_numbers<I64>() < n - I64{} ? a : b; }

// a where it is the smaller (the larger), else b: where either is NaN, too.
template <class V>
BNFAST_INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}
template <class V>
BNFAST_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}

BNFAST_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }
BNFAST_INLINE void prefetch_to_l2(const void* p) { __builtin_prefetch(p, 0, 2); }
BNFAST_INLINE void prefetch_for_write(const void* p) { __builtin_prefetch(p, 1); }

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include BNFAST_SIMD_HEADER

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F64 widen_load(const float* p) {
  return widen(*reinterpret_cast<const F32HalfUnaligned*>(p));
}

template <int n>
struct Doubles {
  typedef double type __attribute__((vector_size(n * sizeof(double))));
};

// The sum of the lanes: halves are added until one is left.
template <int n = kWidth<double>>
BNFAST_INLINE double across(typename Doubles<n>::type v) {
  if constexpr (n == 1) {
    return v[0];
  } else {
    typename Doubles<n / 2>::type half[2];
    memcpy(half, &v, sizeof v);
    return across<n / 2>(half[0] + half[1]);
  }
}

// Io<C, T>: storage type T as vectors of compute type C. Whatever is neither here is packed:
// simd/storage.hpp.
template <class C, class T>
struct Io;

template <class C>
struct Io<C, C> {
  BNFAST_INLINE Vector<C> load(const C* p) { return BNFAST_ISA::load(p); }
  BNFAST_INLINE Vector<C> load_partial(const C* p, int n, Vector<C> fill) {
    return BNFAST_ISA::load_partial(p, n, fill);
  }
  BNFAST_INLINE void store(C* p, Vector<C> v) { BNFAST_ISA::store(p, v); }
  BNFAST_INLINE void store_partial(C* p, Vector<C> v, int n) { BNFAST_ISA::store_partial(p, v, n); }
  BNFAST_INLINE void stream(C* p, Vector<C> v) { BNFAST_ISA::stream(p, v); }
};

template <>
struct Io<double, float> {
  BNFAST_INLINE F64 load(const float* p) { return widen_load(p); }
  BNFAST_INLINE F64 load_partial(const float* p, int n, F64 fill) {
    return widen_partial(p, n, fill);
  }
  BNFAST_INLINE void store(float* p, F64 v) { *reinterpret_cast<F32HalfUnaligned*>(p) = narrow(v); }
  BNFAST_INLINE void store_partial(float* p, F64 v, int n) {
    const F32Half narrowed = narrow(v);
    memcpy(p, &narrowed, static_cast<size_t>(n) * sizeof(float));
  }
  BNFAST_INLINE void stream(float* p, F64 v) { BNFAST_ISA::stream(p, narrow(v)); }
  BNFAST_INLINE void stream(float* p, F64 a, F64 b) { BNFAST_ISA::stream(p, narrow(a), narrow(b)); }
};

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/storage.hpp"
