#include "bindings/inference_fold.hpp"

#include <cstring>
#include <utility>

#include "bindings/channels.hpp"

namespace bnfast {

Snapshot::Snapshot(const py::object& values) : given_(!values.is_none()) {
  if (!py::isinstance<py::array>(values)) return;
  const auto array = py::reinterpret_borrow<py::array>(values);
  const auto type = known_dtype(array);
  if (!type || array.ndim() != 1 || array.strides(0) != size_of(*type)) return;
  descriptor_ = array.dtype();
  item_ = size_of(*type);
  const char* data = static_cast<const char*>(array.data());
  bytes_.assign(data, data + array.nbytes());
}

bool Snapshot::matches(const py::object& values) const {
  if (values.is_none() || !given_) return values.is_none() && !given_;
  if (!descriptor_ || !py::isinstance<py::array>(values)) return false;
  const auto* array = py::detail::array_proxy(values.ptr());
  return array->descr == descriptor_.ptr() && array->nd == 1 && array->strides[0] == item_ &&
         static_cast<size_t>(array->dimensions[0] * item_) == bytes_.size() &&
         std::memcmp(array->data, bytes_.data(), bytes_.size()) == 0;
}

bool InferenceFold::is_of(const InferenceBy& by, double eps) const {
  return prepared_ && eps == eps_ && by.activation.is(activation_name_) &&
         mean_.matches(by.running_mean) && var_.matches(by.running_var) &&
         weight_.matches(by.weight) && bias_.matches(by.bias);
}

py::array InferenceFold::call(const py::object& x_, const InferenceBy& by,
                              const py::object& residual, const py::object& out) {
  const Operand x = input(x_, "x", by.channel_axis);
  const double eps = checked_eps(by.eps);
  if (!is_of(by, eps)) fold(by, eps);
  check_features(x, prepared_->wide.length());
  const auto prepared = prepared_;  // another thread may fold while this one computes
  const NamedActivation activation = activation_;
  return prepared->apply(x, activation, residual, out, checked_threads(py::none()));
}

void InferenceFold::fold(const InferenceBy& by, double eps) {
  // First, for reading a sequence may run Python, and another thread may change what was read.
  Snapshot mean_seen(by.running_mean), var_seen(by.running_var), weight_seen(by.weight),
      bias_seen(by.bias);
  const NamedActivation activation(by.activation);
  const auto mean = counting_channel_values(by.running_mean, "running_mean");
  const auto channels = static_cast<py::ssize_t>(mean.size());
  const ChannelArgument var(by.running_var, "running_var", channels);
  const ChannelArgument weight(by.weight, "weight", channels, kNoWeight);
  const ChannelArgument bias(by.bias, "bias", channels, kNoBias);
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
  eps_ = eps;
  activation_name_ = by.activation;
  activation_ = activation;
  ++folds_;
}

}  // namespace bnfast
