// 64-bit ARM.
#pragma once

#define BNFAST_ISA neon
#define BNFAST_VECTOR_BYTES 16
#define BNFAST_SIMD_HEADER "simd/neon.hpp"
#define BNFAST_PIXELS_HEADER "simd/neon_pixels.hpp"
