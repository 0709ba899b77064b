// bfloat16, the upper half of a float. Never by the instruction that some CPUs have for it: that
// flushes subnormal numbers.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 from_bfloat16(U16 packed) { return reinterpret_cast<F32>(widen(packed) << 16); }

// NaN is cut off: rounding might carry into its sign.
BNFAST_INLINE U16 to_bfloat16(F32 v) {
  const U32 bits = reinterpret_cast<U32>(v);
  const U32 half_ulp = 0x7fff + ((bits >> 16) & 1);
  const U32 rounded = bits + (half_ulp & reinterpret_cast<U32>(v == v));
  return narrow(reinterpret_cast<I32>(rounded >> 16));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
