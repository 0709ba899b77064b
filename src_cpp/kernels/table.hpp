// Fills this instruction set's table. Included once by each kernels/isa_*.cpp.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/map.hpp"
#include "kernels/map_rows.hpp"
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

// From storage type T, whose compute type is C, to each other.
template <class Op, class C, class T>
constexpr Maps maps() {
  return {map_kernels<Op, C, T, float>(), map_kernels<Op, double, T, double>(),
          map_kernels<Op, C, T, Float16>(), map_kernels<Op, C, T, Bfloat16>()};
}

// T: storage type; C: its compute type.
template <class T, class C>
constexpr TypeKernels type_kernels() {
  return {reduce_kernels<Moments, T, C>(),
          reduce_kernels<Moments, T, double>(),
          reduce_kernels<Products, T, C>(),
          reduce_kernels<Products, T, double>(),
          maps<Affine, C, T>(),
          map_kernels<Gradient, C, T, T>(),
          reduce_and_map_planes<Moments, Affine, T, C>,
          reduce_and_map_planes<Products, Gradient, T, C>};
}

// S: the type in which sums of T are exact.
template <class T, class S>
constexpr IntegerKernels integer_kernels() {
  return {reduce_kernels<Moments, T, S>(), maps<Affine, float, T>()};
}

inline void fence() { stream_fence(); }

extern const KernelTable kernels;
const KernelTable kernels = {type_kernels<float, float>(),
                             type_kernels<double, double>(),
                             type_kernels<Float16, float>(),
                             type_kernels<Bfloat16, float>(),
                             integer_kernels<uint8_t, float>(),
                             integer_kernels<int8_t, float>(),
                             integer_kernels<uint16_t, double>(),
                             integer_kernels<int16_t, double>(),
                             fence,
                             {probe_read, probe_write<false, false>, probe_write<true, false>,
                              probe_write<false, true>, probe_write<true, true>}};

}  // namespace BNFAST_ISA
}  // namespace bnfast
