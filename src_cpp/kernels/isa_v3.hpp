// x86-64-v3: AVX2.
#pragma once

#define BNFAST_ISA v3
#define BNFAST_VECTOR_BYTES 32
#define BNFAST_SIMD_HEADER "simd/x86_v3.hpp"
#define BNFAST_PIXELS_HEADER "simd/x86_v3_pixels.hpp"
