// Images through a PixelMap: how they are walked, cut into strips and shared by threads.
#pragma once

#include "core/pixel_map.hpp"

namespace bnfast {

// One image by byte strides of either sign: its first number, and from row to row, from pixel to
// pixel, and from channel to channel.
struct Image {
  char* data;
  ptrdiff_t row, pixel, channel;
};

struct ImageSize {
  ptrdiff_t height, width, channels;
};

// An image and where its result goes.
struct ImagePair {
  Image in, out;
};

// Which channel of the input becomes the result's channel c.
struct ChannelOrder {
  bool swap_first_and_third;

  ptrdiff_t operator()(ptrdiff_t channel) const {
    return swap_first_and_third && channel < 3 ? 2 - channel : channel;
  }
};

// A view of images that are computed together.
struct ImagePairs {
  const ImagePair* first;
  ptrdiff_t count;

  const ImagePair* begin() const { return first; }
  const ImagePair* end() const { return first + count; }
};

// Every pair has this size, and the types of the map. The map's channels are those of the results,
// or of the inputs.
Outcome map_images(ImagePairs images, ImageSize size, const PixelMap& map, ChannelOrder order,
                   bool coefficients_by_input, int threads);

}  // namespace bnfast
