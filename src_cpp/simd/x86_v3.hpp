// AVX2 and FMA (x86-64-v3). Included by simd/vector.hpp.
#pragma once

#include <immintrin.h>

#include "simd/few_bytes.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return _mm256_fmadd_pd(a, b, c); }
BNFAST_INLINE F32 fnma(F32 a, F32 b, F32 c) { return _mm256_fnmadd_ps(a, b, c); }
BNFAST_INLINE F64 fnma(F64 a, F64 b, F64 c) { return _mm256_fnmadd_pd(a, b, c); }

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
BNFAST_INLINE void stream(float* p, F32Half v) { _mm_stream_ps(p, v); }
BNFAST_INLINE void stream(uint16_t* p, U16 v) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), reinterpret_cast<__m128i>(v));
}
BNFAST_INLINE void stream(float* p, F32Half a, F32Half b) { stream(p, _mm256_set_m128(b, a)); }
BNFAST_INLINE void stream(uint16_t* p, U16 a, U16 b) {
  stream(reinterpret_cast<float*>(p), reinterpret_cast<F32Half>(a), reinterpret_cast<F32Half>(b));
}
constexpr bool kStreams = true;
BNFAST_INLINE void stream_fence() { _mm_sfence(); }

// Not the compiler's own conversion: GCC 12 makes two of it.
BNFAST_INLINE F64 widen(F32Half h) { return _mm256_cvtps_pd(h); }
BNFAST_INLINE F32Half narrow(F64 d) { return _mm256_cvtpd_ps(d); }
BNFAST_INLINE F64Pair widen(F32 v) {
  return {widen(_mm256_castps256_ps128(v)), widen(_mm256_extractf128_ps(v, 1))};
}
BNFAST_INLINE F32 narrow(F64Pair d) { return _mm256_set_m128(narrow(d.high), narrow(d.low)); }
BNFAST_INLINE F64 widen_partial(const float* p, int n, F64 fill) {
  const F64 wide = _mm256_cvtps_pd(_mm_maskload_ps(p, first_lanes128(n)));
  return _mm256_blendv_pd(fill, wide, _mm256_castsi256_pd(first_lanes64(n)));
}

BNFAST_INLINE U16 load_low(const uint16_t* p) {
  return reinterpret_cast<U16>(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
BNFAST_INLINE U8 load_low(const uint8_t* p) { return lower_bytes<U8>(p); }

BNFAST_INLINE I32 widen(U16 v) {
  return reinterpret_cast<I32>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(v)));
}
BNFAST_INLINE I32 widen(U8 v) {
  return reinterpret_cast<I32>(
      _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(reinterpret_cast<long long>(v))));
}
BNFAST_INLINE U16 narrow(I32 v) {
  const __m256i whole = reinterpret_cast<__m256i>(v);
  return reinterpret_cast<U16>(
      _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1)));
}

BNFAST_INLINE F32 from_float16(U16 v) { return _mm256_cvtph_ps(reinterpret_cast<__m128i>(v)); }
BNFAST_INLINE U16 to_float16(F32 v) {
  return reinterpret_cast<U16>(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/bfloat16_by_integers.hpp"
#include "simd/scale_by_products.hpp"
