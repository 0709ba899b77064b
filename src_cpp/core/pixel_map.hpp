// The algebra of images on C numbers, in float64: what is asked of each channel, folded into the
// coefficients of the kernels.
#pragma once

#include "core/memory.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// y = (x*scale - mean)/std, channel by channel of y. All finite, scale and std not 0.
struct Normalization {
  ptrdiff_t channels;
  const double *mean, *std;
  double scale;
};

// 1 over the greatest number of an integer type; 1 for floats.
double default_scale(Element type);

// The coefficients of one direction for one pair of types. Immutable: used from many threads.
class PixelMap {
 public:
  static PixelMap normalizing(const Normalization& n, Element from, Element to);
  // The inverse: x = (y*std + mean)/scale.
  static PixelMap denormalizing(const Normalization& n, Element from, Element to);

  // There was no memory: of no use but to be destroyed.
  bool failed() const { return bytes_.failed(); }
  Element from() const { return from_; }
  Element to() const { return to_; }
  ptrdiff_t channels() const { return channels_; }
  int coefficients() const { return from_ == Element::uint8 ? kByteCoefficients : kCoefficients; }
  ptrdiff_t coefficient_bytes() const {
    return from_ == Element::uint8 ? sizeof(float) : sizeof(double);
  }
  // Of one channel, side by side, as PixelRun wants them.
  const char* of_channel(ptrdiff_t channel) const {
    return bytes_.data() + channel * coefficients() * coefficient_bytes();
  }

 private:
  PixelMap(Element from, Element to, ptrdiff_t channels);
  template <class C>
  void set(ptrdiff_t channel, const C* values);

  Element from_, to_;
  ptrdiff_t channels_;
  Memory<char> bytes_;
};

// The coefficients of all channels, repeated as InterleavedRun wants them.
class PixelPattern {
 public:
  explicit PixelPattern(const PixelMap& map);
  bool failed() const { return lines_.failed(); }
  const void* data() const { return lines_.data(); }
  ptrdiff_t pitch() const { return pitch_; }

 private:
  // A vector that crosses two of them is slow to load.
  struct alignas(64) CacheLine {
    char bytes[64];
  };

  ptrdiff_t pitch_;
  Memory<CacheLine> lines_;
};

}  // namespace bnfast
