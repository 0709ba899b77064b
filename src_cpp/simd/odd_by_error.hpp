// Rounding to odd by what the rounded sum has lost.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 odd_sum(F32 high, F32 low) {
  const F32 sum = high + low, lost = low - (sum - high);
  const I32 bits = reinterpret_cast<I32>(sum);
  // Where the sum was rounded away from zero, one step back; then one of the two is odd.
  const I32 truncated = bits + ((reinterpret_cast<I32>(lost) ^ bits) >> 31);
  // An infinite sum becomes the greatest number, which is infinite again in fewer bits.
  return reinterpret_cast<F32>(lost == F32{} ? bits : truncated | 1);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
