// Any CPU: what the compiler makes of plain vectors.
#pragma once

#define BNFAST_ISA portable
#define BNFAST_VECTOR_BYTES 16
#define BNFAST_SIMD_HEADER "simd/portable.hpp"
#define BNFAST_PIXELS_HEADER "simd/portable_pixels.hpp"
