// Partial access for instruction sets without masks: lane by lane.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

template <class C>
BNFAST_INLINE C read(const C* p) {
  C value;
  memcpy(&value, p, sizeof value);
  return value;
}

template <class C>
BNFAST_INLINE Vector<C> load_lanes(const C* p, int n, Vector<C> fill) {
  for (int i = 0; i < n; ++i) fill[i] = read(p + i);
  return fill;
}

template <class C>
BNFAST_INLINE void store_lanes(C* p, Vector<C> v, int n) {
  for (int i = 0; i < n; ++i) {
    const C value = v[i];
    memcpy(p + i, &value, sizeof value);
  }
}

BNFAST_INLINE F32 load_partial(const float* p, int n, F32 fill) { return load_lanes(p, n, fill); }
BNFAST_INLINE F64 load_partial(const double* p, int n, F64 fill) { return load_lanes(p, n, fill); }
BNFAST_INLINE void store_partial(float* p, F32 v, int n) { store_lanes(p, v, n); }
BNFAST_INLINE void store_partial(double* p, F64 v, int n) { store_lanes(p, v, n); }

}  // namespace BNFAST_ISA
}  // namespace bnfast
