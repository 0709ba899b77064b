// The machine's own speed: reading, copying and adding, with nothing else to do. Limits to measure
// the other kernels against.
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

constexpr ptrdiff_t kProbeAhead = 8192;  // bytes

inline double probe_read(const float* x, ptrdiff_t n) {
  constexpr int width = kWidth<float>, step = 8 * width;
  F32 sum[8] = {};
  ptrdiff_t i = 0;
  for (; i + step <= n; i += step) {
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) {
      prefetch(reinterpret_cast<const char*>(x + i + v * width) + kProbeAhead);
      sum[v] += load(x + i + v * width);
    }
  }
  double total = 0;
  for (const F32& lanes : sum) {
    for (int lane = 0; lane < width; ++lane) total += static_cast<double>(lanes[lane]);
  }
  for (; i < n; ++i) total += static_cast<double>(x[i]);
  return total;
}

template <bool streaming, bool two>
inline void probe_write(const float* x, const float* z, float* y, ptrdiff_t n) {
  constexpr int width = kWidth<float>;
  ptrdiff_t i = 0;
  for (; i < n && reinterpret_cast<uintptr_t>(y + i) % BNFAST_VECTOR_BYTES != 0; ++i) {
    y[i] = two ? x[i] + z[i] : x[i];
  }
  for (; i + 4 * width <= n; i += 4 * width) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const ptrdiff_t at = i + v * width;
      const F32 value = two ? load(x + at) + load(z + at) : load(x + at);
      if (streaming) {
        stream(y + at, value);
      } else {
        store(y + at, value);
      }
    }
  }
  for (; i < n; ++i) y[i] = two ? x[i] + z[i] : x[i];
  if (streaming) stream_fence();
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
