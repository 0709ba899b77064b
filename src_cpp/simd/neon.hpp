// NEON (aarch64). Included by simd/vector.hpp. Streaming stores are ordinary ones: the architecture
// offers only a hint, which the compiler has no intrinsic for.
#pragma once

#include <arm_neon.h>

#include "simd/partial_by_copy.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return vfmaq_f32(c, a, b); }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return vfmaq_f64(c, a, b); }

BNFAST_INLINE void stream(float* p, F32 v) { store(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { store(p, v); }
BNFAST_INLINE void stream_fence() {}

BNFAST_INLINE F64 widen(F32Half h) { return __builtin_convertvector(h, F64); }
BNFAST_INLINE F32Half narrow(F64 d) { return __builtin_convertvector(d, F32Half); }
BNFAST_INLINE F64 widen_partial(const float* p, int, F64 fill) {
  fill[0] = read(p);
  return fill;
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
