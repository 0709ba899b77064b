#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "bindings/channels.hpp"
#include "bindings/functions.hpp"
#include "bindings/images.hpp"
#include "bindings/initialized.hpp"
#include "bindings/overlap.hpp"
#include "bindings/register.hpp"

namespace bnfast {
namespace {

constexpr const char* kNormalize =
    R"(normalize_images(img, mean, std, scale, layout, out_layout, swap_rb, dtype, out=None, num_threads=None)
--

Normalize an image or a batch; see `bnfast.preprocess.normalize`.
)";

constexpr const char* kBatch =
    R"(normalize_to_batch(images, mean, std, scale, layout, out_layout, swap_rb, dtype, out=None, num_threads=None)
--

Normalize images into a batch; see `bnfast.preprocess.to_batch`.
)";

constexpr const char* kDenormalize =
    R"(denormalize_images(x, mean, std, scale, layout, out_layout, swap_rb, dtype, out=None, num_threads=None)
--

Bring an image or a batch back; see `bnfast.preprocess.denormalize`.
)";

constexpr const char* kPrepared =
    R"(PreparedNormalization(mean, std, scale, layout, out_layout, swap_rb, dtype)
--

A normalization whose coefficients are folded once; see `bnfast.preprocess.Normalizer`.
)";

constexpr const char* kPreparedCall = R"(call(self, img, out=None, num_threads=None)
--

Normalize an image or a batch.
)";

constexpr const char* kPreparedBatch = R"(to_batch(self, images, out=None, num_threads=None)
--

Normalize images into a batch.
)";

// Numbers of a list or tuple, without the way over an array.
std::optional<std::vector<double>> plain_numbers(const py::object& values) {
  if (!py::isinstance<py::tuple>(values) && !py::isinstance<py::list>(values)) return std::nullopt;
  const auto count = PySequence_Fast_GET_SIZE(values.ptr());
  std::vector<double> numbers(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = PySequence_Fast_GET_ITEM(values.ptr(), i);
    if (!PyFloat_CheckExact(item)) return std::nullopt;
    numbers[static_cast<size_t>(i)] = PyFloat_AS_DOUBLE(item);
  }
  return numbers;
}

std::vector<double> numbers_of(const py::object& values, const char* name) {
  if (auto numbers = plain_numbers(values)) return std::move(*numbers);
  return counting_channel_values(values, name);
}

void check_values(const std::vector<double>& values, const char* name, const char* expected,
                  bool (*fits)(double)) {
  for (size_t c = 0; c < values.size(); ++c) {
    if (fits(values[c])) continue;
    value_error(std::string(name) + " must be " + expected + ", got " +
                text_of(py::float_(values[c])) + " for channel " + std::to_string(c));
  }
}

std::optional<double> checked_scale(const py::object& scale) {
  if (scale.is_none()) return std::nullopt;
  const double value = number(scale, "scale");
  if (!std::isfinite(value) || value == 0) {
    value_error("scale must be finite and not 0, got " + text_of(scale));
  }
  return value;
}

// mean, std and scale, as they were given.
class Formula {
 public:
  Formula(const py::object& mean, const py::object& std, const py::object& scale)
      : mean_(numbers_of(mean, "mean")),
        std_(numbers_of(std, "std")),
        scale_(checked_scale(scale)) {
    check_values(mean_, "mean", "finite", [](double v) { return std::isfinite(v); });
    check_values(std_, "std", "positive and finite",
                 [](double v) { return v > 0 && std::isfinite(v); });
    if (std_.size() == mean_.size()) return;
    value_error("std must have as many values as mean, " + std::to_string(mean_.size()) + ", got " +
                std::to_string(std_.size()));
  }

  void check_channels(const ImageArray& images, const char* name) const {
    const auto channels = static_cast<size_t>(images.size().channels);
    if (channels == mean_.size()) return;
    value_error("mean must have shape (" + std::to_string(channels) +
                ",), one value for each channel of " + name + " of shape " +
                text_of_shape(images.object) + ", got (" + std::to_string(mean_.size()) + ",)");
  }
  // integers: the type whose range the scale is for.
  Normalization with_scale_of(Element integers) const {
    return {static_cast<ptrdiff_t>(mean_.size()), mean_.data(), std_.data(),
            scale_ ? *scale_ : default_scale(integers)};
  }
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& std() const { return std_; }

 private:
  std::vector<double> mean_, std_;
  std::optional<double> scale_;
};

// How images lie, before and after.
struct Arrangement {
  ImageLayout in, out;
  ChannelOrder order;

  Arrangement(const py::object& layout, const py::object& out_layout, const py::object& swap_rb)
      : in(image_layout(layout, "layout")),
        out(image_layout(out_layout, "out_layout")),
        order{boolean(swap_rb, "swap_rb")} {}

  void check_swap(ImageSize size) const {
    if (!order.swap_first_and_third || size.channels == 3 || size.channels == 4) return;
    value_error("swap_rb must be False unless there are 3 or 4 channels, got " +
                std::to_string(size.channels));
  }
};

// Images that are computed together, of one type and size.
struct Inputs {
  std::vector<ImageArray> arrays;
  const char* name;
  ptrdiff_t result_count;  // -1: one image, without the axis of a batch

  ImageSize size() const { return arrays[0].size(); }
};

Inputs one_array(const py::object& images, const char* name, ImageLayout layout) {
  Inputs inputs{{image_array(images, name, layout)}, name, -1};
  if (inputs.arrays[0].is_batch()) inputs.result_count = inputs.arrays[0].count();
  return inputs;
}

void check_alike(const ImageArray& image, const ImageArray& first, const std::string& name) {
  if (image.element != first.element) {
    type_error(name + " must have the dtype of images[0], " + text_of(first.object.dtype()) +
               ", got " + text_of(image.object.dtype()));
  }
  if (!same_shape(image.object, first.object)) {
    value_error(name + " must have the shape of images[0], " + text_of_shape(first.object) +
                ", got " + text_of_shape(image.object));
  }
}

Inputs listed(const py::object& images, ImageLayout layout) {
  const auto sequence = py::reinterpret_steal<py::object>(
      PySequence_Fast(images.ptr(), "images must be a sequence of images"));
  if (!sequence) throw py::error_already_set();
  const py::tuple list(sequence);  // reading an image may run code that changes the caller's list
  Inputs inputs{{}, "images", static_cast<Py_ssize_t>(list.size())};
  for (Py_ssize_t i = 0; i < inputs.result_count; ++i) {
    const std::string name = "images[" + std::to_string(i) + "]";
    const py::object item = list[static_cast<size_t>(i)];
    inputs.arrays.push_back(image_array(item, name.c_str(), layout));
    const ImageArray& image = inputs.arrays.back();
    if (image.is_batch()) {
      value_error(name + " must have 3 axes, got shape " + text_of_shape(image.object));
    }
    check_alike(image, inputs.arrays[0], name);
  }
  if (inputs.arrays.empty()) value_error("images must hold at least 1 image, got none");
  return inputs;
}

std::vector<ImagePair> paired(const Inputs& inputs, const ImageArray& result) {
  std::vector<ImagePair> pairs;
  pairs.reserve(static_cast<size_t>(result.count()));
  for (const ImageArray& array : inputs.arrays) {
    for (ptrdiff_t i = 0; i < array.count(); ++i) {
      pairs.push_back({array[i], result[static_cast<ptrdiff_t>(pairs.size())]});
    }
  }
  return pairs;
}

// Which side of a map its coefficients belong to.
enum class Side { result, input };

py::array mapped(const Inputs& inputs, const PixelMap& map, const Arrangement& arrangement,
                 Side side, const ResultType& type, const py::object& out,
                 const py::object& num_threads) {
  const int threads = checked_threads(num_threads);
  const ImageSize size = inputs.size();
  arrangement.check_swap(size);
  const ImageArray result = image_output(out, {inputs.result_count, size, arrangement.out}, type,
                                         inputs.arrays, inputs.name);
  const std::vector<ImagePair> pairs = paired(inputs, result);
  without_gil(result.object.size(), [&] {
    check_memory(map_images({pairs.data(), static_cast<ptrdiff_t>(pairs.size())}, size, map,
                            arrangement.order, side == Side::input, threads));
  });
  return result.object;
}

py::array normalized(const Inputs& inputs, const Formula& formula, const Arrangement& arrangement,
                     const py::object& dtype, const py::object& out,
                     const py::object& num_threads) {
  const ResultType type = float_result(dtype);
  formula.check_channels(inputs.arrays[0], inputs.name);
  const Element from = inputs.arrays[0].element;
  const PixelMap map =
      allocated(PixelMap::normalizing(formula.with_scale_of(from), from, type.element));
  return mapped(inputs, map, arrangement, Side::result, type, out, num_threads);
}

py::array normalize_images(const py::object& img, const py::object& mean, const py::object& std,
                           const py::object& scale, const py::object& layout,
                           const py::object& out_layout, const py::object& swap_rb,
                           const py::object& dtype, const py::object& out,
                           const py::object& num_threads) {
  const Arrangement arrangement(layout, out_layout, swap_rb);
  const Inputs inputs = one_array(img, "img", arrangement.in);
  return normalized(inputs, {mean, std, scale}, arrangement, dtype, out, num_threads);
}

py::array normalize_to_batch(const py::object& images, const py::object& mean,
                             const py::object& std, const py::object& scale,
                             const py::object& layout, const py::object& out_layout,
                             const py::object& swap_rb, const py::object& dtype,
                             const py::object& out, const py::object& num_threads) {
  const Arrangement arrangement(layout, out_layout, swap_rb);
  const Inputs inputs = listed(images, arrangement.in);
  return normalized(inputs, {mean, std, scale}, arrangement, dtype, out, num_threads);
}

py::array denormalize_images(const py::object& x, const py::object& mean, const py::object& std,
                             const py::object& scale, const py::object& layout,
                             const py::object& out_layout, const py::object& swap_rb,
                             const py::object& dtype, const py::object& out,
                             const py::object& num_threads) {
  const Arrangement arrangement(layout, out_layout, swap_rb);
  const Inputs inputs = one_array(x, "x", arrangement.in);
  refuse_integers(inputs.arrays[0], "x");
  const Formula formula(mean, std, scale);
  formula.check_channels(inputs.arrays[0], "x");
  const ResultType type = image_result(dtype);
  const PixelMap map = allocated(PixelMap::denormalizing(formula.with_scale_of(type.element),
                                                         inputs.arrays[0].element, type.element));
  return mapped(inputs, map, arrangement, Side::input, type, out, num_threads);
}

py::array constant(const std::vector<double>& values) {
  py::array array = channel_array(values);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

class PreparedNormalization
    : public Initialized<PreparedNormalization, py::object, py::object, py::object, py::object,
                         py::object, py::object, py::object> {
 public:
  static constexpr const char* kName = "PreparedNormalization";

  PreparedNormalization(const py::object& mean, const py::object& std, const py::object& scale,
                        const py::object& layout, const py::object& out_layout,
                        const py::object& swap_rb, const py::object& dtype)
      : formula_(mean, std, scale),
        arrangement_(layout, out_layout, swap_rb),
        type_(float_result(dtype)) {
    for (int i = 0; i < kElements; ++i) {
      const auto from = static_cast<Element>(i);
      maps_.push_back(
          allocated(PixelMap::normalizing(formula_.with_scale_of(from), from, type_.element)));
    }
    arrangement_.check_swap({0, 0, maps_[0].channels()});
  }

  py::array call(const py::object& img, const py::object& out,
                 const py::object& num_threads) const {
    return apply(one_array(img, "img", arrangement_.in), out, num_threads);
  }
  py::array to_batch(const py::object& images, const py::object& out,
                     const py::object& num_threads) const {
    return apply(listed(images, arrangement_.in), out, num_threads);
  }
  py::array mean() const { return constant(formula_.mean()); }
  py::array std() const { return constant(formula_.std()); }
  py::dtype dtype() const { return type_.dtype; }

 private:
  py::array apply(const Inputs& inputs, const py::object& out,
                  const py::object& num_threads) const {
    formula_.check_channels(inputs.arrays[0], inputs.name);
    const auto from = static_cast<size_t>(inputs.arrays[0].element);
    return mapped(inputs, maps_[from], arrangement_, Side::result, type_, out, num_threads);
  }

  Formula formula_;
  Arrangement arrangement_;
  ResultType type_;
  std::vector<PixelMap> maps_;  // by the input's type
};

}  // namespace

void register_preprocess(py::module_& m) {
  define<normalize_images>(m, kNormalize);
  define<normalize_to_batch>(m, kBatch);
  define<denormalize_images>(m, kDenormalize);
  py::class_<PreparedNormalization> prepared(m, PreparedNormalization::kName, kPrepared);
  prepared.def(py::init(&PreparedNormalization::make), py::arg("mean"), py::arg("std"),
               py::arg("scale"), py::arg("layout"), py::arg("out_layout"), py::arg("swap_rb"),
               py::arg("dtype"));
  prepared.def_property_readonly("mean", &PreparedNormalization::mean)
      .def_property_readonly("std", &PreparedNormalization::std)
      .def_property_readonly("dtype", &PreparedNormalization::dtype);
  define_bound<PreparedNormalization, &PreparedNormalization::call>(prepared, kPreparedCall);
  define_bound<PreparedNormalization, &PreparedNormalization::to_batch>(prepared, kPreparedBatch);
}

}  // namespace bnfast
