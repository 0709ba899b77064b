#include "kernels/parts.hpp"

#include "kernels/probe.hpp"

namespace bnfast {
namespace BNFAST_ISA {
namespace {

void fence() { stream_fence(); }

}  // namespace

extern const KernelTable kernels;
const KernelTable kernels = {BNFAST_VECTOR_BYTES,
                             &float32_kernels,
                             &float64_kernels,
                             &float16_kernels,
                             &bfloat16_kernels,
                             &uint8_kernels,
                             &int8_kernels,
                             &uint16_kernels,
                             &int16_kernels,
                             fence,
                             {probe_read, probe_write<false, false>, probe_write<true, false>,
                              probe_write<false, true>, probe_write<true, true>},
                             &pixel_kernels};

}  // namespace BNFAST_ISA
}  // namespace bnfast
