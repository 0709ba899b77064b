#include "kernels/parts.hpp"

#include "kernels/type_kernels.hpp"

namespace bnfast {
namespace BNFAST_ISA {

const TypeKernels float16_kernels = type_kernels<Float16, float>();

}  // namespace BNFAST_ISA
}  // namespace bnfast
