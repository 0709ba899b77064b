// The exponential function in vectors: the same bits on every instruction
// set that has fma.
#pragma once

#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

template <class C>
struct ExponentialOf;

// ln2_high has so few bits that its product with any exponent is exact. The polynomial approximates
// (exp(r) - 1 - r)/r^2 for |r| <= ln(2)/2, highest power first; its relative error is 8e-9.
template <>
struct ExponentialOf<float> {
  static constexpr float most = 150, ln2_high = 0.693359375f, ln2_low = -2.12194440054690583e-4f;
  static constexpr float rounding = 12582912.0f;  // 1.5*2^23: a sum with it has no fraction
  static constexpr float polynomial[] = {0.0013926183587713495f, 0.0083631790527225774f,
                                         0.041666554617204574f, 0.16666576989698776f, 0.5f};
};

// Relative error 2e-17.
template <>
struct ExponentialOf<double> {
  static constexpr double most = 1100, ln2_high = 0.6931471803691238,
                          ln2_low = 1.908214929270587816e-10;
  static constexpr double rounding = 6755399441055744.0;
  static constexpr double polynomial[] = {2.5100385495510319e-8, 2.7620088445409748e-7,
                                          2.7557268459997065e-6, 2.4801521295954375e-5,
                                          1.9841269863053616e-4, 1.3888888917213717e-3,
                                          8.3333333333300618e-3, 4.1666666666624128e-2,
                                          1.6666666666666667e-1, 0.5};
};

// exp(-t) = (1 + excess)*2^exponent, |excess| < 1/2 and the exponent an integer: apart, one
// rounding can be saved.
template <class C>
struct Decay {
  Vector<C> excess, exponent;
};

// Beyond this in either direction the true power over- or underflows in any use.
template <class C>
BNFAST_INLINE Vector<C> most_exponent() {
  return splat(ExponentialOf<C>::most);
}

// t must not be below -most_exponent; above most_exponent it is taken for that.
template <class C>
BNFAST_INLINE Decay<C> decay(Vector<C> t) {
  typedef ExponentialOf<C> Of;
  const Vector<C> rounding = splat(Of::rounding);
  t = smaller(most_exponent<C>(), t);
  const Vector<C> n = fma(t, splat(C(-1.4426950408889634)), rounding) - rounding;
  const Vector<C> r = fma(n, splat(-Of::ln2_low), fma(n, splat(-Of::ln2_high), -t));
  Vector<C> p = splat(Of::polynomial[0]);
  constexpr int terms = sizeof Of::polynomial / sizeof Of::polynomial[0];
#pragma GCC unroll 16
  for (int i = 1; i < terms; ++i) p = fma(p, r, splat(Of::polynomial[i]));
  return {fma(p, r * r, r), n};
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
