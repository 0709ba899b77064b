// The parts of an instruction set's table. Each is compiled by itself, so that a build has work for
// several CPUs and little memory.
#pragma once

#include BNFAST_ISA_HEADER
#include "kernels/contract.hpp"

namespace bnfast {
namespace BNFAST_ISA {

extern const TypeKernels float32_kernels, float64_kernels, float16_kernels, bfloat16_kernels;
extern const IntegerKernels uint8_kernels, int8_kernels, uint16_kernels, int16_kernels;
extern const PixelKernels pixel_kernels;

}  // namespace BNFAST_ISA
}  // namespace bnfast
