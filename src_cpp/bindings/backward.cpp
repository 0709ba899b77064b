#include "bindings/arrays.hpp"
#include "bindings/channels.hpp"
#include "bindings/epilogue.hpp"
#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "bindings/results.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {
namespace {

ResultClass gradients_result("BatchNormGradients");

constexpr const char* kBackward =
    R"(batch_norm_backward(dy, x, mean, invstd, weight=None, bias=None, *, channel_axis=1, training=True, activation=None, negative_slope=0.01, residual=None, mask=None, output_mask=(True, True, True), out=None, num_threads=None)
--

Gradients of batch normalization for its input, weight and bias.

With xhat = (x - mean)*invstd and m values per channel [1]_::

    dbias   = sum(g)
    dweight = sum(g*xhat)
    dx      = weight*invstd*(g - dbias/m - xhat*dweight/m)      training
    dx      = weight*invstd*g                                   statistics are constants

g is `dy`; behind an activation, dy times the activation's slope at ``xhat*weight + bias + residual``,
which is computed again from `x`: the forward keeps nothing for it.

Parameters
----------
dy : array, float16, bfloat16, float32 or float64
    The gradient of the loss for the output.
x : array of dy's shape and dtype
    The input of the forward.
mean, invstd : array of shape (C,)
    From `batch_norm_forward`; for frozen statistics ``running_mean`` and
    ``1/sqrt(running_var + eps)``.
weight, bias : array of shape (C,), optional
    As in the forward. Only with an activation do gradients depend on `bias`.
channel_axis : int
    Default 1.
training : bool
    False: `mean` and `invstd` are constants.
activation, residual
    As in the forward. At a kink, 0 and for "relu6" 6, the slope is 0, for "leaky_relu" its lower
    one: PyTorch's choice.
negative_slope : float
    Of "leaky_relu".
mask : array of bool, optional
    As in the forward. All positions count in dweight and dbias; their share in dx goes to the
    positions where the mask is True, divided by their number instead of m. Constant statistics have
    no such share.
output_mask : tuple of 3 bool
    Which of dx, dweight and dbias to compute; the others are None.
out : numpy.ndarray, optional
    Where to write dx: x's shape and dtype. May be `dy`, `x` or `residual` itself.
num_threads : int, optional
    Default: see `set_num_threads`. The result's bits do not depend on it.

Returns
-------
BatchNormGradients
    ``dx`` of x's dtype; ``dweight`` and ``dbias``, float64 of shape (C,); ``dresidual``, which is g,
    of x's shape and dtype, where there is a residual.

Raises
------
TypeError, ValueError
    An argument of the wrong type, dtype, shape or place. Nothing has been written then.

References
----------
.. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
   Reducing Internal Covariate Shift", ICML 2015, section 3.

Examples
--------
>>> import numpy as np, bnfast
>>> x = np.array([[1.0], [2.0], [6.0]])
>>> y, mean, invstd, count = bnfast.batch_norm_forward(x)
>>> dx, dweight, dbias, _ = bnfast.batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), x, mean, invstd)
>>> dbias, bool(abs(dx.sum()) < 1e-15)
(array([1.]), True)
)";

constexpr const char* kReduce =
    R"(batch_norm_backward_reduce(dy, x, mean, invstd, *, channel_axis=1, num_threads=None)
--

The first half of `batch_norm_backward`: the sums to exchange in synchronised batch norm.

Parameters
----------
dy, x, mean, invstd, channel_axis, num_threads
    As in `batch_norm_backward`; `mean` is that of the whole batch.

Returns
-------
sum_dy, sum_dy_xmu : numpy.ndarray of shape (C,), float64
    ``sum(dy)`` and ``sum(dy*(x - mean))`` over this part of the batch. Over parts they add up.

Raises
------
TypeError, ValueError
    As `batch_norm_backward`.

Examples
--------
>>> import numpy as np, bnfast
>>> x = np.array([[1.0], [3.0]])
>>> bnfast.batch_norm_backward_reduce(np.ones_like(x), x, [2.0], [1.0])
(array([2.]), array([0.]))
)";

constexpr const char* kElemt =
    R"(batch_norm_backward_elemt(dy, x, mean, invstd, weight, sum_dy, sum_dy_xmu, count, *, channel_axis=1, out=None, num_threads=None)
--

The second half of `batch_norm_backward`: dx from the sums over the whole batch.

Parameters
----------
dy, x, mean, invstd, channel_axis, out, num_threads
    As in `batch_norm_backward`.
weight : array of shape (C,) or None
    Gamma; None: 1.
sum_dy, sum_dy_xmu : array of shape (C,)
    From `batch_norm_backward_reduce`, added over all parts.
count : int or float
    Values per channel in the whole batch.

Returns
-------
numpy.ndarray
    dx, of x's shape and dtype.

Raises
------
TypeError, ValueError
    As `batch_norm_backward`; `count` that is not positive.

Examples
--------
>>> import numpy as np, bnfast
>>> x, dy = np.array([[1.0], [3.0]]), np.array([[1.0], [0.0]])
>>> sums = bnfast.batch_norm_backward_reduce(dy, x, [2.0], [1.0])
>>> bnfast.batch_norm_backward_elemt(dy, x, [2.0], [1.0], None, *sums, 2)
array([[0.],
       [0.]])
)";

constexpr const char* kCheckedGradient =
    R"(checked_gradient(dy, x, channel_axis, residual=None, out=None)
--

Refuse what batch_norm_backward refuses of these, and return dy, x, residual and out as arrays, out
new if None.

What is done in several calls is checked by this first: nothing is computed or written.
)";

// What both halves take.
struct Arguments {
  Operand x, dy;
  ChannelArgument mean, invstd;
  int threads;

  Arguments(const py::object& dy_, const py::object& x_, const py::object& mean_,
            const py::object& invstd_, const py::object& channel_axis,
            const py::object& num_threads)
      : x(input(x_, "x", channel_axis)),
        dy(input_like(dy_, "dy", x, "x")),
        mean(mean_, "mean", channels()),
        invstd(invstd_, "invstd", channels()),
        threads(checked_threads(num_threads)) {}

  ptrdiff_t channels() const { return x.shape.channels(); }
};

const Array* array_of(const std::optional<Operand>& operand) {
  return operand ? &operand->array : nullptr;
}

// What is written: either may be absent.
struct Results {
  std::optional<Operand> dx, dresidual;
};

GradientArrays arrays_of(const Arguments& a, const Results& to) {
  return {a.x.array, a.dy.array, array_of(to.dx), array_of(to.dresidual)};
}

ProductsFold::Statistics statistics_of(const Arguments& a, const Parameters& parameters) {
  return {a.mean.values(), a.invstd.values(), parameters,
          static_cast<double>(a.x.shape.values_per_channel())};
}

void reduce(const Arguments& a, const ProductsFold::Statistics& statistics,
            const Epilogue& epilogue, const Results& to, const GradientSums& sums) {
  without_gil(a.x.shape.elements(), [&] {
    check_memory(backward(a.x.shape, arrays_of(a, to), statistics, a.threads, sums, epilogue));
  });
}

// A result of one value per channel, where it is wanted.
class ChannelResult {
 public:
  ChannelResult(bool wanted, const Shape& shape) {
    if (!wanted) return;
    py::array_t<double> values = channel_result(shape);
    data_ = values.mutable_data();
    object_ = std::move(values);
  }
  double* data() const { return data_; }
  const py::object& object() const { return object_; }

 private:
  double* data_ = nullptr;
  py::object object_ = py::none();
};

struct Wanted {
  bool dx, dweight, dbias;
  explicit Wanted(const py::object& output_mask) {
    if (!py::isinstance<py::tuple>(output_mask) && !py::isinstance<py::list>(output_mask)) {
      type_error("output_mask must be a tuple of 3 bool, got " + type_name(output_mask));
    }
    const py::tuple mask(output_mask);
    if (mask.size() != 3) {
      value_error("output_mask must have 3 members, got " + std::to_string(mask.size()));
    }
    dx = boolean(mask[0], "output_mask[0]");
    dweight = boolean(mask[1], "output_mask[1]");
    dbias = boolean(mask[2], "output_mask[2]");
  }
};

py::object batch_norm_backward(const py::object& dy, const py::object& x, const py::object& mean,
                               const py::object& invstd, const py::object& weight_,
                               const py::object& bias_, const py::object& channel_axis,
                               const py::object& training_, const py::object& activation,
                               const py::object& negative_slope, const py::object& residual,
                               const py::object& mask, const py::object& output_mask,
                               const py::object& out, const py::object& num_threads) {
  const bool training = boolean(training_, "training");
  const NamedActivation named(activation, number(negative_slope, "negative_slope"));
  const Wanted wanted(output_mask);
  if (!mask.is_none()) {
    const py::int_ axis(integer(channel_axis, "channel_axis"));
    return py::module_::import("bnfast.masked")
        .attr("backward")(dy, x, mean, invstd, weight_, bias_, axis, training, activation,
                          negative_slope, residual, mask, output_mask, out, num_threads);
  }
  Arguments a(dy, x, mean, invstd, channel_axis, num_threads);
  ChannelArgument weight(weight_, "weight", a.channels(), kNoWeight);
  ChannelArgument bias(bias_, "bias", a.channels(), kNoBias);
  const EpilogueArguments epilogue(named, residual, a.x);
  if (!wanted.dx && !out.is_none()) value_error("out must be None when output_mask leaves out dx");
  const bool sums_wanted = wanted.dweight || wanted.dbias;
  Results to;
  if (wanted.dx) to.dx = output(out, a.x, {a.x.array.dtype, epilogue.overwritable(a.x, &a.dy)});
  if (epilogue.residual()) to.dresidual = output(py::none(), a.x, {a.x.array.dtype, {}});

  if (to.dx) {
    for (ChannelArgument* read : {&a.mean, &a.invstd, &weight, &bias}) {
      read->keep_from(to.dx->object);
    }
  }
  const auto statistics = statistics_of(a, {weight.values(), bias.values()});
  const ChannelResult dweight(wanted.dweight, a.x.shape), dbias(wanted.dbias, a.x.shape);

  // The sums first: out may be x or dy.
  const bool whole = wanted.dx && training;
  if (whole || sums_wanted) {
    reduce(a, statistics, epilogue.get(), whole ? to : Results{},
           {dbias.data(), nullptr, dweight.data()});
  }
  if (!whole && (to.dx || to.dresidual)) {
    without_gil(a.x.shape.elements(), [&] {
      check_memory(
          scale_gradient(a.x.shape, arrays_of(a, to), statistics, a.threads, epilogue.get()));
    });
  }
  const auto object = [](const std::optional<Operand>& result) {
    return result ? py::object(result->object) : py::none();
  };
  return gradients_result(object(to.dx), dweight.object(), dbias.object(), object(to.dresidual));
}

py::tuple checked_gradient(const py::object& dy_, const py::object& x_,
                           const py::object& channel_axis, const py::object& residual,
                           const py::object& out) {
  const Operand x = input(x_, "x", channel_axis);
  const Operand dy = input_like(dy_, "dy", x, "x");
  const EpilogueArguments epilogue(NamedActivation(py::none()), residual, x);
  const Operand dx = output(out, x, {x.array.dtype, epilogue.overwritable(x, &dy)});
  const Operand* added = epilogue.residual();
  return py::make_tuple(dy.object, x.object, added ? py::object(added->object) : py::none(),
                        dx.object);
}

py::tuple batch_norm_backward_reduce(const py::object& dy, const py::object& x,
                                     const py::object& mean, const py::object& invstd,
                                     const py::object& channel_axis,
                                     const py::object& num_threads) {
  const Arguments a(dy, x, mean, invstd, channel_axis, num_threads);
  py::array_t<double> dy_sums = channel_result(a.x.shape), dy_xmu_sums = channel_result(a.x.shape);
  reduce(a, statistics_of(a, {}), {}, {},
         {dy_sums.mutable_data(), dy_xmu_sums.mutable_data(), nullptr});
  return py::make_tuple(dy_sums, dy_xmu_sums);
}

py::array batch_norm_backward_elemt(const py::object& dy, const py::object& x,
                                    const py::object& mean, const py::object& invstd,
                                    const py::object& weight_, const py::object& sum_dy_,
                                    const py::object& sum_dy_xmu_, const py::object& count_,
                                    const py::object& channel_axis, const py::object& out,
                                    const py::object& num_threads) {
  const Arguments a(dy, x, mean, invstd, channel_axis, num_threads);
  const ChannelArgument weight(weight_, "weight", a.channels(), kNoWeight);
  const ChannelArgument sum_dy(sum_dy_, "sum_dy", a.channels());
  const ChannelArgument sum_dy_xmu(sum_dy_xmu_, "sum_dy_xmu", a.channels());
  const double count = number(count_, "count");
  if (!(count > 0)) value_error("count must be positive, got " + text_of(count_));
  const Operand dx = output(out, a.x, {a.x.array.dtype, {&a.x, &a.dy}});
  auto coefficients =
      allocated(Coefficients(compute_type(a.x.array.dtype, dx.array.dtype), 4, a.channels()));
  for_groups(0, a.channels(), [&](const Group& group) {
    const GroupValues m(a.mean.values(), group), s(a.invstd.values(), group);
    const GroupValues w(weight.values(), group);
    const GroupValues dy_sum(sum_dy.values(), group), dy_xmu_sum(sum_dy_xmu.values(), group);
    set_gradients(coefficients, group,
                  {m.data(), s.data(), w.data(), dy_sum.data(), dy_xmu_sum.data(), count});
  });
  without_gil(a.x.shape.elements(), [&] {
    check_memory(map_gradient(a.x.shape, {a.x.array, a.dy.array, &dx.array, nullptr}, coefficients,
                              a.threads));
  });
  return dx.object;
}

}  // namespace

void register_backward(py::module_& m) {
  define<batch_norm_backward>(m, kBackward);
  define<checked_gradient>(m, kCheckedGradient);
  define<batch_norm_backward_reduce>(m, kReduce);
  define<batch_norm_backward_elemt>(m, kElemt);
}

}  // namespace bnfast
