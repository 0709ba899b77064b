// What a function does behind its affine map: `activation`, `negative_slope` and `residual`.
#pragma once

#include <optional>

#include "bindings/arrays.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {

// The activation of that name; None: none.
struct NamedActivation {
  std::optional<Activation> activation;

  // negative_slope: of leaky_relu.
  explicit NamedActivation(const py::object& name, double negative_slope = kDefaultSlope);

  static constexpr double kDefaultSlope = 0.01;
};

// Checked arguments, which hold the residual alive.
class EpilogueArguments {
 public:
  // like: an array of the result's shape and dtype, called `like_name` in errors.
  EpilogueArguments(const NamedActivation& named, const py::object& residual, const Operand& like,
                    const char* like_name = "x");

  EpilogueArguments(const EpilogueArguments&) = delete;  // epilogue_ may point into residual_
  EpilogueArguments& operator=(const EpilogueArguments&) = delete;

  const Epilogue& get() const { return epilogue_; }
  const Operand* residual() const { return residual_ ? &*residual_ : nullptr; }

  // The inputs that an output may be itself: these and the residual.
  Overwritable overwritable(const Operand& x, const Operand* dy = nullptr) const {
    return {&x, dy, residual()};
  }

 private:
  std::optional<Operand> residual_;
  Epilogue epilogue_;
};

}  // namespace bnfast
