// What the kernels that reduce one block and map another have in common.
#pragma once

#include "kernels/map_planes.hpp"
#include "kernels/reduce_planes.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// What a fused kernel is given, but for what it maps.
template <class Op, class T>
struct Reduced {
  Op op;
  Block block;
  BlockInputs<Op, T> in, next;
  const void* const* coefficients;
};

// Prefetches what will be written at y while x is reduced; per_step: what their distance grows by.
// Streamed stores need no line fetched.
template <bool streaming, class T>
__attribute__((always_inline)) inline auto write_ahead(const T* x, const T* y,
                                                       ptrdiff_t per_step = 0) {
  if constexpr (streaming) {
    return NoAhead{};
  } else {
    return WriteAhead{reinterpret_cast<const char*>(y) - reinterpret_cast<const char*>(x),
                      per_step};
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
