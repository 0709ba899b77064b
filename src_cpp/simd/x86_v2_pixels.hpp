// SSE4.2 (x86-64-v2). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

#include "simd/half_by_shifts.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Four numbers of `item` bytes, `step` bytes apart: what a byte shuffle finds in 16 bytes.
class Spread {
 public:
  static constexpr ptrdiff_t reach = 16;
  static bool serves(ptrdiff_t item, ptrdiff_t step) { return item <= step && step <= 4; }
  Spread(ptrdiff_t item, ptrdiff_t step) {
    alignas(16) uint8_t place[16];
    for (int i = 0; i < 16; ++i) {
      place[i] = static_cast<uint8_t>(i % 4 < item ? i / 4 * step + i % 4 : 0x80);
    }
    place_ = _mm_load_si128(reinterpret_cast<const __m128i*>(place));
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return bits_as<I32>(_mm_shuffle_epi8(bytes, place_));
  }

 private:
  __m128i place_;
};

BNFAST_INLINE void stream_bits(uint16_t* p, U16s bits) { memcpy(p, &bits, sizeof bits); }

}  // namespace BNFAST_ISA
}  // namespace bnfast
