// The ops with an activation behind the affine map, and their gradients.
#pragma once

#include "kernels/map.hpp"
#include "simd/exponential.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// v up to a cap, times a slope where v is not positive. NaN stays NaN.
template <class C>
class Ramp {
 public:
  explicit Ramp(const Activation& a)
      : slope_(static_cast<C>(a.slope)), cap_(static_cast<C>(a.cap)), flat_(a.slope == 0) {}

  template <class V>
  __attribute__((always_inline)) V value(V v) const {
    const V capped = smaller(splat(cap_), v);
    return capped <= V{} ? below(capped) : capped;
  }
  // dy times the slope at v, which is the lower one at a kink.
  template <class V>
  __attribute__((always_inline)) V gradient(V v, V dy) const {
    const V capped = v >= splat(cap_) ? V{} : dy;
    return v <= V{} ? below(dy) : capped;
  }

 private:
  template <class V>
  __attribute__((always_inline)) V below(V v) const {
    return flat_ ? V{} : v * splat(slope_);
  }

  C slope_, cap_;
  bool flat_;
};

// Those that bend all along.
template <class C>
class Curve {
 public:
  explicit Curve(const Activation& a) : silu_(a.kind == Activation::Kind::silu) {}

  template <class V>
  __attribute__((always_inline)) V value(V v) const {
    return silu_ ? silu(v) : hardswish(v);
  }
  // Not inlined: it is long, and a kernel calls it in many places.
  template <class V>
  __attribute__((noinline)) V gradient(V v, V dy) const {
    return dy * (silu_ ? silu_slope(v) : hardswish_slope(v));
  }

 private:
  template <class V>
  __attribute__((always_inline)) static V hardswish(V v) {
    const V three = splat(C(3)), six = splat(C(6));
    return v <= -three ? V{} : v * (smaller(six, v + three) / six);
  }
  template <class V>
  __attribute__((always_inline)) static V hardswish_slope(V v) {
    const V three = splat(C(3)), one = splat(C(1));
    const V inside = fma(v, splat(C(1) / C(3)), splat(C(0.5)));
    return v <= -three ? V{} : v >= three ? one : inside;
  }
  // v/(1 + exp(-v)); with exp(-v) = p*2^n and n > 0 as v/(2^-n + p) * 2^-n: nothing overflows, and
  // denormal results are rounded once.
  template <class V>
  __attribute__((always_inline)) static V silu(V v) {
    const V least = bounded(v);
    const Decay<C> e = decay<C>(least);
    const V up = smaller(e.exponent, V{}), down = up - e.exponent;  // one is 0
    const V divisor = splat(C(1)) + fma(power_of_two(up), e.excess, power_of_two(up + down));
    return scaled(least / divisor, down);
  }
  // s*(1 + v*(1 - s)) with s = 1/(1 + exp(-v)).
  template <class V>
  __attribute__((always_inline)) static V silu_slope(V v) {
    const V zero = {}, one = splat(C(1));
    const Decay<C> e = decay<C>(v < zero ? -v : v);
    const V power = scaled(one + e.excess, e.exponent);
    const V large = one / (one + power), small = power * large;
    const V s = v < zero ? small : large, rest = v < zero ? large : small;
    return s * fma(bounded(v), rest, one);
  }
  // Below, the result is 0 whatever v is, but -inf would not become 0.
  template <class V>
  __attribute__((always_inline)) static V bounded(V v) {
    return larger(-most_exponent<C>(), v);
  }

  bool silu_;
};

// What both directions see of the input that may hold a residual: added, or left out.
template <class C>
class Residual {
 public:
  explicit Residual(const Activation& a) : present_(a.residual) {}
  template <class V>
  __attribute__((always_inline)) V added(V v, V residual) const {
    return present_ ? v + residual : v;
  }

 private:
  bool present_;
};

template <class C, class Act>
class ActivatedAffine {
 public:
  static constexpr int inputs = 2, outputs = 1, coefficients = 3;
  explicit ActivatedAffine(const Activation& a) : act_(a), residual_(a) {}
  static constexpr bool writes(int) { return true; }

  template <class V>
  __attribute__((always_inline)) void apply(const V* u, const V* c, V* y) const {
    y[0] = act_.value(residual_.added(fnma(c[0] - u[0], c[1], c[2]), u[1]));
  }

 private:
  Act act_;
  Residual<C> residual_;
};

template <class C, class Act>
class ActivatedProducts {
 public:
  static constexpr int inputs = 3, coefficients = 3;
  explicit ActivatedProducts(const Activation& a) : act_(a), residual_(a) {}

  template <class V>
  __attribute__((always_inline)) void add(const V* u, const V* c, V& first, V& second) const {
    const V d = c[0] - u[0];
    const V g = act_.gradient(residual_.added(fnma(d, c[1], c[2]), u[2]), u[1]);
    first += g;
    second = fnma(g, d, second);
  }

 private:
  Act act_;
  Residual<C> residual_;
};

template <class C, class Act>
class ActivatedGradient {
 public:
  static constexpr int inputs = 3, outputs = 2, coefficients = 6;
  explicit ActivatedGradient(const Activation& a)
      : act_(a),
        residual_(a),
        residual_gradient_(a.residual_gradient),
        constant_(a.constant_statistics) {}
  __attribute__((always_inline)) bool writes(int output) const {
    return output == 0 || residual_gradient_;
  }

  template <class V>
  __attribute__((always_inline)) void apply(const V* u, const V* c, V* y) const {
    const V d = c[0] - u[0];
    const V g = act_.gradient(residual_.added(fnma(d, c[4], c[5]), u[2]), u[1]);
    y[0] = (constant_ ? g : fnma(d, c[1], g - c[2])) * c[3];  // d may be infinite
    y[1] = g;
  }

 private:
  Act act_;
  Residual<C> residual_;
  bool residual_gradient_, constant_;
};

template <class C>
using RampAffine = ActivatedAffine<C, Ramp<C>>;
template <class C>
using RampProducts = ActivatedProducts<C, Ramp<C>>;
template <class C>
using RampGradient = ActivatedGradient<C, Ramp<C>>;
template <class C>
using CurveAffine = ActivatedAffine<C, Curve<C>>;
template <class C>
using CurveProducts = ActivatedProducts<C, Curve<C>>;
template <class C>
using CurveGradient = ActivatedGradient<C, Curve<C>>;

}  // namespace BNFAST_ISA
}  // namespace bnfast
