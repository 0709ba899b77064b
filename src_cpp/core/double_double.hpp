// Numbers of about 32 digits, as unevaluated sums of two float64: the second is at most half a unit
// in the last place of the first (Dekker, "A floating-point technique for extending the available
// precision", 1971). What is not finite leaves NaN in either half.
#pragma once

#include <cmath>

namespace bnfast {

struct DoubleDouble {
  double high, low;
};

// a + b, exactly (Knuth's two-sum).
inline DoubleDouble exact_sum(double a, double b) {
  const double sum = a + b, b_seen = sum - a;
  return {sum, (a - (sum - b_seen)) + (b - b_seen)};
}

// a * b, exactly where nothing underflows.
inline DoubleDouble exact_product(double a, double b) {
  const double product = a * b;
  return {product, std::fma(a, b, -product)};
}

// high + low, where low is the smaller.
inline DoubleDouble normalized(double high, double low) {
  const double sum = high + low;
  return {sum, low - (sum - high)};
}

inline DoubleDouble operator-(DoubleDouble a) { return {-a.high, -a.low}; }

inline DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble high = exact_sum(a.high, b.high), low = exact_sum(a.low, b.low);
  const DoubleDouble sum = normalized(high.high, high.low + low.high);
  return normalized(sum.high, sum.low + low.low);
}

inline DoubleDouble operator-(DoubleDouble a, DoubleDouble b) { return a + -b; }

inline DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble product = exact_product(a.high, b.high);
  return normalized(product.high, product.low + (a.high * b.low + a.low * b.high));
}

// a / b, for a denominator of one float64.
inline DoubleDouble quotient(double a, double b) {
  const double high = a / b;
  return {high, std::fma(-high, b, a) / b};
}

}  // namespace bnfast
