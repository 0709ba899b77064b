// Any machine. Included by simd/pixels.hpp.
#pragma once

#include "simd/conversions_of_four.hpp"
#include "simd/far_spread_never.hpp"
#include "simd/half_by_shifts.hpp"
#include "simd/odd_by_error.hpp"
#include "simd/spread_never.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE void stream_bits(uint16_t* p, U16s bits) { memcpy(p, &bits, sizeof bits); }

}  // namespace BNFAST_ISA
}  // namespace bnfast
