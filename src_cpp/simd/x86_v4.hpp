// AVX-512 (x86-64-v4): F, BW, CD, DQ, VL. Included by simd/vector.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return _mm512_fmadd_pd(a, b, c); }

BNFAST_INLINE unsigned first_lanes(int n) { return (1u << n) - 1u; }

BNFAST_INLINE F32 load_partial(const float* p, int n, F32 fill) {
  return _mm512_mask_loadu_ps(fill, static_cast<__mmask16>(first_lanes(n)), p);
}
BNFAST_INLINE F64 load_partial(const double* p, int n, F64 fill) {
  return _mm512_mask_loadu_pd(fill, static_cast<__mmask8>(first_lanes(n)), p);
}
BNFAST_INLINE void store_partial(float* p, F32 v, int n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>(first_lanes(n)), v);
}
BNFAST_INLINE void store_partial(double* p, F64 v, int n) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>(first_lanes(n)), v);
}

BNFAST_INLINE void stream(float* p, F32 v) { _mm512_stream_ps(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { _mm512_stream_pd(p, v); }
BNFAST_INLINE void stream_fence() { _mm_sfence(); }

// Not the compiler's own conversion: GCC 12 makes two of it.
BNFAST_INLINE F64 widen(F32Half h) { return _mm512_cvtps_pd(h); }
BNFAST_INLINE F32Half narrow(F64 d) { return _mm512_cvtpd_ps(d); }
BNFAST_INLINE F64 widen_partial(const float* p, int n, F64 fill) {
  const __mmask8 mask = static_cast<__mmask8>(first_lanes(n));
  return _mm512_mask_cvtps_pd(fill, mask, _mm256_maskz_loadu_ps(mask, p));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
