// Inference by arrays that may change between calls: folds once, and again only after a change.
#pragma once

#include <memory>
#include <vector>

#include "bindings/epilogue.hpp"
#include "bindings/prepared.hpp"

namespace bnfast {

// What an inference goes by; values per channel as in `batch_norm`.
struct InferenceBy {
  py::object running_mean, running_var, weight, bias, eps, channel_axis, activation;
};

// An array as it was: its values are compared bit by bit, which is cheaper than folding them.
class Snapshot {
 public:
  Snapshot() = default;
  explicit Snapshot(const py::object& values);
  // False as well for what is no vector of numbers side by side.
  bool matches(const py::object& values) const;

 private:
  bool given_ = false;
  py::object descriptor_;  // the dtype object; null: values that are not compared
  py::ssize_t item_ = 0;
  std::vector<char> bytes_;
};

class InferenceFold {
 public:
  py::array call(const py::object& x, const InferenceBy& by, const py::object& residual,
                 const py::object& out);
  int folds() const { return folds_; }

 private:
  bool is_of(const InferenceBy& by, double eps) const;
  void fold(const InferenceBy& by, double eps);

  Snapshot mean_, var_, weight_, bias_;
  double eps_ = 0;
  py::object activation_name_;
  NamedActivation activation_{py::none()};
  std::shared_ptr<const Prepared> prepared_;
  int folds_ = 0;
};

}  // namespace bnfast
