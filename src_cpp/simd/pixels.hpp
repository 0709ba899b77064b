// What images need of a vector beside its arithmetic and its narrow types: numbers that lie apart,
// rounding to odd, rounding to integers. Numbers are taken kWidth<float> at a time, whatever they
// are stored as.
//
// BNFAST_PIXELS_HEADER (a macro, see simd/vector.hpp) supplies
//   Spread, FarSpread               kWidth<float> numbers that lie apart, their bits as I32: next
//                                   to each other but for other channels, or further: those of
//                                   simd/spread.hpp and far_spread.hpp, or ones that serve none
//   bytes_of(i)                     an I32 of lanes below 2^8 to U8
//   joined(low, high)               two I32Half to I32
//   odd_sum(high, low)              the sum rounded to odd: of the two float32 next to it the odd
//                                   one, unless it is a float32 itself; |low| must not exceed
//                                   |high|, unless that is 0. Rounded once more, to fewer bits, it
//                                   gives what rounding the exact sum to them gives
//   nearest(d)                      F64 to the nearest integers, ties to even, as I32Half
#pragma once

#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

typedef int32_t I32Half __attribute__((vector_size(BNFAST_VECTOR_BYTES / 2)));

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include BNFAST_PIXELS_HEADER

namespace bnfast {
namespace BNFAST_ISA {

// To the nearest integer, ties to even, in [0, most]; NaN is 0.
BNFAST_INLINE F64 clamped(F64 v, double most) {
  const F64 top = splat(most), positive = v > F64{} ? v : F64{};
  return positive < top ? positive : top;
}
BNFAST_INLINE I32 integers_of(F64Pair v, double most) {
  return joined(nearest(clamped(v.low, most)), nearest(clamped(v.high, most)));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
