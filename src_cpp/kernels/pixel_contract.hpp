// The contract of the kernels for images: from one number type to another, through one affine map
// per channel.
#pragma once

#include <stddef.h>

namespace bnfast {

enum class Store;

// What images hold. The order is that of PixelKernels.
enum class Element { uint8, uint16, float16, bfloat16, float32, float64 };
constexpr int kElements = 6;

constexpr ptrdiff_t size_of(Element type) {
  return type == Element::uint8      ? 1
         : type <= Element::bfloat16 ? 2
         : type == Element::float32  ? 4
                                     : 8;
}
constexpr bool is_integer(Element type) { return type <= Element::uint16; }

// Pixels that one call of a kernel takes at most.
constexpr ptrdiff_t kMostPixels = 1024;

// One channel of pixels that follow each other, by byte strides of either sign.
//
// Coefficients, side by side, by the type of the input:
//   uint8,  float32:   y = (d*c1 + c2) + (d*c3 + c4) with d = x - c0; the first sum is exact
//   others, float64:   y = (x - c0)*c1 + c2
// rounded once to the type of the output; integers to even, saturating, NaN to 0.
struct PixelRun {
  ptrdiff_t pixels;  // at most kMostPixels
  const char* in;
  ptrdiff_t in_step;
  const char* in_end;  // up to here bytes may be read, whosever they are
  char* out;
  ptrdiff_t out_step;
  const void* coefficients;
  Store store;  // streaming: where the output's numbers lie side by side
};
using PixelKernel = void (*)(const PixelRun&);

constexpr int kByteCoefficients = 5;
constexpr int kCoefficients = 3;

// All channels of pixels whose numbers lie side by side, in and out: `coefficients` repeat the
// channels' own kPatternPixels times, each coefficient in an array of its own, `pitch` numbers from
// the one before. Then follow those of kPatternPixels more numbers, from the first channel on.
struct InterleavedRun {
  ptrdiff_t numbers;  // of all channels
  ptrdiff_t channels;
  const char* in;
  char* out;
  const void* coefficients;
  ptrdiff_t pitch;
  Store store;
};
using InterleavedKernel = void (*)(const InterleavedRun&);

constexpr ptrdiff_t kPatternPixels = 16;

// By input and output; null where integers would become integers, to float64, and where the build
// leaves out one of the types, or images of floats.
struct PixelKernels {
  PixelKernel channel[kElements][kElements];
  InterleavedKernel interleaved[kElements][kElements];
};

}  // namespace bnfast
