// To integers and between their widths, by what the compiler makes of vectors of four.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE U8 bytes_of(I32 v) { return __builtin_convertvector(v, U8); }
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3);
}

// Adding 1.5 * 2^52 leaves no bits for a fraction.
BNFAST_INLINE I32Half nearest(F64 v) {
  const F64 magic = splat(6755399441055744.0);
  return __builtin_convertvector((v + magic) - magic, I32Half);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
