// x86-64-v2: SSE4.2.
#pragma once

#define BNFAST_ISA v2
#define BNFAST_VECTOR_BYTES 16
#define BNFAST_SIMD_HEADER "simd/x86_v2.hpp"
#define BNFAST_PIXELS_HEADER "simd/x86_v2_pixels.hpp"
