#include "core/values.hpp"

#include <cstdint>
#include <cstring>

namespace bnfast {
namespace {

struct Float16 {
  std::uint16_t bits;
};
struct Bfloat16 {
  std::uint16_t bits;
};

double value_of(float value) { return static_cast<double>(value); }
double value_of(double value) { return value; }

double value_of(Bfloat16 value) {
  const std::uint32_t bits = std::uint32_t{value.bits} << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return static_cast<double>(wide);
}

double value_of(Float16 value) {
  const std::uint64_t exponent = value.bits >> 10 & 31, fraction = value.bits & 1023;
  const std::uint64_t sign = value.bits >> 15;
  if (exponent == 0) return static_cast<double>(fraction) * (sign ? -0x1p-24 : 0x1p-24);
  const std::uint64_t bias = exponent == 31 ? 2047 - 31 : 1023 - 15;
  const std::uint64_t bits = sign << 63 | (exponent + bias) << 52 | fraction << 42;
  double wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

template <class T>
double value_at(const char* x) {
  T value;
  std::memcpy(&value, x, sizeof value);
  return value_of(value);
}

// Four at a time, for an addition takes longer to end than to begin.
template <class T>
double sum_of(const char* x, const ptrdiff_t* offsets, ptrdiff_t n) {
  double a = 0, b = 0, c = 0, d = 0;
  ptrdiff_t i = 0;
  for (; i + 4 <= n; i += 4) {
    a += value_at<T>(x + offsets[i]);
    b += value_at<T>(x + offsets[i + 1]);
    c += value_at<T>(x + offsets[i + 2]);
    d += value_at<T>(x + offsets[i + 3]);
  }
  for (; i < n; ++i) a += value_at<T>(x + offsets[i]);
  return (a + b) + (c + d);
}

template <class T>
void sum(const char* x, ptrdiff_t channels, const SomeValues& of, double* sums) {
  const auto [type, channel, offsets, n] = of;
  for (ptrdiff_t i = 0; i < channels; ++i) sums[i] = sum_of<T>(x + i * channel, offsets, n);
}

}  // namespace

void sum_channels(const char* x, ptrdiff_t channels, const SomeValues& of, double* sums) {
  if (of.type == DType::float32) return sum<float>(x, channels, of, sums);
  if (of.type == DType::float64) return sum<double>(x, channels, of, sums);
  if (of.type == DType::float16) return sum<Float16>(x, channels, of, sums);
  sum<Bfloat16>(x, channels, of, sums);
}

}  // namespace bnfast
