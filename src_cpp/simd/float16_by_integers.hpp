// float16 for instruction sets without its conversions.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

// Too long to be repeated wherever it is used.
#define BNFAST_CALLED static __attribute__((noinline))

BNFAST_INLINE U32 float_bits(float value) { return reinterpret_cast<U32>(splat(value)); }

// A float16's exponent is less by 112. No operation takes or gives a subnormal float, which the
// process may have told its CPU to flush.
BNFAST_CALLED F32 from_float16(U16 packed) {
  const U32 half = reinterpret_cast<U32>(widen(packed));
  const U32 sign = (half & 0x8000) << 16, magnitude = (half & 0x7fff) << 13;
  const U32 exponent = half & 0x7c00;
  const U32 normal = magnitude + (112u << 23);
  const F32 subnormal = reinterpret_cast<F32>(magnitude + (113u << 23)) - splat(0x1p-14f);
  // Above: infinity and NaN, which is made quiet.
  const U32 above = magnitude | 0x7f800000 | ((half & 0x3ff) != 0 ? U32{} + 0x400000 : U32{});
  const U32 finite = exponent == 0 ? reinterpret_cast<U32>(subnormal) : normal;
  return reinterpret_cast<F32>(sign | (exponent == 0x7c00 ? above : finite));
}

BNFAST_CALLED U16 to_float16(F32 v) {
  const U32 bits = reinterpret_cast<U32>(v);
  const U32 sign = bits & 0x80000000, magnitude = bits ^ sign;
  const U32 normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // The sum's last place is a subnormal's: the addition rounds.
  const F32 sum = reinterpret_cast<F32>(magnitude) + splat(0.5f);
  const U32 subnormal = reinterpret_cast<U32>(sum) - float_bits(0.5f);
  const U32 finite = magnitude < (113u << 23) ? subnormal : normal;
  const U32 nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  const U32 infinite = U32{} + 0x7c00;
  const U32 above = magnitude > 0x7f800000 ? nan : infinite;
  const U32 half = magnitude < (143u << 23) ? finite : above;
  return narrow(reinterpret_cast<I32>((sign >> 16) | half));
}

#undef BNFAST_CALLED

}  // namespace BNFAST_ISA
}  // namespace bnfast
