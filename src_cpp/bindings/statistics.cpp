#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/channels.hpp"
#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "bindings/results.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {
namespace {

ResultClass moments_result("Moments");

constexpr const char* kMoments = R"(moments(x, *, channel_axis=1, correction=0, num_threads=None)
--

Mean and variance of each channel, in one read of the data.

Sums are taken in float64 about a shift near the mean [1]_; both results are accurate to about 14
digits whatever the data (13 from some 1e9 values per channel up). Sums of integers are exact: in
any order and any split they give the same bits.

Parameters
----------
x : array, float16, bfloat16, float32, float64, uint8, int8, uint16 or int16
    Any shape with one channel axis of length C.
channel_axis : int
    Default 1.
correction : int
    ``var = sum((x - mean)**2)/(count - correction)``.
num_threads : int, optional
    Default: see `set_num_threads`. The result's bits do not depend on it.

Returns
-------
Moments
    ``mean`` and ``var``, float64 of shape (C,); ``count``, the values per channel.

Raises
------
TypeError
    An argument of the wrong type or dtype.
ValueError
    `correction` is negative or not less than the values per channel.

References
----------
.. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample Variance",
   The American Statistician 37 (1983).

Examples
--------
>>> import numpy as np, bnfast
>>> bnfast.moments(np.array([[1.0, 7.0], [3.0, 7.0]]))
Moments(mean=array([2., 7.]), var=array([1., 0.]), count=2)
)";

constexpr const char* kStandardize =
    R"(standardize(x, mean=None, std=None, *, channel_axis=-1, eps=0.0, dtype=None, out=None, num_threads=None)
--

Bring each channel to mean 0 and standard deviation 1: ``y = (x - mean)/sqrt(std**2 + eps)``.

Parameters
----------
x : array, float16, bfloat16, float32, float64, uint8, int8, uint16 or int16
    Any shape with one channel axis of length C: features in columns, images with channels last.
mean, std : array of shape (C,), optional
    Default: those of `x`, `std` the population's. A constant channel of `x` gives 0.
channel_axis : int
    Default -1.
eps : float
    Added to the variance.
dtype : dtype, optional
    float16, bfloat16, float32 or float64; default: x's, or float32 where x holds
    integers.
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
    An argument of the wrong type, dtype, shape or place; a given `std` that is not positive when
    `eps` is 0. Nothing has been written then.

Examples
--------
>>> import numpy as np, bnfast
>>> bnfast.standardize(np.array([[1.0, 1000.0], [5.0, 99000.0]]))
array([[-1., -1.],
       [ 1.,  1.]])
)";

void find_moments(const Operand& x, int threads, double* mean, double* var) {
  without_gil(x.shape.elements(),
              [&] { check_memory(moments(x.shape, x.array, threads, {mean, var, nullptr})); });
}

void check_correction(long long correction, ptrdiff_t count) {
  if (count == 0) value_error("x must have at least one value per channel, got none");
  if (correction >= 0 && correction < count) return;
  value_error("correction must lie in [0, " + std::to_string(count) +
              "), the values per channel, got " + std::to_string(correction));
}

py::object moments_of(const py::object& x_, const py::object& channel_axis,
                      const py::object& correction_, const py::object& num_threads) {
  const Operand x = input(x_, "x", channel_axis, Accepted::numbers);
  const ptrdiff_t count = x.shape.values_per_channel();
  const long long correction = integer(correction_, "correction");
  check_correction(correction, count);
  const int threads = checked_threads(num_threads);
  auto mean = channel_result(x.shape), var = channel_result(x.shape);
  double* const variances = var.mutable_data();
  find_moments(x, threads, mean.mutable_data(), variances);
  const double n = static_cast<double>(count);
  for (ptrdiff_t c = 0; c < x.shape.channels(); ++c) {
    variances[c] *= n / (n - static_cast<double>(correction));
  }
  return moments_result(std::move(mean), std::move(var), count);
}

void check_std(const std::vector<double>& std, double eps) {
  for (size_t c = 0; c < std.size(); ++c) {
    if (std[c] > 0 || (std[c] == 0 && eps > 0)) continue;
    value_error("std must be positive, got " + py::str(py::float_(std[c])).cast<std::string>() +
                " for channel " + std::to_string(c));
  }
}

// 1/sqrt(var + eps); 1 for a constant channel, whose values are all 0 once centred.
double inverse_std(double var, double eps) { return var + eps == 0 ? 1 : 1 / std::sqrt(var + eps); }

py::array standardize(const py::object& x_, const py::object& mean_, const py::object& std_,
                      const py::object& channel_axis, const py::object& eps_,
                      const py::object& dtype, const py::object& out,
                      const py::object& num_threads) {
  const Operand x = input(x_, "x", channel_axis, Accepted::numbers);
  const ptrdiff_t channels = x.shape.channels();
  auto mean = channel_values(mean_, "mean", channels);
  const auto given_std = channel_values(std_, "std", channels);
  const double eps = checked_eps(eps_);
  if (given_std) check_std(*given_std, eps);
  const int threads = checked_threads(num_threads);
  const Operand y = output(out, x, {result_dtype(dtype, x.array.dtype), {&x}});
  if (x.shape.elements() == 0) return y.object;

  std::vector<double> own_mean, own_var;
  if (!mean || !given_std) {
    own_mean.resize(static_cast<size_t>(channels));
    own_var.resize(own_mean.size());
    find_moments(x, threads, own_mean.data(), own_var.data());
    if (!mean) mean = std::move(own_mean);
  }
  auto coefficients =
      allocated(Coefficients(compute_type(x.array.dtype, y.array.dtype), 3, channels));
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const auto i = static_cast<size_t>(c);
    const double v = given_std ? (*given_std)[i] * (*given_std)[i] : own_var[i];
    set_normalization(coefficients, c, (*mean)[i], inverse_std(v, eps), 0);
  }
  without_gil(x.shape.elements(),
              [&] { check_memory(map_affine(x.shape, x.array, y.array, coefficients, threads)); });
  return y.object;
}

}  // namespace

void register_statistics(py::module_& m) {
  define<moments_of>(m, kMoments);
  define<standardize>(m, kStandardize);
}

}  // namespace bnfast
