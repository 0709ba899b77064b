#include "kernels/parts.hpp"

#include "kernels/type_kernels.hpp"

namespace bnfast {
namespace BNFAST_ISA {
namespace {

// S: the type in which sums of T are exact.
template <class T, class S>
constexpr IntegerKernels integer_kernels() {
  return {reduce_kernels<Moments, T, S>(), maps<Affine, float, T>()};
}

}  // namespace

const IntegerKernels uint8_kernels = integer_kernels<uint8_t, float>();
const IntegerKernels int8_kernels = integer_kernels<int8_t, float>();
const IntegerKernels uint16_kernels = integer_kernels<uint16_t, double>();
const IntegerKernels int16_kernels = integer_kernels<int16_t, double>();

}  // namespace BNFAST_ISA
}  // namespace bnfast
