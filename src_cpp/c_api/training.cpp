#include "c_api/arguments.hpp"

using namespace bnfast;

namespace {

// The arrays of a gradient, checked.
struct Gradient {
  Array x, dy, residual, dx, dresidual;
  Epilogue epilogue;

  Gradient(Arguments& a, const bnf_input* dy_, const bnf_input* x_, const bnf_epilogue* epilogue_,
           const bnf_output* dx_, const bnf_output* dresidual_)
      : x(a.input(x_, Types::floats)),
        dy(a.input(dy_, Types::floats)),
        epilogue(a.epilogue(epilogue_, residual)) {
    if (dx_) dx = a.output(dx_, {&x, &dy, epilogue.residual});
    if (dresidual_) dresidual = a.output(dresidual_, {&x, &dy, epilogue.residual});
    a.require(!dresidual_ || epilogue.residual);
    a.require(!dx_ || !dresidual_ || dx.data != dresidual.data || a.empty());
    for (const Array* array : {&dy, dx_ ? &dx : &x, dresidual_ ? &dresidual : &x}) {
      a.require(array->dtype == x.dtype);
    }
    a.require(!epilogue.residual || residual.dtype == x.dtype);
  }
  Gradient(const Gradient&) = delete;  // the epilogue points into it
  Gradient& operator=(const Gradient&) = delete;
};

}  // namespace

bnf_status bnf_forward(const bnf_shape* shape, const bnf_input* x, const double* weight,
                       const double* bias, double eps, const bnf_epilogue* epilogue,
                       const bnf_output* y, double* mean, double* var, double* invstd,
                       int num_threads) {
  Arguments a(shape, num_threads);
  Array residual;
  const Array from = a.input(x, Types::floats);
  const Epilogue after = a.epilogue(epilogue, residual);
  const Array to = a.output(y, {&from, after.residual});
  a.require(to.dtype == from.dtype && (!after.residual || residual.dtype == from.dtype));
  a.require_eps(eps);
  if (const bnf_status status = a.status()) return status;
  if (a.empty()) set_nan(a.channels(), {mean, var, invstd});
  return status_of(normalize_batch(a.shape(), from, to, parameters_of(weight, bias), eps,
                                   a.threads(), {mean, var, invstd}, after));
}

bnf_status bnf_backward(const bnf_shape* shape, const bnf_input* dy, const bnf_input* x,
                        const double* mean, const double* invstd, const double* weight,
                        const double* bias, const bnf_epilogue* epilogue, int training,
                        const bnf_output* dx, const bnf_output* dresidual, double* dweight,
                        double* dbias, int num_threads) {
  Arguments a(shape, num_threads);
  const Gradient g(a, dy, x, epilogue, dx, dresidual);
  a.require_channels(mean);
  a.require_channels(invstd);
  if (const bnf_status status = a.status()) return status;

  const double count = static_cast<double>(a.shape().values_per_channel());
  const ProductsFold::Statistics statistics{ChannelValues(mean), ChannelValues(invstd),
                                            parameters_of(weight, bias), count};
  const GradientArrays all{g.x, g.dy, dx ? &g.dx : nullptr, dresidual ? &g.dresidual : nullptr};
  const GradientArrays none{g.x, g.dy, nullptr, nullptr};

  // The sums first: dx may be x or dy.
  Outcome outcome = Outcome::done;
  const bool whole = training && dx;
  if (whole || dweight || dbias) {
    outcome = backward(a.shape(), whole ? all : none, statistics, a.threads(),
                       {dbias, nullptr, dweight}, g.epilogue);
  }
  if (outcome == Outcome::done && !whole && (dx || dresidual)) {
    outcome = scale_gradient(a.shape(), all, statistics, a.threads(), g.epilogue);
  }
  return status_of(outcome);
}
