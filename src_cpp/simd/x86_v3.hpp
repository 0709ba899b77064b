// AVX2 and FMA (x86-64-v3). Included by simd/vector.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return _mm256_fmadd_pd(a, b, c); }

BNFAST_INLINE __m256i first_lanes32(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
BNFAST_INLINE __m256i first_lanes64(int n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
BNFAST_INLINE __m128i first_lanes128(int n) {
  return _mm_cmpgt_epi32(_mm_set1_epi32(n), _mm_setr_epi32(0, 1, 2, 3));
}

BNFAST_INLINE F32 load_partial(const float* p, int n, F32 fill) {
  const __m256i mask = first_lanes32(n);
  return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}
BNFAST_INLINE F64 load_partial(const double* p, int n, F64 fill) {
  const __m256i mask = first_lanes64(n);
  return _mm256_blendv_pd(fill, _mm256_maskload_pd(p, mask), _mm256_castsi256_pd(mask));
}
BNFAST_INLINE void store_partial(float* p, F32 v, int n) {
  _mm256_maskstore_ps(p, first_lanes32(n), v);
}
BNFAST_INLINE void store_partial(double* p, F64 v, int n) {
  _mm256_maskstore_pd(p, first_lanes64(n), v);
}

BNFAST_INLINE void stream(float* p, F32 v) { _mm256_stream_ps(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { _mm256_stream_pd(p, v); }
BNFAST_INLINE void stream_fence() { _mm_sfence(); }

BNFAST_INLINE F64 widen(F32Half h) { return __builtin_convertvector(h, F64); }
BNFAST_INLINE F32Half narrow(F64 d) { return __builtin_convertvector(d, F32Half); }
BNFAST_INLINE F64 widen_partial(const float* p, int n, F64 fill) {
  const F64 wide = _mm256_cvtps_pd(_mm_maskload_ps(p, first_lanes128(n)));
  return _mm256_blendv_pd(fill, wide, _mm256_castsi256_pd(first_lanes64(n)));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
