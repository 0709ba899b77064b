#include "kernels/parts.hpp"

#include "kernels/type_kernels.hpp"

namespace bnfast {
namespace BNFAST_ISA {

const TypeKernels float32_kernels = type_kernels<float, float>();

}  // namespace BNFAST_ISA
}  // namespace bnfast
