// SSE4.2 (x86-64-v2). Included by simd/vector.hpp. There is no fma: the product is rounded before
// the sum, so results may differ from the other instruction sets in the last bits.
#pragma once

#include <immintrin.h>

#include "simd/partial_by_copy.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return a * b + c; }

BNFAST_INLINE void stream(float* p, F32 v) { _mm_stream_ps(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { _mm_stream_pd(p, v); }
BNFAST_INLINE void stream_fence() { _mm_sfence(); }

BNFAST_INLINE F64 widen(F32Half h) { return __builtin_convertvector(h, F64); }
BNFAST_INLINE F32Half narrow(F64 d) { return __builtin_convertvector(d, F32Half); }
BNFAST_INLINE F64 widen_partial(const float* p, int, F64 fill) {
  fill[0] = read(p);
  return fill;
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
