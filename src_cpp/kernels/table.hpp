// Fills this instruction set's table. Included once by each kernels/isa_*.cpp.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/map.hpp"
#include "kernels/map_rows.hpp"
#include "kernels/pixels.hpp"
#include "kernels/probe.hpp"
#include "kernels/reduce_and_map.hpp"
#include "kernels/reduce_planes.hpp"
#include "kernels/reduce_rows.hpp"

namespace bnfast {
namespace BNFAST_ISA {

template <class Op, class T, class C>
constexpr Reduce reduce_kernels() {
  return {reduce_planes<Op, T, C>, reduce_rows<Op, T, C>};
}

template <class Op, class C, class T, class U>
constexpr Map map_kernels() {
  return {map_planes<Op, C, T, U>, map_rows<Op, C, T, U>};
}

// T: storage type; C: its compute type.
template <class T, class C>
constexpr TypeKernels type_kernels() {
  return {reduce_kernels<Moments, T, C>(),
          reduce_kernels<Moments, T, double>(),
          reduce_kernels<Products, T, C>(),
          reduce_kernels<Products, T, double>(),
          map_kernels<Affine, C, T, float>(),
          map_kernels<Affine, double, T, double>(),
          map_kernels<Gradient, C, T, T>(),
          reduce_and_map_planes<Moments, Affine, T, C>,
          reduce_and_map_planes<Products, Gradient, T, C>};
}

inline void fence() { stream_fence(); }

extern const KernelTable kernels;
const KernelTable kernels = {type_kernels<float, float>(),
                             type_kernels<double, double>(),
                             fence,
                             {probe_read, probe_write<false, false>, probe_write<true, false>,
                              probe_write<false, true>, probe_write<true, true>},
                             pixel_kernels()};

}  // namespace BNFAST_ISA
}  // namespace bnfast
