#define BNFAST_ISA portable
#define BNFAST_VECTOR_BYTES 16
#define BNFAST_SIMD_HEADER "simd/portable.hpp"
#define BNFAST_PIXELS_HEADER "simd/portable_pixels.hpp"
#include "kernels/table.hpp"
