#include "c_api/images.hpp"

#include "core/images.hpp"

namespace bnfast {
namespace {

constexpr int kMostRank = 4;

// The axes of images in an array; -1: it has none such.
struct Axes {
  int image = -1, row = -1, pixel = -1;
};

Axes axes_of(const Shape& shape) {
  Axes axes;
  int* const innermost_first[] = {&axes.pixel, &axes.row, &axes.image};
  int next = 0;
  for (int axis = shape.rank - 1; axis >= 0; --axis) {
    if (axis != shape.channel_axis) *innermost_first[next++] = axis;
  }
  return axes;
}

ptrdiff_t size_along(const Shape& shape, int axis) { return axis < 0 ? 1 : shape.size[axis]; }
ptrdiff_t stride_along(const Array& array, int axis) { return axis < 0 ? 0 : array.stride[axis]; }

Image image_at(const Shape& shape, const Array& array, const Axes& axes, ptrdiff_t i) {
  return {array.data + i * stride_along(array, axes.image), stride_along(array, axes.row),
          stride_along(array, axes.pixel), array.stride[shape.channel_axis]};
}

Element element_of(DType dtype) {
  switch (dtype) {
    case DType::uint8:
      return Element::uint8;
    case DType::uint16:
      return Element::uint16;
    case DType::float16:
      return Element::float16;
    case DType::bfloat16:
      return Element::bfloat16;
    default:
      return Element::float32;
  }
}

}  // namespace

bool are_images(const Shape& shape, const Array& x, const Array& y) {
  const bool types =
      (x.dtype == DType::uint8 || x.dtype == DType::uint16) && y.dtype != DType::float64;
  return types && shape.rank <= kMostRank && shape.elements() > 0;
}

Outcome normalize_images(const Shape& shape, const Array& x, const Array& y,
                         const Normalization& normalization, int threads) {
  const Axes axes = axes_of(shape);
  const auto map = PixelMap::normalizing(normalization, element_of(x.dtype), element_of(y.dtype));
  Memory<ImagePair> pairs(size_along(shape, axes.image));
  if (map.failed() || pairs.failed()) return Outcome::out_of_memory;
  for (ptrdiff_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {image_at(shape, x, axes, i), image_at(shape, y, axes, i)};
  }
  const ImageSize size{size_along(shape, axes.row), size_along(shape, axes.pixel),
                       shape.channels()};
  return map_images({pairs.data(), pairs.size()}, size, map, {false}, false, threads);
}

}  // namespace bnfast
