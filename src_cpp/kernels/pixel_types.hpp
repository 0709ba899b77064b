// What the kernels for images compute with: how each number type is loaded and stored, and the
// affine map between them.
//
// Parameters of the templates:
//   T   storage type of the input, U of the output: uint8_t, uint16_t, Float16, Bfloat16, float,
//       double
#pragma once

#include "kernels/contract.hpp"
#include "simd/pixels.hpp"

namespace bnfast {
namespace BNFAST_ISA {

constexpr int kLot = kWidth<float>;  // numbers that are taken at a time

// The numbers of a lot as they are computed with.
BNFAST_INLINE F32 load_lot(const uint8_t* p) { return Io<float, uint8_t>::load(p); }
template <class T>
BNFAST_INLINE F64Pair load_lot(const T* p) {
  return widen(Io<float, T>::load(p));
}
BNFAST_INLINE F64Pair load_lot(const double* p) { return {load(p), load(p + kWidth<double>)}; }

template <class T>
using Lot = decltype(load_lot(static_cast<const T*>(nullptr)));

// The same of numbers whose bits are given, those of less than 32 with zeros before them.
BNFAST_INLINE F32 lot_of(I32 bits, uint8_t) { return __builtin_convertvector(bits, F32); }
BNFAST_INLINE F64Pair lot_of(I32 bits, uint16_t) {
  return widen(__builtin_convertvector(bits, F32));
}
BNFAST_INLINE F64Pair lot_of(I32 bits, Float16) { return widen(from_float16(narrow(bits))); }
BNFAST_INLINE F64Pair lot_of(I32 bits, Bfloat16) {
  return widen(reinterpret_cast<F32>(bits << 16));
}
BNFAST_INLINE F64Pair lot_of(I32 bits, float) { return widen(reinterpret_cast<F32>(bits)); }

// A result before it is rounded: the sum of an exact and a small number.
struct Unrounded {
  F32 high, low;
};

struct RoundedToOdd {
  BNFAST_INLINE F32 of(Unrounded y) { return odd_sum(y.high, y.low); }
  BNFAST_INLINE F32 of(F64Pair y) {
    return narrow(F64Pair{rounded_to_odd(y.low), rounded_to_odd(y.high)});
  }
};

// An exact result is stored as U, rounded once.
template <class U>
struct Rounded;
template <>
struct Rounded<Float16> {
  typedef U16 type;
  template <class Y>
  BNFAST_INLINE U16 of(Y y) {
    return to_float16(RoundedToOdd::of(y));
  }
};
template <>
struct Rounded<Bfloat16> {
  typedef U16 type;
  BNFAST_INLINE U16 of(Unrounded y) { return number_to_bfloat16(RoundedToOdd::of(y)); }
  BNFAST_INLINE U16 of(F64Pair y) { return to_bfloat16(RoundedToOdd::of(y)); }
};
template <>
struct Rounded<float> {
  typedef F32 type;
  BNFAST_INLINE F32 of(Unrounded y) { return y.high + y.low; }
  BNFAST_INLINE F32 of(F64Pair y) { return narrow(y); }
};
template <>
struct Rounded<uint8_t> {
  typedef U8 type;
  BNFAST_INLINE U8 of(F64Pair y) { return bytes_of(integers_of(y, 255)); }
};
template <>
struct Rounded<uint16_t> {
  typedef U16 type;
  BNFAST_INLINE U16 of(F64Pair y) { return narrow(integers_of(y, 65535)); }
};

BNFAST_INLINE void stream_lot(float* p, F32 v) { stream(p, v); }
BNFAST_INLINE void stream_lot(Float16* p, U16 v) { stream(&p->bits, v); }
BNFAST_INLINE void stream_lot(Bfloat16* p, U16 v) { stream(&p->bits, v); }
template <class U, class V>
BNFAST_INLINE void stream_lot(U* p, V v) {
  memcpy(p, &v, sizeof v);
}

template <bool streaming, class U>
BNFAST_INLINE void put_lot(U* p, typename Rounded<U>::type v) {
  if (streaming) {
    stream_lot(p, v);
  } else {
    memcpy(p, &v, sizeof v);
  }
}

// The map of bytes; of all else. Coefficients are vectors of one value, or of many.
struct ByteMap {
  typedef float Compute;
  static constexpr int coefficients = kByteCoefficients;
  BNFAST_INLINE Unrounded apply(F32 x, const F32* c) {
    const F32 d = x - c[0];
    return {fma(d, c[1], c[2]), fma(d, c[3], c[4])};
  }
};
struct WideMap {
  typedef double Compute;
  static constexpr int coefficients = kCoefficients;
  BNFAST_INLINE F64Pair apply(F64Pair x, const F64Pair* c) {
    return {fma(x.low - c[0].low, c[1].low, c[2].low),
            fma(x.high - c[0].high, c[1].high, c[2].high)};
  }
};

template <class T>
struct MapOf {
  typedef WideMap type;
};
template <>
struct MapOf<uint8_t> {
  typedef ByteMap type;
};

// Coefficients of a lot: the same for all its numbers, or one for each.
BNFAST_INLINE F32 splat_lot(float value) { return splat(value); }
BNFAST_INLINE F64Pair splat_lot(double value) { return {splat(value), splat(value)}; }
BNFAST_INLINE F32 load_coefficients(const float* p) { return load(p); }
BNFAST_INLINE F64Pair load_coefficients(const double* p) {
  return {load(p), load(p + kWidth<double>)};
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
