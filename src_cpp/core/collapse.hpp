// Every array becomes outer x channel x inner; nothing below this file hears of N, H or W.
#pragma once

#include "core/array.hpp"

namespace bnfast {

// planes: inner elements of one channel lie side by side, inner >= 1.
// rows:   the channels lie side by side, `inner` elements of each: mostly 1, few in any case.
enum class Walk { planes, rows };

struct Strides {
  ptrdiff_t outer = 0;
  ptrdiff_t channel = 0;
};

struct Geometry {
  Walk walk = Walk::planes;
  ptrdiff_t outer = 1;
  ptrdiff_t channels = 1;
  ptrdiff_t inner = 1;
  std::array<Strides, kMaxArrays> stride{};  // bytes, one entry per array

  ptrdiff_t values_per_channel() const { return outer * inner; }
  ptrdiff_t elements() const { return outer * channels * inner; }
};

// Finds the joint geometry of `count` arrays of this shape; false where no single walk serves them
// all. Axes of length 1 are dropped, the others sorted by the first array's strides (the order of a
// sum is free) and merged where every array allows. Arrays with no elements have a geometry too.
bool collapse(const Shape& shape, const Array* const* arrays, int count, Geometry& found);

// The axes of `array` from the widest stride to the narrowest, stride 0 counting as the widest;
// equal strides keep their order.
std::array<int, kMaxRank> axes_by_stride(const Shape& shape, const Array& array);

}  // namespace bnfast
