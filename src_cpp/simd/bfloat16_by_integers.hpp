// bfloat16, the upper half of a float. Never by the instruction that some CPUs have for it: that
// flushes subnormal numbers.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 from_bfloat16(U16 packed) { return reinterpret_cast<F32>(widen(packed) << 16); }

// What is added before the lower half is cut off.
BNFAST_INLINE U32 half_ulp(U32 bits) { return 0x7fff + ((bits >> 16) & 1); }
BNFAST_INLINE U16 upper_halves(U32 bits) { return narrow(reinterpret_cast<I32>(bits >> 16)); }

// NaN is cut off: rounding might carry into its sign.
BNFAST_INLINE U16 to_bfloat16(F32 v) {
  const U32 bits = reinterpret_cast<U32>(v);
  return upper_halves(bits + (half_ulp(bits) & reinterpret_cast<U32>(v == v)));
}
// The NaN that arithmetic makes of numbers does not carry.
BNFAST_INLINE U16 number_to_bfloat16(F32 v) {
  const U32 bits = reinterpret_cast<U32>(v);
  return upper_halves(bits + half_ulp(bits));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
