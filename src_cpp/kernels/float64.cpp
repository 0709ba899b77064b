#include "kernels/parts.hpp"

#include "kernels/type_kernels.hpp"

namespace bnfast {
namespace BNFAST_ISA {

const TypeKernels float64_kernels = type_kernels<double, double>();

}  // namespace BNFAST_ISA
}  // namespace bnfast
