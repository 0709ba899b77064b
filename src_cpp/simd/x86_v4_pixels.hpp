// AVX-512 (x86-64-v4). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

typedef __mmask16 Lanes;

BNFAST_INLINE Lanes lanes_where(I32 lanes) {
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(lanes));
}
BNFAST_INLINE I32 permuted(I32 others, Lanes lanes, I32 v, I32 at) {
  return reinterpret_cast<I32>(_mm512_mask_permutexvar_epi32(reinterpret_cast<__m512i>(others),
                                                             lanes, reinterpret_cast<__m512i>(at),
                                                             reinterpret_cast<__m512i>(v)));
}
BNFAST_INLINE I32 permuted(I32 v, I32 at) { return permuted(v, kAll16, v, at); }
BNFAST_INLINE I32 shuffled(I32 v, I32 at) {
  return reinterpret_cast<I32>(
      _mm512_shuffle_epi8(reinterpret_cast<__m512i>(v), reinterpret_cast<__m512i>(at)));
}

BNFAST_INLINE U8 bytes_of(I32 v) {
  return reinterpret_cast<U8>(_mm512_maskz_cvtepi32_epi8(kAll16, reinterpret_cast<__m512i>(v)));
}
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return reinterpret_cast<I32>(_mm512_inserti32x8(
      _mm512_castsi256_si512(reinterpret_cast<__m256i>(low)), reinterpret_cast<__m256i>(high), 1));
}
BNFAST_INLINE I32Half nearest(F64 v) {
  return reinterpret_cast<I32Half>(_mm512_maskz_cvtpd_epi32(kAll8, v));
}

// The sum rounded down and the sum rounded up are one or neighbours.
BNFAST_INLINE F32 odd_sum(F32 high, F32 low) {
  const __m512 below =
      _mm512_maskz_add_round_ps(kAll16, high, low, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m512 above =
      _mm512_maskz_add_round_ps(kAll16, high, low, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  const __mmask16 odd = _mm512_test_epi32_mask(_mm512_castps_si512(below), _mm512_set1_epi32(1));
  return _mm512_mask_blend_ps(odd, above, below);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/far_spread.hpp"
#include "simd/spread.hpp"
