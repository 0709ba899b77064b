#include <vector>

#include "bindings/channels.hpp"
#include "bindings/functions.hpp"
#include "bindings/initialized.hpp"
#include "bindings/prepared.hpp"
#include "bindings/register.hpp"

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

class FrozenAffine
    : public Initialized<FrozenAffine, py::object, py::object, py::object, py::object, py::object> {
 public:
  static constexpr const char* kName = "Affine";

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
    return prepared_.apply(x, activation_, residual, out, checked_threads(num_threads));
  }

  py::tuple map_and_check(const py::object& x_) const {
    if (!activation_name_.is_none()) {
      value_error("activation must be None, got " + text_of(py::repr(activation_name_)));
    }
    const Operand x = input(x_, "x", channel_axis_);
    check_features(x, features());
    const int threads = checked_threads(py::none());
    const Operand y = output(py::none(), x, {x.array.dtype, {}});
    const Coefficients& coefficients = prepared_.computing(x, y);
    bool finite = true;
    without_gil(x.shape.elements(), [&] {
      check_memory(map_affine_and_check(x.shape, x.array, y.array, coefficients, threads, finite));
    });
    return py::make_tuple(y.object, finite);
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

// By every protocol of pickle: those below 2 would make an object without pybind11's knowledge, and
// end the process.
py::tuple reduce(const py::object& self) {
  return py::make_tuple(py::module_::import("copyreg").attr("__newobj__"),
                        py::make_tuple(py::type::of(self)), self.attr("__getstate__")());
}

}  // namespace

void register_frozen(py::module_& m) {
  const py::none none;
  py::class_<FrozenAffine> frozen(m, FrozenAffine::kName, kFrozen, callable());
  frozen
      .def(py::init(&FrozenAffine::make), py::arg("mean"), py::arg("scale"), py::arg("shift"),
           py::kw_only(), py::arg("channel_axis") = 1, py::arg("activation") = none)
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
                        return FrozenAffine::make(state[0], state[1], state[2], state[3], state[4]);
                      }));
  frozen.def("__reduce__", reduce);
  define_call<FrozenAffine, &FrozenAffine::call>(frozen, kFrozenCall);
}

}  // namespace bnfast
