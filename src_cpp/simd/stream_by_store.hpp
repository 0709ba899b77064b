// For instruction sets without stores that bypass the caches: ordinary ones.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

BNFAST_INLINE void stream(float* p, F32 v) { store(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { store(p, v); }
BNFAST_INLINE void stream(float* p, F32Half v) { memcpy(p, &v, sizeof v); }
BNFAST_INLINE void stream(uint16_t* p, U16 v) { memcpy(p, &v, sizeof v); }
template <class T, class V>
BNFAST_INLINE void stream(T* p, V a, V b) {
  stream(p, a);
  stream(p + sizeof a / sizeof *p, b);
}
constexpr bool kStreams = false;
BNFAST_INLINE void stream_fence() {}

}  // namespace BNFAST_ISA
}  // namespace bnfast
