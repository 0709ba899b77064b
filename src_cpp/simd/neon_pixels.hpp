// NEON (aarch64). Included by simd/pixels.hpp.
#pragma once

#include <arm_neon.h>

#include "simd/conversions_of_four.hpp"
#include "simd/far_spread_never.hpp"
#include "simd/odd_by_error.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE I32 permuted(I32 v, I32) { return v; }
BNFAST_INLINE I32 shuffled(I32 v, I32 at) {
  return reinterpret_cast<I32>(
      vqtbl1q_u8(reinterpret_cast<uint8x16_t>(v), reinterpret_cast<uint8x16_t>(at)));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/spread.hpp"
