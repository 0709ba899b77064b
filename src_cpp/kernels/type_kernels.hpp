// Makes the kernels of one type of elements.
#pragma once

#include "kernels/activation.hpp"
#include "kernels/built_types.hpp"
#include "kernels/contract.hpp"
#include "kernels/finite.hpp"
#include "kernels/map_planes.hpp"
#include "kernels/map_rows.hpp"
#include "kernels/reduce_and_map.hpp"
#include "kernels/reduce_planes.hpp"
#include "kernels/reduce_rows.hpp"

namespace bnfast {
namespace BNFAST_ISA {

template <template <class> class Op, class T, class C>
constexpr Reduce reduce_kernels() {
  if constexpr (kBuilt<T>) return {reduce_planes<Op<C>, T, C>, reduce_rows<Op<C>, T, C>};
  return {};
}

template <template <class> class Op, class C, class T, class U>
constexpr Map map_kernels() {
  if constexpr (kBuilt<T, U>) return {map_planes<Op<C>, C, T, U>, map_rows<Op<C>, C, T, U>};
  return {};
}

template <template <class> class Reducing, template <class> class Mapping, class T, class C>
constexpr ReduceMapKernel reduce_map_kernel() {
  if constexpr (kBuilt<T>) return reduce_and_map_planes<Reducing<C>, Mapping<C>, T, C>;
  return nullptr;
}

template <class T, class C>
constexpr FiniteKernel finite_kernel() {
  if constexpr (kBuilt<T>) return finite<T, C>;
  return nullptr;
}

// Those that reduce and map in one walk are long: they are made for float32 alone, and not for the
// gradient of a curve, which computes more than it moves.
template <template <class> class ProductsOp, template <class> class AffineOp,
          template <class> class GradientOp, class T, class C>
constexpr ActivatedKernels activated_kernels() {
  ActivatedKernels kernels = {reduce_kernels<ProductsOp, T, C>(),
                              reduce_kernels<ProductsOp, T, double>(),
                              map_kernels<AffineOp, C, T, T>(),
                              map_kernels<GradientOp, C, T, T>(),
                              nullptr,
                              nullptr};
  if constexpr (sizeof(T) == sizeof(float)) {
    kernels.moments_fast_and_affine = reduce_map_kernel<Moments, AffineOp, T, C>();
  }
  return kernels;
}

template <class T, class C>
constexpr ActivatedKernels ramp_kernels() {
  ActivatedKernels kernels = activated_kernels<RampProducts, RampAffine, RampGradient, T, C>();
  if constexpr (sizeof(T) == sizeof(float)) {
    kernels.products_fast_and_gradient = reduce_map_kernel<RampProducts, RampGradient, T, C>();
  }
  return kernels;
}

// From storage type T, whose compute type is C, to each other.
template <template <class> class Op, class C, class T>
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
          reduce_map_kernel<Moments, Affine, T, C>(),
          reduce_map_kernel<Products, Gradient, T, C>(),
          finite_kernel<T, C>(),
          ramp_kernels<T, C>(),
          activated_kernels<CurveProducts, CurveAffine, CurveGradient, T, C>()};
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
