// AVX2 and FMA (x86-64-v3). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

typedef I32 Lanes;

BNFAST_INLINE Lanes lanes_where(I32 lanes) { return lanes; }
BNFAST_INLINE I32 permuted(I32 v, I32 at) {
  return reinterpret_cast<I32>(
      _mm256_permutevar8x32_epi32(reinterpret_cast<__m256i>(v), reinterpret_cast<__m256i>(at)));
}
BNFAST_INLINE I32 permuted(I32 others, Lanes lanes, I32 v, I32 at) {
  return others | (permuted(v, at) & lanes);
}
BNFAST_INLINE I32 shuffled(I32 v, I32 at) {
  return reinterpret_cast<I32>(
      _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), reinterpret_cast<__m256i>(at)));
}

BNFAST_INLINE U8 bytes_of(I32 v) {
  const __m128i shorts = reinterpret_cast<__m128i>(narrow(v));
  return reinterpret_cast<U8>(_mm_cvtsi128_si64(_mm_packus_epi16(shorts, shorts)));
}
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return reinterpret_cast<I32>(
      _mm256_set_m128i(reinterpret_cast<__m128i>(high), reinterpret_cast<__m128i>(low)));
}
BNFAST_INLINE I32Half nearest(F64 v) { return reinterpret_cast<I32Half>(_mm256_cvtpd_epi32(v)); }

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/far_spread.hpp"
#include "simd/odd_by_error.hpp"
#include "simd/spread.hpp"
