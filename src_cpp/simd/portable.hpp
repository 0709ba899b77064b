// Any machine: what the compiler makes of a 16-byte vector. Included by simd/vector.hpp. Without a
// promise of fma, the product is rounded before the sum.
#pragma once

#include "simd/few_bytes.hpp"
#include "simd/partial_by_copy.hpp"
#include "simd/stream_by_store.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return a * b + c; }
BNFAST_INLINE F32 fnma(F32 a, F32 b, F32 c) { return c - a * b; }
BNFAST_INLINE F64 fnma(F64 a, F64 b, F64 c) { return c - a * b; }

BNFAST_INLINE F64 widen(F32Half h) { return __builtin_convertvector(h, F64); }
BNFAST_INLINE F32Half narrow(F64 d) { return __builtin_convertvector(d, F32Half); }
BNFAST_INLINE F64Pair widen(F32 v) {
  return {widen(__builtin_shufflevector(v, v, 0, 1)), widen(__builtin_shufflevector(v, v, 2, 3))};
}
BNFAST_INLINE F32 narrow(F64Pair d) {
  return __builtin_shufflevector(narrow(d.low), narrow(d.high), 0, 1, 2, 3);
}
BNFAST_INLINE F64 widen_partial(const float* p, int, F64 fill) {
  fill[0] = read(p);
  return fill;
}

BNFAST_INLINE U16 load_low(const uint16_t* p) { return lower_bytes<U16>(p); }
BNFAST_INLINE U8 load_low(const uint8_t* p) { return lower_bytes<U8>(p); }

BNFAST_INLINE I32 widen(U16 v) { return __builtin_convertvector(v, I32); }
BNFAST_INLINE I32 widen(U8 v) { return __builtin_convertvector(v, I32); }
BNFAST_INLINE U16 narrow(I32 v) { return __builtin_convertvector(v, U16); }

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/bfloat16_by_integers.hpp"
#include "simd/float16_by_integers.hpp"
#include "simd/scale_by_products.hpp"
