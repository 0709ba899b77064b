#include "bindings/epilogue.hpp"

#include "core/activations.hpp"

namespace bnfast {
namespace {

Activation activation_of(const std::string& name, double negative_slope) {
  if (name == "relu") return relu();
  if (name == "relu6") return relu6();
  if (name == "leaky_relu") return leaky_relu(negative_slope);
  if (name == "hardswish") return hardswish();
  if (name == "silu") return silu();
  value_error(
      "activation must be None, 'relu', 'relu6', 'leaky_relu', 'hardswish' or 'silu', got '" +
      name + "'");
}

}  // namespace

NamedActivation::NamedActivation(const py::object& name, double negative_slope) {
  if (name.is_none()) return;
  if (!py::isinstance<py::str>(name)) {
    type_error("activation must be None or a str, got " + type_name(name));
  }
  activation = activation_of(py::cast<std::string>(name), negative_slope);
}

EpilogueArguments::EpilogueArguments(const NamedActivation& named, const py::object& residual,
                                     const Operand& like, const char* like_name) {
  if (!residual.is_none()) residual_ = input_like(residual, "residual", like, like_name);
  epilogue_.present = named.activation || residual_;
  epilogue_.activation = named.activation.value_or(identity());
  epilogue_.residual = residual_ ? &residual_->array : nullptr;
}

}  // namespace bnfast
