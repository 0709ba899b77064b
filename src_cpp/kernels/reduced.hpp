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

// How mapped planes are stored, and what is prefetched: where they are streamed, what will be
// reduced, by the reduction and, in turns, once more by the map, or by the map alone; where they go
// through the caches, what will be written, too; nothing where near caches hold all, and planes are
// a step of a run: that took longer (docs/experiments.md).
enum class PlanesAre { streamed, streamed_map_reads, stored, held };

constexpr bool are_streamed(PlanesAre how) {
  return how == PlanesAre::streamed || how == PlanesAre::streamed_map_reads;
}
// Whether the map prefetches all that will be reduced.
constexpr bool map_reads(PlanesAre how) {
  return how == PlanesAre::stored || how == PlanesAre::streamed_map_reads;
}

// While the reduction reads x, what the map will write at y is prefetched; per_step: what their
// distance grows by.
template <class T>
__attribute__((always_inline)) inline WriteAhead write_ahead(const T* x, const T* y,
                                                             ptrdiff_t per_step = 0) {
  return {reinterpret_cast<const char*>(y) - reinterpret_cast<const char*>(x), per_step};
}

// While the reduction reads what is here, what lies there is prefetched.
template <class Op, class T>
__attribute__((always_inline)) inline ReadAhead<Op> read_ahead(const Inputs<Op, T>& here,
                                                               const Inputs<Op, T>& there) {
  ReadAhead<Op> ahead;
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) {
    ahead.bytes[k] =
        reinterpret_cast<const char*>(there.at[k]) - reinterpret_cast<const char*>(here.at[k]);
  }
  return ahead;
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
