#include "kernels/parts.hpp"

#include "kernels/type_kernels.hpp"

namespace bnfast {
namespace BNFAST_ISA {

const TypeKernels bfloat16_kernels = type_kernels<Bfloat16, float>();

}  // namespace BNFAST_ISA
}  // namespace bnfast
