#define BNFAST_ISA v4
#define BNFAST_VECTOR_BYTES 64
#define BNFAST_SIMD_HEADER "simd/x86_v4.hpp"
#include "kernels/table.hpp"
