#include "core/pixel_map.hpp"

#include <algorithm>
#include <cmath>

namespace bnfast {
namespace {

// Two terms of a number: a multiple of the grid, and what is left.
struct Split {
  float high, low;
};
Split split(double value, double grid) {
  const auto high = static_cast<float>(std::nearbyint(value / grid) * grid);
  const bool finite = std::isfinite(high);
  return {high, finite ? static_cast<float>(value - static_cast<double>(high)) : 0};
}

// The spacing of 24-bit numbers up to `largest`.
double grid_for(double largest) {
  constexpr int bits = 24, least = -149;
  return std::isnormal(largest) ? std::ldexp(1, std::max(std::ilogb(largest) + 1 - bits, least))
                                : 1;
}

// With d = x - centre in [-most, most], d*slope + shift as two sums. The first has multiples of one
// grid alone, fewer than 2^24 of them, so that no rounding takes place in it; the second is as
// small as the grid. About the zero of the map, where d is small, so is what the second one loses.
struct ByteCoefficients {
  ByteCoefficients(double mean, double std, double scale) {
    constexpr double most = 255;
    const double centre = std::clamp(std::nearbyint(mean / scale), 0.0, most);
    const double slope = scale / std, shift = std::fma(centre, scale, -mean) / std;
    const double grid = grid_for(std::fabs(shift) + most * std::fabs(slope));
    const Split a = split(slope, grid), b = split(shift, grid);
    const float all[] = {static_cast<float>(centre), a.high, b.high, a.low, b.low};
    std::copy_n(all, kByteCoefficients, values);
  }
  float values[kByteCoefficients];
};

// About the zero of the map as float64 holds it: there x - zero loses nothing.
struct WideCoefficients {
  WideCoefficients(double mean, double std, double scale) {
    const double zero = std::isfinite(mean / scale) ? mean / scale : 0;
    values[0] = zero;
    values[1] = scale / std;
    values[2] = std::fma(zero, scale, -mean) / std;
  }
  double values[kCoefficients];
};

}  // namespace

double default_scale(Element type) {
  return type == Element::uint8 ? 1.0 / 255 : type == Element::uint16 ? 1.0 / 65535 : 1;
}

PixelMap::PixelMap(Element from, Element to, ptrdiff_t channels)
    : from_(from),
      to_(to),
      channels_(channels),
      bytes_(channels * coefficients() * coefficient_bytes()) {}

template <class C>
void PixelMap::set(ptrdiff_t channel, const C* values) {
  const ptrdiff_t bytes = coefficients() * coefficient_bytes();
  const auto* first = reinterpret_cast<const char*>(values);
  std::copy(first, first + bytes, bytes_.data() + channel * bytes);
}

PixelMap PixelMap::normalizing(const Normalization& n, Element from, Element to) {
  PixelMap map(from, to, n.channels);
  for (ptrdiff_t c = 0; c < n.channels && !map.failed(); ++c) {
    const double mean = n.mean[c], std = n.std[c];
    if (from == Element::uint8) {
      map.set(c, ByteCoefficients(mean, std, n.scale).values);
    } else {
      map.set(c, WideCoefficients(mean, std, n.scale).values);
    }
  }
  return map;
}

PixelMap PixelMap::denormalizing(const Normalization& n, Element from, Element to) {
  PixelMap map(from, to, n.channels);
  for (ptrdiff_t c = 0; c < n.channels && !map.failed(); ++c) {
    const double mean = n.mean[c], std = n.std[c];
    const double values[kCoefficients] = {0, std / n.scale, mean / n.scale};
    map.set(c, values);
  }
  return map;
}

PixelPattern::PixelPattern(const PixelMap& map)
    : pitch_((map.channels() + 1) * kPatternPixels),
      lines_(map.coefficients() * pitch_ * map.coefficient_bytes() / sizeof(CacheLine) + 1) {
  if (failed()) return;
  const ptrdiff_t item = map.coefficient_bytes();
  char* to = reinterpret_cast<char*>(lines_.data());
  for (int j = 0; j < map.coefficients(); ++j) {
    for (ptrdiff_t i = 0; i < pitch_; ++i, to += item) {
      const char* from = map.of_channel(i % map.channels()) + j * item;
      std::copy(from, from + item, to);
    }
  }
}

}  // namespace bnfast
