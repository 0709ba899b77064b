// An inference whose coefficients are made once, for both compute types.
#pragma once

#include "bindings/arrays.hpp"
#include "bindings/epilogue.hpp"
#include "core/batch_norm.hpp"

namespace bnfast {

struct Prepared {
  Coefficients narrow, wide;

  explicit Prepared(ptrdiff_t channels)
      : narrow(allocated(Coefficients(DType::float32, 3, channels))),
        wide(allocated(Coefficients(DType::float64, 3, channels))) {}
  const Coefficients& computing(const Operand& x, const Operand& y) const {
    return compute_type(x.array.dtype, y.array.dtype) == DType::float32 ? narrow : wide;
  }
  py::array apply(const Operand& x, const NamedActivation& activation, const py::object& residual,
                  const py::object& out, int threads) const {
    const EpilogueArguments epilogue(activation, residual, x);
    const Operand y = output(out, x, {x.array.dtype, epilogue.overwritable(x)});
    const Coefficients& coefficients = computing(x, y);
    without_gil(x.shape.elements(), [&] {
      check_memory(map_affine(x.shape, x.array, y.array, coefficients, threads, epilogue.get()));
    });
    return y.object;
  }
};

}  // namespace bnfast
