// x86-64-v4: AVX-512.
#pragma once

#define BNFAST_ISA v4
#define BNFAST_VECTOR_BYTES 64
#define BNFAST_SIMD_HEADER "simd/x86_v4.hpp"
#define BNFAST_PIXELS_HEADER "simd/x86_v4_pixels.hpp"
