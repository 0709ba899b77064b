// Arrays as the core sees them: where they lie, what they hold, how far apart.
#pragma once

#include <array>
#include <cstddef>

namespace bnfast {

using std::ptrdiff_t;

// float16 is IEEE 754's binary16; bfloat16 the upper half of a binary32.
enum class DType { float32, float64, float16, bfloat16, uint8, int8, uint16, int16 };

constexpr bool is_integer(DType type) { return type >= DType::uint8; }

constexpr ptrdiff_t size_of(DType type) {
  if (type == DType::float64) return 8;
  if (type == DType::float32) return 4;
  return type == DType::uint8 || type == DType::int8 ? 1 : 2;
}

constexpr int kMaxRank = 64;
constexpr int kMaxArrays = 5;  // x, dy, residual, and their gradients

// The shape that all arrays of a call share.
struct Shape {
  int rank = 0;
  int channel_axis = 0;
  std::array<ptrdiff_t, kMaxRank> size;  // the first `rank` are set

  ptrdiff_t channels() const { return size[channel_axis]; }
  ptrdiff_t elements() const {
    ptrdiff_t n = 1;
    for (int axis = 0; axis < rank; ++axis) n *= size[axis];
    return n;
  }
  ptrdiff_t values_per_channel() const {
    ptrdiff_t n = 1;
    for (int axis = 0; axis < rank; ++axis) n *= axis == channel_axis ? 1 : size[axis];
    return n;
  }
};

// Byte strides, in NumPy's sense; no alignment is asked.
struct Array {
  char* data = nullptr;
  DType dtype = DType::float32;
  std::array<ptrdiff_t, kMaxRank> stride;  // one per axis of the shape
};

}  // namespace bnfast
