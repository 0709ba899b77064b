// NEON (aarch64). Included by simd/pixels.hpp.
#pragma once

#include <arm_neon.h>

#include "simd/conversions_of_four.hpp"
#include "simd/far_spread_never.hpp"
#include "simd/odd_by_error.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Four numbers of `item` bytes, `step` bytes apart: what a table lookup finds in 16 bytes.
class Spread {
 public:
  static bool serves(ptrdiff_t item, ptrdiff_t step) { return item <= step && step <= 4; }
  Spread(ptrdiff_t item, ptrdiff_t step) {
    uint8_t place[16];
    for (int i = 0; i < 16; ++i) {
      place[i] = static_cast<uint8_t>(i % 4 < item ? i / 4 * step + i % 4 : 0xff);
    }
    place_ = vld1q_u8(place);
  }
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - p >= BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    return bits_as<I32>(vqtbl1q_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(p)), place_));
  }

 private:
  uint8x16_t place_;
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
