// What the bare loops map by: the same coefficients for all channels, or each channel's own, folded
// from its sums as batch norm folds them.
#pragma once

#include <cmath>
#include <vector>

#include "bare_vectors.hpp"

namespace {

// y = (x - shift)*scale, or ((x - shift) + (dy - mean))*scale.
struct Same {
  Vector shift, mean, scale;
  Same(float shift_, float mean_, float scale_)
      : shift(splat(shift_)), mean(splat(mean_)), scale(splat(scale_)) {}

  template <bool backward>
  Vector map(const float* x, const float* dy, long) const {
    const Vector d = load(x) - shift;
    return (backward ? d + (load(dy) - mean) : d) * scale;
  }
};

// y = (x - centre)*slope + offset, or dx = ((dy - offset) + (x - centre)*slope)*factor.
struct Coefficients {
  float centre, slope, offset, factor;
};

// A channel's coefficients. Of training from the sums of x - shift and its square over `count`
// values; of backward, where x has the mean `shift` and 1/sqrt(var + eps) is `scale`, from those of
// dy and dy*(x - shift).
struct Fold {
  static constexpr double kEps = 1e-5;
  double count, shift, scale;

  Coefficients training(double first, double second) const {
    const double d = first / count, mean = shift + d, var = second / count - d * d;
    const float centre = static_cast<float>(mean);
    const double slope = 1 / std::sqrt(var + kEps);
    return {centre, static_cast<float>(slope), static_cast<float>((centre - mean) * slope), 0};
  }
  Coefficients backward(double first, double second) const {
    return {static_cast<float>(shift), static_cast<float>(-scale * scale * second / count),
            static_cast<float>(first / count), static_cast<float>(scale)};
  }
};

// A row of coefficients, each channel's in as many elements as it has in a row of the data.
class Folded {
 public:
  explicit Folded(long elements)
      : centre_(elements), slope_(elements), offset_(elements), factor_(elements) {}

  void set(long begin, long elements, const Coefficients& k) {
    for (long i = begin; i < begin + elements; ++i) {
      centre_[i] = k.centre;
      slope_[i] = k.slope;
      offset_[i] = k.offset;
      factor_[i] = k.factor;
    }
  }

  // x and dy: element i of a row.
  template <bool backward>
  Vector map(const float* x, const float* dy, long i) const {
    const Vector d = (load(x) - load(&centre_[i])) * load(&slope_[i]);
    return backward ? ((load(dy) - load(&offset_[i])) + d) * load(&factor_[i])
                    : d + load(&offset_[i]);
  }

 private:
  std::vector<float> centre_, slope_, offset_, factor_;
};

}  // namespace
