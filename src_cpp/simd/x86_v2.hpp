// SSE4.2 (x86-64-v2). Included by simd/vector.hpp. There is no fma: the product is rounded before
// the sum, so results may differ from the other instruction sets in the last bits.
#pragma once

#include <immintrin.h>

#include "simd/few_bytes.hpp"
#include "simd/partial_by_copy.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return a * b + c; }
BNFAST_INLINE F32 fnma(F32 a, F32 b, F32 c) { return c - a * b; }
BNFAST_INLINE F64 fnma(F64 a, F64 b, F64 c) { return c - a * b; }

BNFAST_INLINE void stream(float* p, F32 v) { _mm_stream_ps(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { _mm_stream_pd(p, v); }
BNFAST_INLINE void stream(float* p, F32Half v) {
  _mm_stream_si64(reinterpret_cast<long long*>(p), reinterpret_cast<long long>(v));
}
BNFAST_INLINE void stream(uint16_t* p, U16 v) {
  _mm_stream_si64(reinterpret_cast<long long*>(p), reinterpret_cast<long long>(v));
}
BNFAST_INLINE void stream(float* p, F32Half a, F32Half b) {
  const __m128i both =
      _mm_set_epi64x(reinterpret_cast<long long>(b), reinterpret_cast<long long>(a));
  stream(p, reinterpret_cast<F32>(both));
}
BNFAST_INLINE void stream(uint16_t* p, U16 a, U16 b) {
  stream(reinterpret_cast<float*>(p), reinterpret_cast<F32Half>(a), reinterpret_cast<F32Half>(b));
}
constexpr bool kStreams = true;
BNFAST_INLINE void stream_fence() { _mm_sfence(); }

BNFAST_INLINE F64 widen(F32Half h) { return __builtin_convertvector(h, F64); }
BNFAST_INLINE F32Half narrow(F64 d) { return __builtin_convertvector(d, F32Half); }
BNFAST_INLINE F64Pair widen(F32 v) { return {_mm_cvtps_pd(v), _mm_cvtps_pd(_mm_movehl_ps(v, v))}; }
BNFAST_INLINE F32 narrow(F64Pair d) {
  return _mm_movelh_ps(_mm_cvtpd_ps(d.low), _mm_cvtpd_ps(d.high));
}
BNFAST_INLINE F64 widen_partial(const float* p, int, F64 fill) {
  fill[0] = read(p);
  return fill;
}

BNFAST_INLINE U16 load_low(const uint16_t* p) { return lower_bytes<U16>(p); }
BNFAST_INLINE U8 load_low(const uint8_t* p) { return lower_bytes<U8>(p); }

BNFAST_INLINE I32 widen(U16 v) {
  return reinterpret_cast<I32>(
      _mm_cvtepu16_epi32(_mm_cvtsi64_si128(reinterpret_cast<long long>(v))));
}
BNFAST_INLINE I32 widen(U8 v) {
  return reinterpret_cast<I32>(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(reinterpret_cast<int>(v))));
}
BNFAST_INLINE U16 narrow(I32 v) {
  const __m128i whole = reinterpret_cast<__m128i>(v);
  return reinterpret_cast<U16>(_mm_cvtsi128_si64(_mm_packus_epi32(whole, whole)));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/bfloat16_by_integers.hpp"
#include "simd/float16_by_integers.hpp"
#include "simd/scale_by_products.hpp"
