// SSE4.2 (x86-64-v2). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

// Four numbers of `item` bytes, `step` bytes apart: what a byte shuffle finds in 16 bytes.
class Spread {
 public:
  static bool serves(ptrdiff_t item, ptrdiff_t step) { return item <= step && step <= 4; }
  Spread(ptrdiff_t item, ptrdiff_t step) {
    alignas(16) uint8_t place[16];
    for (int i = 0; i < 16; ++i) {
      place[i] = static_cast<uint8_t>(i % 4 < item ? i / 4 * step + i % 4 : 0x80);
    }
    place_ = _mm_load_si128(reinterpret_cast<const __m128i*>(place));
  }
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - p >= BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return bits_as<I32>(_mm_shuffle_epi8(bytes, place_));
  }

 private:
  __m128i place_;
};

BNFAST_INLINE U8 bytes_of(I32 v) {
  const __m128i all = bits_as<__m128i>(v), shorts = _mm_packus_epi32(all, all);
  return bits_as<U8>(_mm_cvtsi128_si32(_mm_packus_epi16(shorts, shorts)));
}
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3);
}
BNFAST_INLINE I32Half nearest(F64 v) {
  return bits_as<I32Half>(static_cast<int64_t>(_mm_cvtsi128_si64(_mm_cvtpd_epi32(v))));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/far_spread_never.hpp"
#include "simd/odd_by_error.hpp"
