#include "bindings/images.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "bindings/outputs.hpp"
#include "bindings/overlap.hpp"

namespace bnfast {
namespace {

// NumPy's numbers of its own types; those from kFirstUserType on belong to other packages.
constexpr int kUint8 = py::detail::npy_api::NPY_UBYTE_, kUint16 = py::detail::npy_api::NPY_USHORT_,
              kFloat32 = py::detail::npy_api::NPY_FLOAT_,
              kFloat64 = py::detail::npy_api::NPY_DOUBLE_, kFloat16 = 23, kFirstUserType = 256;

bool is_bfloat16(const py::handle& type) {
  const char* name = reinterpret_cast<PyTypeObject*>(type.ptr())->tp_name;
  const char* dot = std::strrchr(name, '.');
  return std::strcmp(dot ? dot + 1 : name, "bfloat16") == 0;
}

std::optional<Element> element_of(const py::dtype& dtype) {
  const auto* descriptor = py::detail::array_descriptor1_proxy(dtype.ptr());
  if (descriptor->byteorder != '=' && descriptor->byteorder != '|') return std::nullopt;
  switch (descriptor->type_num) {
    case kUint8:
      return Element::uint8;
    case kUint16:
      return Element::uint16;
    case kFloat16:
      return Element::float16;
    case kFloat32:
      return Element::float32;
    case kFloat64:
      return Element::float64;
    default:
      break;
  }
  const bool other = descriptor->type_num >= kFirstUserType;
  if (other && is_bfloat16(dtype.attr("type"))) return Element::bfloat16;
  return std::nullopt;
}

const char* word_of(ImageLayout layout) { return layout == ImageLayout::hwc ? "HWC" : "CHW"; }

// Where an axis of an image lies in an array.
struct Axes {
  int row, pixel, channel;
};
Axes axes_of(ImageLayout layout, bool batch) {
  const int first = batch ? 1 : 0;
  if (layout == ImageLayout::hwc) return {first, first + 1, first + 2};
  return {first + 1, first + 2, first};
}

// The type by its name, for NumPy knows bfloat16 only once ml_dtypes is imported.
py::dtype dtype_named(const py::object& dtype) {
  const bool named = py::isinstance<py::str>(dtype) && text_of(dtype) == "bfloat16";
  if (!named) return py::dtype::from_args(dtype);
  try {
    return py::dtype::from_args(py::module_::import("ml_dtypes").attr("bfloat16"));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_ImportError)) throw;
    throw py::import_error("dtype 'bfloat16' needs the package ml_dtypes: pip install ml_dtypes");
  }
}

ResultType result_of(const py::object& dtype, bool integers, const char* expected) {
  const py::dtype wanted = dtype_named(dtype);
  const auto element = element_of(wanted);
  if (!element || *element == Element::float64 || (is_integer(*element) && !integers)) {
    type_error(std::string("dtype must be ") + expected + ", got " + text_of(wanted));
  }
  return {wanted, *element};
}

std::vector<py::ssize_t> axes_sizes(const ResultShape& shape) {
  const bool batch = shape.count >= 0;
  const Axes axes = axes_of(shape.layout, batch);
  std::vector<py::ssize_t> sizes(batch ? 4 : 3, shape.count);
  sizes[static_cast<size_t>(axes.row)] = shape.size.height;
  sizes[static_cast<size_t>(axes.pixel)] = shape.size.width;
  sizes[static_cast<size_t>(axes.channel)] = shape.size.channels;
  return sizes;
}

py::array new_images(const std::vector<py::ssize_t>& sizes, const ResultType& type) {
  std::vector<py::ssize_t> strides(sizes.size());
  py::ssize_t stride = size_of(type.element);
  for (size_t axis = sizes.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= std::max<py::ssize_t>(sizes[axis], 1);
  }
  const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  return new_array(type.dtype,
                   {static_cast<py::ssize_t>(sizes.size()), sizes.data(), strides.data()},
                   empty ? 0 : stride);
}

std::string text_of_sizes(const std::vector<py::ssize_t>& sizes) {
  py::tuple shape(sizes.size());
  for (size_t axis = 0; axis < sizes.size(); ++axis) shape[axis] = py::int_(sizes[axis]);
  return text_of(shape);
}

py::array checked_output(const py::object& out, const std::vector<py::ssize_t>& sizes,
                         const ResultType& type) {
  const py::array array = output_array(out);
  if (element_of(array.dtype()) != type.element) {
    type_error("out must be " + text_of(type.dtype) + ", got " + text_of(array.dtype()));
  }
  if (!std::equal(sizes.begin(), sizes.end(), array.shape(), array.shape() + array.ndim())) {
    value_error("out must have shape " + text_of_sizes(sizes) + ", got " + text_of_shape(array));
  }
  check_writeable(array);
  return array;
}

}  // namespace

ImageLayout image_layout(const py::object& word, const char* name) {
  if (!py::isinstance<py::str>(word)) {
    type_error(std::string(name) + " must be 'HWC' or 'CHW', got " + text_of(py::repr(word)) +
               " of type " + type_name(word));
  }
  if (PyUnicode_CompareWithASCIIString(word.ptr(), "HWC") == 0) return ImageLayout::hwc;
  if (PyUnicode_CompareWithASCIIString(word.ptr(), "CHW") == 0) return ImageLayout::chw;
  value_error(std::string(name) + " must be 'HWC' or 'CHW', got " + text_of(py::repr(word)));
}

ImageSize ImageArray::size() const {
  const Axes axes = axes_of(layout, is_batch());
  return {object.shape(axes.row), object.shape(axes.pixel), object.shape(axes.channel)};
}

Image ImageArray::operator[](ptrdiff_t i) const {
  const Axes axes = axes_of(layout, is_batch());
  auto* data = static_cast<char*>(const_cast<void*>(object.data()));
  return {data + (is_batch() ? i * object.strides(0) : 0), object.strides(axes.row),
          object.strides(axes.pixel), object.strides(axes.channel)};
}

ImageArray image_array(const py::object& images, const char* name, ImageLayout layout) {
  const py::array array = as_array(images, name);
  const auto element = element_of(array.dtype());
  if (!element) {
    type_error(std::string(name) +
               " must be uint8, uint16, float16, bfloat16, float32 or float64 in native byte "
               "order, got " +
               text_of(array.dtype()));
  }
  if (array.ndim() != 3 && array.ndim() != 4) {
    const std::string word = word_of(layout);
    value_error(std::string(name) + " must have 3 axes (" + word + ") or 4 (N" + word +
                "), got shape " + text_of_shape(array));
  }
  return {array, *element, layout};
}

void refuse_integers(const ImageArray& images, const char* name) {
  if (!is_integer(images.element)) return;
  type_error(std::string(name) + " must be float16, bfloat16, float32 or float64, got " +
             text_of(images.object.dtype()));
}

ResultType float_result(const py::object& dtype) {
  return result_of(dtype, false, "float32, float16 or bfloat16");
}

ResultType image_result(const py::object& dtype) {
  return result_of(dtype, true, "uint8, uint16, float32, float16 or bfloat16");
}

ImageArray image_output(const py::object& out, const ResultShape& shape, const ResultType& type,
                        const std::vector<ImageArray>& inputs, const char* inputs_name) {
  const std::vector<py::ssize_t> sizes = axes_sizes(shape);
  if (out.is_none()) return {new_images(sizes, type), type.element, shape.layout};
  const py::array array = checked_output(out, sizes, type);
  for (const ImageArray& input : inputs) check_apart(array, "out", input.object, inputs_name);
  return {array, type.element, shape.layout};
}

}  // namespace bnfast
