#include "bindings/arrays.hpp"
#include "bindings/channels.hpp"
#include "bindings/register.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {
namespace {

constexpr const char* kAffine =
    R"(affine(x, scale, shift, *, channel_axis=1, activation=None, negative_slope=0.01, residual=None, dtype=None, out=None, num_threads=None)
--

Scale and shift each channel: ``y = x*scale + shift``.

Parameters
----------
x : array, float32 or float64
    Any shape with one channel axis of length C.
scale, shift : array of shape (C,)
    float32 or float64 or a sequence. Where both fit x's precision the result is correctly rounded
    (the product and then the sum on an instruction set without fma, "v2" and "portable");
    otherwise it is taken about the zero of the map, so that a shift that cancels a large
    ``x*scale`` costs a few ulp and no more.
channel_axis : int
    Default 1.
activation, residual : None
    Not supported by this version.
negative_slope : float
    Of the activation "leaky_relu".
dtype : dtype, optional
    float32 or float64; default: x's.
out : numpy.ndarray, optional
    Where to write the result: x's shape, the result's dtype. May be `x` itself.
num_threads : int, optional
    Default: see `set_num_threads`. The result's bits do not depend on it.

Returns
-------
numpy.ndarray
    `out`, or a new array in the order of x's axes.

Raises
------
TypeError, ValueError
    An argument of the wrong type, dtype, shape or place. Nothing has been written then.

Examples
--------
>>> import numpy as np, bnfast
>>> bnfast.affine(np.array([[1.0, 2.0]]), [10.0, 100.0], [1.0, 0.0])
array([[ 11., 200.]])
)";

constexpr const char* kInferenceParams =
    R"(inference_params(running_mean, running_var, weight=None, bias=None, eps=1e-05)
--

Batch normalization by fixed statistics as one scale and shift per channel.

``scale = weight/sqrt(running_var + eps)`` and ``shift = bias - running_mean*scale``, so that
``x*scale + shift`` is the inference.

Parameters
----------
running_mean, running_var : array of shape (C,)
    float32 or float64 or a sequence.
weight, bias : array of shape (C,), optional
    Default: 1 and 0.
eps : float
    Added to the variance.

Returns
-------
scale, shift : numpy.ndarray of shape (C,), float64

Raises
------
TypeError, ValueError
    An argument of the wrong type, dtype, shape or range.

Examples
--------
>>> import bnfast
>>> bnfast.inference_params([1.0], [4.0], [2.0], [5.0], eps=0.0)
(array([1.]), array([4.]))
)";

constexpr const char* kFrozen = R"(Affine(mean, scale, shift, *, channel_axis=1)
--

A prepared inference, ``y = (x - mean)*scale + shift`` per channel. Immutable, picklable and
callable from many threads.

Parameters
----------
mean, scale, shift : array of shape (C,)
    float32 or float64 or a sequence.
channel_axis : int
    Default 1.

Attributes
----------
num_features : int
mean, scale, shift : numpy.ndarray of shape (C,), float64
channel_axis : int

Examples
--------
>>> import numpy as np, bnfast
>>> frozen = bnfast.BatchNorm(2).eval().freeze()
>>> frozen(np.array([[1.0, 2.0]], dtype=np.float32)).shape
(1, 2)
)";

constexpr const char* kFrozenCall = R"(__call__(self, x, out=None, *, num_threads=None)
--

Normalize `x`.

Parameters
----------
x : array, float32 or float64
    Any shape whose channel axis has length `num_features`.
out : numpy.ndarray, optional
    Where to write the result: x's shape and dtype. May be `x` itself.
num_threads : int, optional
    Default: see `set_num_threads`.

Returns
-------
numpy.ndarray
    `out`, or a new array of x's shape and dtype in the order of x's axes.
)";

// Coefficients for both compute types, made once.
struct Prepared {
  Coefficients narrow, wide;

  explicit Prepared(ptrdiff_t channels)
      : narrow(DType::float32, 3, channels), wide(DType::float64, 3, channels) {}
  py::array apply(const Operand& x, const py::object& out, const py::object& num_threads) const {
    const int threads = checked_threads(num_threads);
    const Operand y = output(out, x, {x.array.dtype, {&x}});
    const Coefficients& coefficients = x.array.dtype == DType::float32 ? narrow : wide;
    without_gil([&] { map_affine(x.shape, x.array, y.array, coefficients, threads); });
    return y.object;
  }
};

class FrozenAffine {
 public:
  FrozenAffine(const py::object& mean, const py::object& scale, const py::object& shift,
               const py::object& channel_axis)
      : mean_(counting_channel_values(mean, "mean")),
        scale_(required_channel_values(scale, "scale", features())),
        shift_(required_channel_values(shift, "shift", features())),
        channel_axis_(integer(channel_axis, "channel_axis")),
        prepared_(features()) {
    for (ptrdiff_t c = 0; c < features(); ++c) {
      const auto i = static_cast<size_t>(c);
      set_normalization(prepared_.narrow, c, mean_[i], scale_[i], shift_[i]);
      set_normalization(prepared_.wide, c, mean_[i], scale_[i], shift_[i]);
    }
  }

  py::array call(const py::object& x_, const py::object& out, const py::object& num_threads) const {
    const Operand x = input(x_, "x", channel_axis_);
    check_features(x, features());
    return prepared_.apply(x, out, num_threads);
  }

  ptrdiff_t features() const { return static_cast<ptrdiff_t>(mean_.size()); }
  py::int_ channel_axis() const { return channel_axis_; }
  py::array mean() const { return channel_array(mean_); }
  py::array scale() const { return channel_array(scale_); }
  py::array shift() const { return channel_array(shift_); }
  py::tuple state() const { return py::make_tuple(mean(), scale(), shift(), channel_axis_); }

 private:
  std::vector<double> mean_, scale_, shift_;
  py::int_ channel_axis_;
  Prepared prepared_;
};

// Inference by arrays that may change between calls: folds once, and again only after a change.
class InferenceFold {
 public:
  py::array call(const py::object& x_, const py::object& running_mean,
                 const py::object& running_var, const py::object& weight, const py::object& bias,
                 const py::object& eps, const py::object& channel_axis, const py::object& out,
                 const py::object& num_threads) {
    const Operand x = input(x_, "x", channel_axis);
    auto mean = counting_channel_values(running_mean, "running_mean");
    const auto channels = static_cast<ptrdiff_t>(mean.size());
    check_features(x, channels);
    Source source{std::move(mean), required_channel_values(running_var, "running_var", channels),
                  channel_values(weight, "weight", channels),
                  channel_values(bias, "bias", channels), checked_eps(eps)};
    if (!prepared_ || !(source == source_)) fold(std::move(source));
    const auto prepared = prepared_;  // another thread may fold while this one computes
    return prepared->apply(x, out, num_threads);
  }
  int folds() const { return folds_; }

 private:
  struct Source {
    std::vector<double> mean, var;
    std::optional<std::vector<double>> weight, bias;
    double eps = 0;
    bool operator==(const Source& o) const {
      return mean == o.mean && var == o.var && weight == o.weight && bias == o.bias && eps == o.eps;
    }
  };

  void fold(Source source) {
    auto fresh = std::make_shared<Prepared>(static_cast<ptrdiff_t>(source.mean.size()));
    const Running running{source.mean.data(), source.var.data(), source.eps};
    const Parameters parameters{data_of(source.weight), data_of(source.bias)};
    set_inference(fresh->narrow, running, parameters);
    set_inference(fresh->wide, running, parameters);
    prepared_ = std::move(fresh);
    source_ = std::move(source);
    ++folds_;
  }

  Source source_;
  std::shared_ptr<const Prepared> prepared_;
  int folds_ = 0;
};

py::array affine(const py::object& x_, const py::object& scale_, const py::object& shift_,
                 const py::object& channel_axis, const py::object& activation,
                 const py::object& negative_slope, const py::object& residual,
                 const py::object& dtype, const py::object& out, const py::object& num_threads) {
  refuse(activation, "activation");
  refuse(residual, "residual");
  number(negative_slope, "negative_slope");
  const Operand x = input(x_, "x", channel_axis);
  const ptrdiff_t channels = x.shape.channels();
  const auto scale = required_channel_values(scale_, "scale", channels);
  const auto shift = required_channel_values(shift_, "shift", channels);
  const int threads = checked_threads(num_threads);
  const Operand y = output(out, x, {result_dtype(dtype, x.array.dtype), {&x}});
  Coefficients coefficients(compute_type(x.array.dtype, y.array.dtype), 3, channels);
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const auto i = static_cast<size_t>(c);
    set_affine(coefficients, c, scale[i], shift[i]);
  }
  without_gil([&] { map_affine(x.shape, x.array, y.array, coefficients, threads); });
  return y.object;
}

py::tuple inference_params(const py::object& running_mean, const py::object& running_var,
                           const py::object& weight_, const py::object& bias_,
                           const py::object& eps) {
  const auto mean = counting_channel_values(running_mean, "running_mean");
  const auto channels = static_cast<py::ssize_t>(mean.size());
  const auto var = required_channel_values(running_var, "running_var", channels);
  const auto weight = channel_values(weight_, "weight", channels);
  const auto bias = channel_values(bias_, "bias", channels);
  std::vector<double> scale(mean.size()), shift(mean.size());
  inference_scale_and_shift({mean.data(), var.data(), checked_eps(eps)},
                            {data_of(weight), data_of(bias)}, channels, scale.data(), shift.data());
  return py::make_tuple(channel_array(scale), channel_array(shift));
}

}  // namespace

void register_affine(py::module_& m) {
  const py::none none;
  m.def("affine", affine, kAffine, py::arg("x"), py::arg("scale"), py::arg("shift"), py::kw_only(),
        py::arg("channel_axis") = 1, py::arg("activation") = none, py::arg("negative_slope") = 0.01,
        py::arg("residual") = none, py::arg("dtype") = none, py::arg("out") = none,
        py::arg("num_threads") = none);
  m.def("inference_params", inference_params, kInferenceParams, py::arg("running_mean"),
        py::arg("running_var"), py::arg("weight") = none, py::arg("bias") = none,
        py::arg("eps") = 1e-5);

  py::class_<FrozenAffine>(m, "Affine", kFrozen)
      .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&>(),
           py::arg("mean"), py::arg("scale"), py::arg("shift"), py::kw_only(),
           py::arg("channel_axis") = 1)
      .def("__call__", &FrozenAffine::call, kFrozenCall, py::arg("x"), py::arg("out") = none,
           py::kw_only(), py::arg("num_threads") = none)
      .def_property_readonly("num_features", &FrozenAffine::features)
      .def_property_readonly("channel_axis", &FrozenAffine::channel_axis)
      .def_property_readonly("mean", &FrozenAffine::mean)
      .def_property_readonly("scale", &FrozenAffine::scale)
      .def_property_readonly("shift", &FrozenAffine::shift)
      .def(py::pickle([](const FrozenAffine& self) { return self.state(); },
                      [](const py::tuple& state) {
                        return FrozenAffine(state[0], state[1], state[2], state[3]);
                      }));

  py::class_<InferenceFold>(m, "InferenceFold")
      .def(py::init<>())
      .def("__call__", &InferenceFold::call, py::arg("x"), py::arg("running_mean"),
           py::arg("running_var"), py::arg("weight"), py::arg("bias"), py::arg("eps"),
           py::arg("channel_axis"), py::arg("out") = none, py::arg("num_threads") = none)
      .def_property_readonly("folds", &InferenceFold::folds);
}

}  // namespace bnfast
