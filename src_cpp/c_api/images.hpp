// Arrays that can be walked as images are.
#pragma once

#include "core/array.hpp"
#include "core/pixel_map.hpp"

namespace bnfast {

// Unsigned integers that become floats of at most 32 bits, with at most three axes beside the
// channels.
bool are_images(const Shape& shape, const Array& x, const Array& y);

// y of such images.
Outcome normalize_images(const Shape& shape, const Array& x, const Array& y,
                         const Normalization& normalization, int threads);

}  // namespace bnfast
