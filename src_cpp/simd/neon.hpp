// NEON (aarch64). Included by simd/vector.hpp. Streaming stores are ordinary ones: the architecture
// offers only a hint, which the compiler has no intrinsic for.
#pragma once

#include <arm_neon.h>

#include "simd/few_bytes.hpp"
#include "simd/partial_by_copy.hpp"
#include "simd/stream_by_store.hpp"

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return vfmaq_f32(c, a, b); }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return vfmaq_f64(c, a, b); }
BNFAST_INLINE F32 fnma(F32 a, F32 b, F32 c) { return vfmsq_f32(c, a, b); }
BNFAST_INLINE F64 fnma(F64 a, F64 b, F64 c) { return vfmsq_f64(c, a, b); }

BNFAST_INLINE F64 widen(F32Half h) { return __builtin_convertvector(h, F64); }
BNFAST_INLINE F32Half narrow(F64 d) { return __builtin_convertvector(d, F32Half); }
BNFAST_INLINE F64Pair widen(F32 v) { return {vcvt_f64_f32(vget_low_f32(v)), vcvt_high_f64_f32(v)}; }
BNFAST_INLINE F32 narrow(F64Pair d) { return vcvt_high_f32_f64(vcvt_f32_f64(d.low), d.high); }
BNFAST_INLINE F64 widen_partial(const float* p, int, F64 fill) {
  fill[0] = read(p);
  return fill;
}

BNFAST_INLINE U16 load_low(const uint16_t* p) { return lower_bytes<U16>(p); }
BNFAST_INLINE U8 load_low(const uint8_t* p) { return lower_bytes<U8>(p); }

BNFAST_INLINE I32 widen(U16 v) {
  return reinterpret_cast<I32>(vmovl_u16(reinterpret_cast<uint16x4_t>(v)));
}
BNFAST_INLINE I32 widen(U8 v) { return __builtin_convertvector(v, I32); }
BNFAST_INLINE U16 narrow(I32 v) {
  return reinterpret_cast<U16>(vmovn_u32(reinterpret_cast<uint32x4_t>(v)));
}

BNFAST_INLINE F32 from_float16(U16 v) { return vcvt_f32_f16(reinterpret_cast<float16x4_t>(v)); }
BNFAST_INLINE U16 to_float16(F32 v) { return reinterpret_cast<U16>(vcvt_f16_f32(v)); }

}  // namespace BNFAST_ISA
}  // namespace bnfast

#include "simd/bfloat16_by_integers.hpp"
#include "simd/scale_by_products.hpp"
