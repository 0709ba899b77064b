// Images through a PixelMap: how they are walked, cut into strips and shared by threads.
#pragma once

#include <array>
#include <vector>

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

// Every pair has this size, and the types of the map. The map's channels are those of the results,
// or of the inputs.
void map_images(const std::vector<ImagePair>& images, ImageSize size, const PixelMap& map,
                ChannelOrder order, bool coefficients_by_input, int threads);

}  // namespace bnfast
