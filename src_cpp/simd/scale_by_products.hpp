// Multiplication by powers of two, for instruction sets that have none of their own: the powers are
// put together from the bits of a sum.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

// To 1.5 times the power that leaves a sum no fraction is added the bias of an exponent: the low
// bits of the sum are the exponent's.
BNFAST_INLINE F32 power_of_two(F32 n) {
  const F32 least = F32{} - 126.0f;
  const F32 sum = (n < least ? least : n) + (12582912.0f + 127.0f);
  return reinterpret_cast<F32>(reinterpret_cast<I32>(sum) << 23);
}
BNFAST_INLINE F64 power_of_two(F64 n) {
  const F64 least = F64{} - 1022.0;
  const F64 sum = (n < least ? least : n) + (6755399441055744.0 + 1023.0);
  return reinterpret_cast<F64>(reinterpret_cast<I64>(sum) << 52);
}

// By two factors, each a normal number.
BNFAST_INLINE F32 scaled(F32 v, F32 n) {
  const F32 half = (n * 0.5f + 12582912.0f) - 12582912.0f;
  return v * power_of_two(half) * power_of_two(n - half);
}
BNFAST_INLINE F64 scaled(F64 v, F64 n) {
  const F64 half = (n * 0.5 + 6755399441055744.0) - 6755399441055744.0;
  return v * power_of_two(half) * power_of_two(n - half);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
