#include "bindings/arrays.hpp"
#include "bindings/channels.hpp"
#include "bindings/epilogue.hpp"
#include "bindings/functions.hpp"
#include "bindings/overlap.hpp"
#include "bindings/register.hpp"
#include "bindings/results.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {
namespace {

ResultClass forward_result("BatchNormForward");

constexpr const char* kBatchNorm =
    R"(batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05, *, channel_axis=1, activation=None, residual=None, running_var_correction=1, out=None, num_threads=None)
--

Normalize each channel: ``y = (x - mean)/sqrt(var + eps)*weight + bias``; then add `residual` and
apply `activation`, where given.

The meaning is that of ``torch.nn.functional.batch_norm`` [1]_.

Parameters
----------
x : array, float16, bfloat16, float32 or float64
    Any shape with one channel axis of length C. Half precision is computed in float32, summed in
    float64 and rounded once; bfloat16 is that of the package ml_dtypes. Read where it lies; a view whose axes cannot be
    merged around the channel axis is copied once.
running_mean, running_var : numpy.ndarray of shape (C,), optional
    Running statistics, float32 or float64; both or neither. Used for inference; with `training`
    updated in place.
weight, bias : array of shape (C,), optional
    Gamma and beta, float32 or float64 or a sequence. Default: 1 and 0.
training : bool
    Normalize by the batch's own mean and population variance. Without running statistics they are
    used in any case.
momentum : float
    Weight of the new value: ``running = (1 - momentum)*running + momentum*batch``.
eps : float
    Added to the variance.
channel_axis : int
    Default 1, as in NCHW; -1 for NHWC.
activation : {None, "relu", "relu6", "leaky_relu", "hardswish", "silu"}
    Applied to each value of the result, in the same pass over memory.
residual : array, optional
    Of x's shape and dtype: added before the activation, as in ``relu(bn(x) + residual)``.
running_var_correction : int
    The batch variance that enters `running_var` is ``sum((x - mean)**2)/(m - correction)`` for m
    values per channel: 1 is PyTorch's, 0 Keras's.
out : numpy.ndarray, optional
    Where to write the result: x's shape and dtype. May be `x` or `residual` itself.
num_threads : int, optional
    Default: see `set_num_threads`. The result's bits do not depend on it.

Returns
-------
numpy.ndarray
    `out`, or a new array of x's shape and dtype in the order of x's axes.

Raises
------
TypeError
    An argument of the wrong type or dtype.
ValueError
    A wrong shape or range, a read-only or overlapping `out`, or, with `training`, one value per
    channel. Nothing has been written then.

References
----------
.. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
   Reducing Internal Covariate Shift", ICML 2015.

Examples
--------
>>> import numpy as np, bnfast
>>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
>>> bnfast.batch_norm(x, training=True, eps=0.0)
array([[-1., -1.],
       [ 1.,  1.]])
)";

constexpr const char* kTrain =
    R"(batch_norm_train(x, running_mean, running_var, weight, bias, num_features, momentum, eps, channel_axis, running_var_correction, activation=None, residual=None, out=None)
--

What the layer calls in training: batch_norm, with what its backward needs.
)";

constexpr const char* kCheckedBatch =
    R"(checked_batch(x, running_mean, running_var, weight, bias, num_features, momentum, eps, channel_axis, running_var_correction, activation=None, residual=None, out=None, training=True)
--

Refuse what batch_norm_train refuses, and return x, residual and out as arrays, out new if None.

What is normalized in several calls is checked by this first: nothing is computed or written. Without
`training` one value per channel is allowed.
)";

constexpr const char* kCheckCorrection = R"(check_correction(running_var_correction, count)
--

Raises what batch_norm raises where it trains on so many values per channel, TypeError or ValueError,
unless it can divide by count - running_var_correction.
)";

constexpr const char* kForward =
    R"(batch_norm_forward(x, weight=None, bias=None, *, eps=1e-05, channel_axis=1, activation=None, residual=None, mask=None, out=None, num_threads=None)
--

The training forward, with what its backward needs.

Parameters
----------
x, weight, bias, eps, channel_axis, out, num_threads
    As in `batch_norm`.
activation, residual
    As in `batch_norm`.
mask : array of bool, optional
    Of x's shape without the channel axis. Statistics are those of the positions where it is True, as
    in Keras; these are copied once. All positions are normalized.

Returns
-------
BatchNormForward
    ``y``; ``mean`` and ``invstd = 1/sqrt(var + eps)``, float64 of shape (C,), var the population
    variance; ``count``, the values per channel. Without any values, zeros.

Raises
------
TypeError, ValueError
    As `batch_norm`; one value per channel is allowed here.

Examples
--------
>>> import numpy as np, bnfast
>>> y, mean, invstd, count = bnfast.batch_norm_forward(np.array([[1.0], [3.0]]), eps=0.0)
>>> mean, invstd, count
(array([2.]), array([1.]), 2)
)";

// Running statistics, given together or not at all.
struct UpdatedRunning {
  std::optional<UpdatedChannels> mean, var;
};

void check_given_together(const py::object& running_mean, const py::object& running_var) {
  if (running_mean.is_none() != running_var.is_none()) {
    value_error(std::string("running_mean and running_var must be given together, got only ") +
                (running_mean.is_none() ? "running_var" : "running_mean"));
  }
}

UpdatedRunning updated_running(const py::object& mean, const py::object& var, const Operand& x) {
  check_given_together(mean, var);
  if (mean.is_none()) return {};
  UpdatedRunning running{UpdatedChannels(mean, "running_mean", x.shape.channels()),
                         UpdatedChannels(var, "running_var", x.shape.channels())};
  check_apart(running.mean->object(), "running_mean", var, "running_var");
  check_apart(running.mean->object(), "running_mean", x.object, "x");
  check_apart(running.var->object(), "running_var", x.object, "x");
  return running;
}

void check_batch(const Operand& x) {
  if (x.shape.elements() == x.shape.channels() && x.shape.channels() > 0) {
    value_error("Expected more than 1 value per channel when training, got input size " +
                text_of_shape(x.object));
  }
}

void check_correction(long long correction, ptrdiff_t count) {
  if (correction < 0 || (count > 0 && correction >= count)) {
    value_error("running_var_correction must lie in [0, " + std::to_string(count) +
                "), the values per channel, got " + std::to_string(correction));
  }
}

void check_given_correction(const py::object& correction, ptrdiff_t count) {
  check_correction(integer(correction, "running_var_correction"), count);
}

void update(UpdatedChannels& running, const double* batch, double momentum, double factor) {
  constexpr ptrdiff_t most = 256;
  double values[most];
  for (ptrdiff_t begin = 0; begin < running.channels(); begin += most) {
    const ptrdiff_t n = std::min(most, running.channels() - begin);
    running.read(begin, n, values);
    update_running(values, batch + begin, n, momentum, factor);
    running.write(begin, n, values);
  }
}

// What every forward takes.
struct Arguments {
  ChannelArgument weight, bias;
  double eps;
  int threads;

  Arguments(const Operand& x, const py::object& weight_, const py::object& bias_,
            const py::object& eps_, const py::object& num_threads)
      : weight(weight_, "weight", x.shape.channels(), kNoWeight),
        bias(bias_, "bias", x.shape.channels(), kNoBias),
        eps(checked_eps(eps_)),
        threads(checked_threads(num_threads)) {}
  Parameters parameters() const { return {weight.values(), bias.values()}; }
};

void normalize(const Operand& x, const Operand& y, Arguments& arguments, const Epilogue& epilogue,
               BatchStatistics out) {
  arguments.weight.keep_from(y.object);
  arguments.bias.keep_from(y.object);
  without_gil(x.shape.elements(), [&] {
    check_memory(normalize_batch(x.shape, x.array, y.array, arguments.parameters(), arguments.eps,
                                 arguments.threads, out, epilogue));
  });
}

// What a backward needs.
struct Statistics {
  py::array_t<double> mean, invstd;

  explicit Statistics(const Operand& x)
      : mean(channel_result(x.shape)), invstd(channel_result(x.shape)) {}
  py::object with(const Operand& y) const {
    return forward_result(y.object, mean, invstd, y.shape.values_per_channel());
  }
};

// Where a training call writes, checked.
struct TrainingResults {
  UpdatedRunning running;
  Operand y;
};

TrainingResults training_results(const Operand& x, const py::object& running_mean,
                                 const py::object& running_var, long long correction,
                                 const EpilogueArguments& epilogue, const py::object& out) {
  check_correction(correction, x.shape.values_per_channel());
  UpdatedRunning running = updated_running(running_mean, running_var, x);
  Operand y = output(out, x, {x.array.dtype, epilogue.overwritable(x)});
  check_apart(y.object, "out", running_mean, "running_mean");
  check_apart(y.object, "out", running_var, "running_var");
  return {std::move(running), std::move(y)};
}

// invstd: null where it is not wanted.
void train(const Operand& x, TrainingResults& to, Arguments& arguments, double momentum,
           long long correction, const EpilogueArguments& epilogue, double* mean, double* invstd) {
  const ptrdiff_t count = x.shape.values_per_channel();
  const bool follows = to.running.mean && count > 0;
  auto var = allocated(Memory<double>(follows ? x.shape.channels() : 0));
  normalize(x, to.y, arguments, epilogue.get(), {mean, follows ? var.data() : nullptr, invstd});
  if (!follows) return;
  const double n = static_cast<double>(count);
  update(*to.running.mean, mean, momentum, 1);
  update(*to.running.var, var.data(), momentum, n / (n - static_cast<double>(correction)));
}

py::array infer_by(const Operand& x, const py::object& running_mean, const py::object& running_var,
                   const Arguments& arguments, const EpilogueArguments& epilogue,
                   const py::object& out) {
  check_given_together(running_mean, running_var);
  const ptrdiff_t channels = x.shape.channels();
  const ChannelArgument mean(running_mean, "running_mean", channels);
  const ChannelArgument var(running_var, "running_var", channels);
  const Operand y = output(out, x, {x.array.dtype, epilogue.overwritable(x)});
  const Running running{mean.values(), var.values(), arguments.eps};
  without_gil(x.shape.elements(), [&] {
    check_memory(infer(x.shape, x.array, y.array, running, arguments.parameters(),
                       arguments.threads, epilogue.get()));
  });
  return y.object;
}

py::array batch_norm(const py::object& x_, const py::object& running_mean,
                     const py::object& running_var, const py::object& weight,
                     const py::object& bias, const py::object& training_,
                     const py::object& momentum_, const py::object& eps,
                     const py::object& channel_axis, const py::object& activation,
                     const py::object& residual, const py::object& running_var_correction,
                     const py::object& out, const py::object& num_threads) {
  const Operand x = input(x_, "x", channel_axis);
  const EpilogueArguments epilogue(NamedActivation(activation), residual, x);
  Arguments arguments(x, weight, bias, eps, num_threads);
  const bool training = boolean(training_, "training");
  const double momentum = number(momentum_, "momentum");
  const long long correction = integer(running_var_correction, "running_var_correction");
  if (training) check_batch(x);
  const bool has_running = !running_mean.is_none() || !running_var.is_none();
  if (!training && has_running) {
    return infer_by(x, running_mean, running_var, arguments, epilogue, out);
  }
  const long long used = has_running ? correction : 0;
  TrainingResults to = training_results(x, running_mean, running_var, used, epilogue, out);
  auto mean = allocated(Memory<double>(x.shape.channels()));
  train(x, to, arguments, momentum, used, epilogue, mean.data(), nullptr);
  return to.y.object;
}

Operand input_of_layer(const py::object& x_, const py::object& channel_axis,
                       const py::object& features, bool training) {
  Operand x = input(x_, "x", channel_axis);
  check_features(x, integer(features, "num_features"));
  if (training) check_batch(x);
  return x;
}

// What the layer's training takes, checked.
struct LayerBatch {
  Operand x;
  EpilogueArguments epilogue;
  Arguments arguments;
  long long correction;
  double momentum;
  TrainingResults to;

  LayerBatch(const py::object& x_, const py::object& running_mean, const py::object& running_var,
             const py::object& weight, const py::object& bias, const py::object& features,
             const py::object& momentum_, const py::object& eps, const py::object& channel_axis,
             const py::object& correction_, const py::object& activation,
             const py::object& residual, const py::object& out, bool training)
      : x(input_of_layer(x_, channel_axis, features, training)),
        epilogue(NamedActivation(activation), residual, x),
        arguments(x, weight, bias, eps, py::none()),
        correction(running_mean.is_none() ? 0 : integer(correction_, "running_var_correction")),
        momentum(number(momentum_, "momentum")),
        to(training_results(x, running_mean, running_var, correction, epilogue, out)) {}
};

py::object batch_norm_train(const py::object& x, const py::object& running_mean,
                            const py::object& running_var, const py::object& weight,
                            const py::object& bias, const py::object& features,
                            const py::object& momentum, const py::object& eps,
                            const py::object& channel_axis, const py::object& correction,
                            const py::object& activation, const py::object& residual,
                            const py::object& out) {
  LayerBatch batch(x, running_mean, running_var, weight, bias, features, momentum, eps,
                   channel_axis, correction, activation, residual, out, true);
  Statistics statistics(batch.x);
  train(batch.x, batch.to, batch.arguments, batch.momentum, batch.correction, batch.epilogue,
        statistics.mean.mutable_data(), statistics.invstd.mutable_data());
  return statistics.with(batch.to.y);
}

py::tuple checked_batch(const py::object& x, const py::object& running_mean,
                        const py::object& running_var, const py::object& weight,
                        const py::object& bias, const py::object& features,
                        const py::object& momentum, const py::object& eps,
                        const py::object& channel_axis, const py::object& correction,
                        const py::object& activation, const py::object& residual,
                        const py::object& out, const py::object& training) {
  const LayerBatch batch(x, running_mean, running_var, weight, bias, features, momentum, eps,
                         channel_axis, correction, activation, residual, out,
                         boolean(training, "training"));
  const Operand* added = batch.epilogue.residual();
  return py::make_tuple(batch.x.object, added ? py::object(added->object) : py::none(),
                        batch.to.y.object);
}

py::object batch_norm_forward(const py::object& x_, const py::object& weight,
                              const py::object& bias, const py::object& eps,
                              const py::object& channel_axis, const py::object& activation,
                              const py::object& residual, const py::object& mask,
                              const py::object& out, const py::object& num_threads) {
  if (!mask.is_none()) {
    const py::int_ axis(integer(channel_axis, "channel_axis"));
    return py::module_::import("bnfast.masked")
        .attr("forward")(x_, weight, bias, eps, axis, activation, residual, mask, out, num_threads);
  }
  const Operand x = input(x_, "x", channel_axis);
  const EpilogueArguments epilogue(NamedActivation(activation), residual, x);
  Arguments arguments(x, weight, bias, eps, num_threads);
  const Operand y = output(out, x, {x.array.dtype, epilogue.overwritable(x)});
  Statistics statistics(x);
  normalize(x, y, arguments, epilogue.get(),
            {statistics.mean.mutable_data(), nullptr, statistics.invstd.mutable_data()});
  return statistics.with(y);
}

}  // namespace

void register_forward(py::module_& m) {
  define<batch_norm>(m, kBatchNorm);
  define<batch_norm_train>(m, kTrain);
  define<checked_batch>(m, kCheckedBatch);
  m.def("check_correction", check_given_correction, kCheckCorrection,
        py::arg("running_var_correction"), py::arg("count"));
  define<batch_norm_forward>(m, kForward);
}

}  // namespace bnfast
