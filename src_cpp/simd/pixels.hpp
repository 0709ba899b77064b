// What images need of a vector beside its arithmetic: integers widened and spread, half precision,
// rounding to integers. Numbers are taken kWidth<float> at a time, whatever they are stored as.
//
// BNFAST_PIXELS_HEADER (a macro, see simd/vector.hpp) supplies
//   Spread, FarSpread               kWidth<float> numbers that lie apart, their bits as I32: next
//                                   to each other but for other channels, or further
//   float_of(h), half_of(f)         float16 and back, rounded to nearest even
//   stream_bits(p, bits)            16-bit numbers past the caches, p aligned to their vector
//   integers_of(v)                  U8s or U16s as I32
//   bytes_of(i), shorts_of(i)       I32 that fit, as U8s and U16s
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

typedef uint8_t U8s __attribute__((vector_size(BNFAST_VECTOR_BYTES / 4)));
typedef uint16_t U16s __attribute__((vector_size(BNFAST_VECTOR_BYTES / 2)));
typedef int32_t I32Half __attribute__((vector_size(BNFAST_VECTOR_BYTES / 2)));

template <class To, class From>
BNFAST_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits are neither added nor dropped");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

template <class V, class T>
BNFAST_INLINE V load_as(const T* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include BNFAST_PIXELS_HEADER

namespace bnfast {
namespace BNFAST_ISA {

// bfloat16, rounded to nearest even. The first is for results of arithmetic: a NaN of another
// origin may have bits that carry into the sign.
BNFAST_INLINE U16s bfloat_of_number(F32 v) {
  const U32 bits = bits_as<U32>(v);
  return shorts_of(bits_as<I32>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
}
BNFAST_INLINE U16s bfloat_of(F32 v) {
  const U32 bits = bits_as<U32>(v);
  const U32 rounded = bits + 0x7fff + ((bits >> 16) & 1);
  const I32 nan = v != v;
  const U32 chosen = nan ? (bits | 0x400000) : rounded;
  return shorts_of(bits_as<I32>(chosen >> 16));
}
BNFAST_INLINE F32 float_of_bfloat(U16s bits) { return bits_as<F32>(integers_of(bits) << 16); }

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
