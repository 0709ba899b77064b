#include "bindings/arrays.hpp"
#include "bindings/channels.hpp"
#include "bindings/epilogue.hpp"
#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {
namespace {

constexpr const char* kAffine =
    R"(affine(x, scale, shift, *, channel_axis=1, activation=None, negative_slope=0.01, residual=None, dtype=None, out=None, num_threads=None)
--

Scale and shift each channel: ``y = activation(x*scale + shift + residual)``.

Parameters
----------
x : array, float16, bfloat16, float32, float64, uint8, int8, uint16 or int16
    Any shape with one channel axis of length C.
scale, shift : array of shape (C,)
    float32 or float64 or a sequence. Where both fit x's precision the result is correctly rounded
    (the product and then the sum on an instruction set without fma, "v2" and "portable");
    otherwise it is taken about the zero of the map, so that a shift that cancels a large
    ``x*scale`` costs a few ulp and no more.
channel_axis : int
    Default 1.
activation : {None, "relu", "relu6", "leaky_relu", "hardswish", "silu"}
    Applied to each value of the result; None: nothing is.
negative_slope : float
    Of "leaky_relu".
residual : array, optional
    Of x's shape and the result's dtype: added before the activation.
dtype : dtype, optional
    float16, bfloat16, float32 or float64; default: x's, or float32 where x holds
    integers.
out : numpy.ndarray, optional
    Where to write the result: x's shape, the result's dtype. May be `x` or `residual` itself.
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

py::array affine(const py::object& x_, const py::object& scale_, const py::object& shift_,
                 const py::object& channel_axis, const py::object& activation,
                 const py::object& negative_slope, const py::object& residual,
                 const py::object& dtype, const py::object& out, const py::object& num_threads) {
  const NamedActivation named(activation, number(negative_slope, "negative_slope"));
  const Operand x = input(x_, "x", channel_axis, Accepted::numbers);
  const ptrdiff_t channels = x.shape.channels();
  const auto scale = required_channel_values(scale_, "scale", channels);
  const auto shift = required_channel_values(shift_, "shift", channels);
  const int threads = checked_threads(num_threads);
  Operand like = x;
  like.array.dtype = result_dtype(dtype, x.array.dtype);
  const EpilogueArguments epilogue(named, residual, like, "the result");
  const Operand y = output(out, x, {like.array.dtype, epilogue.overwritable(x)});
  auto coefficients =
      allocated(Coefficients(compute_type(x.array.dtype, y.array.dtype), 3, channels));
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const auto i = static_cast<size_t>(c);
    set_affine(coefficients, c, scale[i], shift[i]);
  }
  without_gil(x.shape.elements(), [&] {
    check_memory(map_affine(x.shape, x.array, y.array, coefficients, threads, epilogue.get()));
  });
  return y.object;
}

py::tuple inference_params(const py::object& running_mean, const py::object& running_var,
                           const py::object& weight_, const py::object& bias_,
                           const py::object& eps) {
  const auto mean = counting_channel_values(running_mean, "running_mean");
  const auto channels = static_cast<py::ssize_t>(mean.size());
  const ChannelArgument var(running_var, "running_var", channels);
  const ChannelArgument weight(weight_, "weight", channels, kNoWeight);
  const ChannelArgument bias(bias_, "bias", channels, kNoBias);
  std::vector<double> scale(mean.size()), shift(mean.size());
  inference_scale_and_shift({ChannelValues(mean.data()), var.values(), checked_eps(eps)},
                            {weight.values(), bias.values()}, channels, scale.data(), shift.data());
  return py::make_tuple(channel_array(scale), channel_array(shift));
}

}  // namespace

void register_affine(py::module_& m) {
  define<affine>(m, kAffine);
  define<inference_params>(m, kInferenceParams);
}

}  // namespace bnfast
