// What the reducing kernels add, one vector at a time.
//
// Parameters of the templates, here and in reduce_planes.hpp and reduce_rows.hpp:
//   Op   Moments or Products: what is added
//   T    storage type: float, double, Float16, Bfloat16; for Moments also an integer of 8 or 16
//   bits C    compute type: float (runs in float, flushed to float64) or double
// Legal (T, C): any but (double, float).
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

struct Moments {
  static constexpr int inputs = 1;
  template <class V>
  BNFAST_INLINE void add(V& first, V& second, V d, V) {
    first += d;
    second = fma(d, d, second);
  }
};

struct Products {
  static constexpr int inputs = 2;
  template <class V>
  BNFAST_INLINE void add(V& first, V& second, V d, V dy) {
    first += dy;
    second = fma(dy, d, second);
  }
};

// 256 bytes of each sum: four AVX-512 registers. Narrower instruction sets pass over a run several
// times, while it lies in L1, so that no lane's order changes and no accumulator is spilled.
template <class C>
constexpr int kLanes = 256 / sizeof(C);
constexpr int kAccumulators = 4;
constexpr int kRunSteps = 8;  // additions to a lane before a float run is flushed
constexpr int kRunRows = 8;   // the same for rows
constexpr ptrdiff_t kPrefetchBytes = 8192;

// One vector of each input: x less the shift, and dy.
template <class Op, class C, class T>
BNFAST_INLINE void add_vector(const T* x, const T* dy, Vector<C> shift, Vector<C>& first,
                              Vector<C>& second) {
  const Vector<C> d = Io<C, T>::load(x) - shift;
  Op::add(first, second, d, Op::inputs == 2 ? Io<C, T>::load(dy) : d);
}

template <class Op, class C, class T>
BNFAST_INLINE void add_partial(const T* x, const T* dy, int n, Vector<C> shift, Vector<C>& first,
                               Vector<C>& second) {
  const Vector<C> d = Io<C, T>::load_partial(x, n, shift) - shift;
  Op::add(first, second, d, Op::inputs == 2 ? Io<C, T>::load_partial(dy, n, Vector<C>{}) : d);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
