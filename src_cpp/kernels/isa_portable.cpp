#define BNFAST_ISA portable
#define BNFAST_VECTOR_BYTES 16
#define BNFAST_SIMD_HEADER "simd/portable.hpp"
#include "kernels/table.hpp"
