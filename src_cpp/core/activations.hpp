// The activations that a call may ask for.
#pragma once

#include <limits>

#include "kernels/contract.hpp"

namespace bnfast {

inline Activation ramp(double slope, double cap = std::numeric_limits<double>::quiet_NaN()) {
  return {Activation::Kind::ramp, slope, cap};
}
inline Activation curve(Activation::Kind kind) {
  return {kind, 0, std::numeric_limits<double>::quiet_NaN()};
}

inline Activation identity() { return ramp(1); }
inline Activation relu() { return ramp(0); }
inline Activation relu6() { return ramp(0, 6); }
inline Activation leaky_relu(double negative_slope) { return ramp(negative_slope); }
inline Activation hardswish() { return curve(Activation::Kind::hardswish); }
inline Activation silu() { return curve(Activation::Kind::silu); }

}  // namespace bnfast
