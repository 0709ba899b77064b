#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/channels.hpp"
#include "bindings/epilogue.hpp"
#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {
namespace {

constexpr const char* kFrozen = R"(Affine(mean, scale, shift, *, channel_axis=1, activation=None)
--

A prepared inference, ``y = activation((x - mean)*scale + shift)`` per channel. Immutable, picklable
and callable from many threads.

Parameters
----------
mean, scale, shift : array of shape (C,)
    float32 or float64 or a sequence.
channel_axis : int
    Default 1.
activation : {None, "relu", "relu6", "leaky_relu", "hardswish", "silu"}
    Applied to each value of the result.

Attributes
----------
num_features : int
mean, scale, shift : numpy.ndarray of shape (C,), float64
channel_axis : int
activation : str or None

Examples
--------
>>> import numpy as np, bnfast
>>> frozen = bnfast.BatchNorm(2).eval().freeze()
>>> frozen(np.array([[1.0, 2.0]], dtype=np.float32)).shape
(1, 2)
)";

constexpr const char* kFrozenCall =
    R"(__call__(self, x, out=None, *, residual=None, num_threads=None)
--

Normalize `x`.

Parameters
----------
x : array, float16, bfloat16, float32 or float64
    Any shape whose channel axis has length `num_features`.
out : numpy.ndarray, optional
    Where to write the result: x's shape and dtype. May be `x` or `residual` itself.
residual : array, optional
    Of x's shape and dtype: added before the activation.
num_threads : int, optional
    Default: see `set_num_threads`.

Returns
-------
numpy.ndarray
    `out`, or a new array of x's shape and dtype in the order of x's axes.
)";

constexpr const char* kMapAndCheck =
    R"(The result of a call, and whether all values of x are finite: one read of x finds both.)";

constexpr const char* kFold = R"(InferenceFold(activation=None)
--

Inference by arrays that may change between calls: folds once, and again only after a change.
)";

constexpr const char* kFoldCall =
    R"(call(self, x, running_mean, running_var, weight, bias, eps, channel_axis, out=None, residual=None, num_threads=None)
--

Normalize `x`.
)";

// Coefficients for both compute types, made once.
struct Prepared {
  Coefficients narrow, wide;

  explicit Prepared(ptrdiff_t channels)
      : narrow(allocated(Coefficients(DType::float32, 3, channels))),
        wide(allocated(Coefficients(DType::float64, 3, channels))) {}
  const Coefficients& computing(const Operand& x, const Operand& y) const {
    return compute_type(x.array.dtype, y.array.dtype) == DType::float32 ? narrow : wide;
  }
  py::array apply(const Operand& x, const NamedActivation& activation, const py::object& residual,
                  const py::object& out, const py::object& num_threads) const {
    const int threads = checked_threads(num_threads);
    const EpilogueArguments epilogue(activation, residual, x);
    const Operand y = output(out, x, {x.array.dtype, epilogue.overwritable(x)});
    const Coefficients& coefficients = computing(x, y);
    without_gil(x.shape.elements(), [&] {
      check_memory(map_affine(x.shape, x.array, y.array, coefficients, threads, epilogue.get()));
    });
    return y.object;
  }
  // The result, and whether all of x is finite.
  py::tuple apply_and_check(const Operand& x) const {
    const int threads = checked_threads(py::none());
    const Operand y = output(py::none(), x, {x.array.dtype, {}});
    bool finite = true;
    without_gil(x.shape.elements(), [&] {
      check_memory(
          map_affine_and_check(x.shape, x.array, y.array, computing(x, y), threads, finite));
    });
    return py::make_tuple(y.object, finite);
  }
};

class FrozenAffine {
 public:
  FrozenAffine(const py::object& mean, const py::object& scale, const py::object& shift,
               const py::object& channel_axis, const py::object& activation)
      : mean_(counting_channel_values(mean, "mean")),
        scale_(required_channel_values(scale, "scale", features())),
        shift_(required_channel_values(shift, "shift", features())),
        channel_axis_(integer(channel_axis, "channel_axis")),
        activation_name_(activation),
        activation_(activation),
        prepared_(features()) {
    for (ptrdiff_t c = 0; c < features(); ++c) {
      const auto i = static_cast<size_t>(c);
      set_normalization(prepared_.narrow, c, mean_[i], scale_[i], shift_[i]);
      set_normalization(prepared_.wide, c, mean_[i], scale_[i], shift_[i]);
    }
  }

  py::array call(const py::object& x_, const py::object& out, const py::object& residual,
                 const py::object& num_threads) const {
    const Operand x = input(x_, "x", channel_axis_);
    check_features(x, features());
    return prepared_.apply(x, activation_, residual, out, num_threads);
  }

  py::tuple map_and_check(const py::object& x_) const {
    if (!activation_name_.is_none()) {
      value_error("activation must be None, got " + text_of(py::repr(activation_name_)));
    }
    const Operand x = input(x_, "x", channel_axis_);
    check_features(x, features());
    return prepared_.apply_and_check(x);
  }

  ptrdiff_t features() const { return static_cast<ptrdiff_t>(mean_.size()); }
  py::int_ channel_axis() const { return channel_axis_; }
  py::array mean() const { return channel_array(mean_); }
  py::array scale() const { return channel_array(scale_); }
  py::array shift() const { return channel_array(shift_); }
  py::object activation() const { return activation_name_; }
  py::tuple state() const {
    return py::make_tuple(mean(), scale(), shift(), channel_axis_, activation_name_);
  }

 private:
  std::vector<double> mean_, scale_, shift_;
  py::int_ channel_axis_;
  py::object activation_name_;
  NamedActivation activation_;
  Prepared prepared_;
};

// An array as it was: its values are compared bit by bit, which is cheaper than folding them.
class Snapshot {
 public:
  Snapshot() = default;
  explicit Snapshot(const py::object& values) : given_(!values.is_none()) {
    if (!py::isinstance<py::array>(values)) return;
    const auto array = py::reinterpret_borrow<py::array>(values);
    const auto type = known_dtype(array);
    if (!type || array.ndim() != 1 || array.strides(0) != size_of(*type)) return;
    descriptor_ = array.dtype();
    item_ = size_of(*type);
    const char* data = static_cast<const char*>(array.data());
    bytes_.assign(data, data + array.nbytes());
  }
  // False as well for what is no vector of numbers side by side.
  bool matches(const py::object& values) const {
    if (values.is_none() || !given_) return values.is_none() && !given_;
    if (!descriptor_ || !py::isinstance<py::array>(values)) return false;
    const auto* array = py::detail::array_proxy(values.ptr());
    return array->descr == descriptor_.ptr() && array->nd == 1 && array->strides[0] == item_ &&
           static_cast<size_t>(array->dimensions[0] * item_) == bytes_.size() &&
           std::memcmp(array->data, bytes_.data(), bytes_.size()) == 0;
  }

 private:
  bool given_ = false;
  py::object descriptor_;  // the dtype object; null: values that are not compared
  py::ssize_t item_ = 0;
  std::vector<char> bytes_;
};

class InferenceFold {
 public:
  explicit InferenceFold(const py::object& activation) : activation_(activation) {}

  py::array call(const py::object& x_, const py::object& running_mean,
                 const py::object& running_var, const py::object& weight, const py::object& bias,
                 const py::object& eps_, const py::object& channel_axis, const py::object& out,
                 const py::object& residual, const py::object& num_threads) {
    const Operand x = input(x_, "x", channel_axis);
    const double eps = checked_eps(eps_);
    if (!(prepared_ && eps == eps_folded_ && mean_.matches(running_mean) &&
          var_.matches(running_var) && weight_.matches(weight) && bias_.matches(bias))) {
      fold(running_mean, running_var, weight, bias, eps);
    }
    check_features(x, prepared_->wide.length());
    const auto prepared = prepared_;  // another thread may fold while this one computes
    return prepared->apply(x, activation_, residual, out, num_threads);
  }
  int folds() const { return folds_; }

 private:
  void fold(const py::object& running_mean, const py::object& running_var,
            const py::object& weight_values, const py::object& bias_values, double eps) {
    // First, for reading a sequence may run Python, and another thread may change what was read.
    Snapshot mean_seen(running_mean), var_seen(running_var), weight_seen(weight_values),
        bias_seen(bias_values);
    const auto mean = counting_channel_values(running_mean, "running_mean");
    const auto channels = static_cast<py::ssize_t>(mean.size());
    const ChannelArgument var(running_var, "running_var", channels);
    const ChannelArgument weight(weight_values, "weight", channels, kNoWeight);
    const ChannelArgument bias(bias_values, "bias", channels, kNoBias);
    auto fresh = std::make_shared<Prepared>(channels);
    const Running running{ChannelValues(mean.data()), var.values(), eps};
    const Parameters parameters{weight.values(), bias.values()};
    set_inference(fresh->narrow, 0, channels, running, parameters);
    set_inference(fresh->wide, 0, channels, running, parameters);
    prepared_ = std::move(fresh);
    mean_ = std::move(mean_seen);
    var_ = std::move(var_seen);
    weight_ = std::move(weight_seen);
    bias_ = std::move(bias_seen);
    eps_folded_ = eps;
    ++folds_;
  }

  NamedActivation activation_;
  Snapshot mean_, var_, weight_, bias_;
  double eps_folded_ = 0;
  std::shared_ptr<const Prepared> prepared_;
  int folds_ = 0;
};

}  // namespace

void register_inference(py::module_& m) {
  const py::none none;
  py::class_<FrozenAffine> frozen(m, "Affine", kFrozen);
  frozen
      .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&,
                    const py::object&>(),
           py::arg("mean"), py::arg("scale"), py::arg("shift"), py::kw_only(),
           py::arg("channel_axis") = 1, py::arg("activation") = none)
      .def("__call__", &FrozenAffine::call, kFrozenCall, py::arg("x"), py::arg("out") = none,
           py::kw_only(), py::arg("residual") = none, py::arg("num_threads") = none)
      .def("_map_and_check", &FrozenAffine::map_and_check, kMapAndCheck, py::arg("x"))
      .def_property_readonly("num_features", &FrozenAffine::features)
      .def_property_readonly("channel_axis", &FrozenAffine::channel_axis)
      .def_property_readonly("activation", &FrozenAffine::activation)
      .def_property_readonly("mean", &FrozenAffine::mean)
      .def_property_readonly("scale", &FrozenAffine::scale)
      .def_property_readonly("shift", &FrozenAffine::shift)
      .def(py::pickle([](const FrozenAffine& self) { return self.state(); },
                      [](const py::tuple& state) {
                        return FrozenAffine(state[0], state[1], state[2], state[3], state[4]);
                      }));
  define_call<FrozenAffine, &FrozenAffine::call>(frozen, kFrozenCall);

  py::class_<InferenceFold> fold(m, "InferenceFold", kFold);
  fold.def(py::init<const py::object&>(), py::arg("activation") = none)
      .def_property_readonly("folds", &InferenceFold::folds);
  define_bound<InferenceFold, &InferenceFold::call>(fold, kFoldCall);
}

}  // namespace bnfast
