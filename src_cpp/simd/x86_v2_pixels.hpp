// SSE4.2 (x86-64-v2). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE I32 permuted(I32 v, I32) { return v; }
BNFAST_INLINE I32 shuffled(I32 v, I32 at) {
  return reinterpret_cast<I32>(
      _mm_shuffle_epi8(reinterpret_cast<__m128i>(v), reinterpret_cast<__m128i>(at)));
}

BNFAST_INLINE U8 bytes_of(I32 v) {
  const __m128i all = reinterpret_cast<__m128i>(v), shorts = _mm_packus_epi32(all, all);
  return reinterpret_cast<U8>(_mm_cvtsi128_si32(_mm_packus_epi16(shorts, shorts)));
}
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3);
}
BNFAST_INLINE I32Half nearest(F64 v) {
  return reinterpret_cast<I32Half>(_mm_cvtsi128_si64(_mm_cvtpd_epi32(v)));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/far_spread_never.hpp"
#include "simd/odd_by_error.hpp"
#include "simd/spread.hpp"
