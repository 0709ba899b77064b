// From Python objects to images, checked before anything is computed.
#pragma once

#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "core/images.hpp"

namespace bnfast {

// Where an image's channels lie: behind its rows and columns (HWC), or before them (CHW).
enum class ImageLayout { hwc, chw };

ImageLayout image_layout(const py::object& word, const char* name);

// An array of one image, or of a batch of them.
struct ImageArray {
  py::array object;
  Element element;
  ImageLayout layout;

  bool is_batch() const { return object.ndim() == 4; }
  ptrdiff_t count() const { return is_batch() ? object.shape(0) : 1; }
  ImageSize size() const;
  Image operator[](ptrdiff_t i) const;
};

// Any of the types that images have, in native byte order.
ImageArray image_array(const py::object& images, const char* name, ImageLayout layout);
void refuse_integers(const ImageArray& images, const char* name);

// What results may hold.
struct ResultType {
  py::dtype dtype;
  Element element;
};
ResultType float_result(const py::object& dtype);
ResultType image_result(const py::object& dtype);

// A result of `count` images of this size; count < 0: of one image, without the axis of a batch.
struct ResultShape {
  ptrdiff_t count;
  ImageSize size;
  ImageLayout layout;
};

// `out` checked against what the result will be, or a new array.
ImageArray image_output(const py::object& out, const ResultShape& shape, const ResultType& type,
                        const std::vector<ImageArray>& inputs, const char* inputs_name);

}  // namespace bnfast
