// Whether numbers are finite: v*0 is 0 or NaN, and a NaN stays in the sum.
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

constexpr int kFiniteSums = 4;
constexpr ptrdiff_t kFiniteAhead = 3072;  // bytes

template <class C>
BNFAST_INLINE bool all_zero(Vector<C> v) {
  bool zero = true;
  for (int lane = 0; lane < kWidth<C>; ++lane) zero &= v[lane] == 0;
  return zero;
}

template <class T, class C>
bool finite(const char* data, ptrdiff_t runs, ptrdiff_t stride, ptrdiff_t n) {
  constexpr int width = kWidth<C>, step = kFiniteSums * width;
  const Vector<C> zero{};
  Vector<C> sums[kFiniteSums] = {};
  for (ptrdiff_t run = 0; run < runs; ++run) {
    const T* x = reinterpret_cast<const T*>(data + run * stride);
    ptrdiff_t i = 0;
    for (; i + step <= n; i += step) {
#pragma GCC unroll 4
      for (int v = 0; v < kFiniteSums; ++v) {
        const T* at = x + i + v * width;
        prefetch(reinterpret_cast<const char*>(at) + kFiniteAhead);
        sums[v] = fma(Io<C, T>::load(at), zero, sums[v]);
      }
    }
    for (; i + width <= n; i += width) sums[0] = fma(Io<C, T>::load(x + i), zero, sums[0]);
    if (i < n) {
      const int left = static_cast<int>(n - i);
      sums[0] = fma(Io<C, T>::load_partial(x + i, left, Vector<C>{}), zero, sums[0]);
    }
  }
  return all_zero<C>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
