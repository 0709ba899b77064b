// float16 for instruction sets that do not convert it, bit for bit as those that do.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE U16s half_of(F32 v) {
  const U32 all = bits_as<U32>(v), sign = (all >> 16) & 0x8000, bits = all & 0x7fffffff;
  // Rounded by integers; numbers from 65520 on become infinity by the carry.
  const U32 normal = (bits + 0xfff + ((bits >> 13) & 1) - (112u << 23)) >> 13;
  // Below 2^-14 the spacing is that of float32 between 0.5 and 1.
  const F32 half = splat(0.5f);
  const U32 small = bits_as<U32>(bits_as<F32>(bits) + half) - bits_as<U32>(half);
  const U32 nan = 0x7e00 | (bits >> 13 & 0x3ff);
  const U32 top = 0x7c00 + U32{};
  const U32 finite = bits < 0x38800000 ? small : normal;
  const U32 limited = bits >= 0x47800000 ? top : finite;
  const U32 found = bits > 0x7f800000 ? nan : limited;
  return shorts_of(bits_as<I32>(sign | found));
}

BNFAST_INLINE F32 float_of(U16s h) {
  const U32 all = bits_as<U32>(integers_of(h)), sign = (all & 0x8000) << 16, bits = all & 0x7fff;
  const U32 normal = (bits << 13) + (112u << 23);
  const U32 special = (bits << 13) | 0x7f800000 | (bits > 0x7c00 ? U32{} + 0x400000 : U32{});
  const F32 half = splat(0.5f);
  const U32 small = bits_as<U32>(bits_as<F32>(bits + bits_as<U32>(half)) - half);
  const U32 finite = bits < 0x400 ? small : normal;
  return bits_as<F32>(sign | (bits >= 0x7c00 ? special : finite));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
