// What the kernels for images compute with: how each number type is loaded and stored, and the
// affine map between them.
//
// Parameters of the templates:
//   T   storage type of the input, U of the output: uint8_t, uint16_t, float16, bfloat16, float,
//       double
#pragma once

#include "kernels/contract.hpp"
#include "simd/pixels.hpp"

namespace bnfast {
namespace BNFAST_ISA {

struct float16 {
  uint16_t bits;
};
struct bfloat16 {
  uint16_t bits;
};

constexpr int kLot = kWidth<float>;  // numbers that are taken at a time

// The numbers of a lot as they are computed with.
BNFAST_INLINE F32 load_lot(const uint8_t* p) {
  return __builtin_convertvector(integers_of(load_as<U8s>(p)), F32);
}
BNFAST_INLINE F64Pair load_lot(const uint16_t* p) {
  return widen(__builtin_convertvector(integers_of(load_as<U16s>(p)), F32));
}
BNFAST_INLINE F64Pair load_lot(const float16* p) { return widen(float_of(load_as<U16s>(p))); }
BNFAST_INLINE F64Pair load_lot(const bfloat16* p) {
  return widen(float_of_bfloat(load_as<U16s>(p)));
}
BNFAST_INLINE F64Pair load_lot(const float* p) { return widen(load(p)); }
BNFAST_INLINE F64Pair load_lot(const double* p) { return {load(p), load(p + kWidth<double>)}; }

template <class T>
using Lot = decltype(load_lot(static_cast<const T*>(nullptr)));

// The same of numbers whose bits are given, those of less than 32 with zeros before them.
BNFAST_INLINE F32 lot_of(I32 bits, uint8_t) { return __builtin_convertvector(bits, F32); }
BNFAST_INLINE F64Pair lot_of(I32 bits, uint16_t) {
  return widen(__builtin_convertvector(bits, F32));
}
BNFAST_INLINE F64Pair lot_of(I32 bits, float16) { return widen(float_of(shorts_of(bits))); }
BNFAST_INLINE F64Pair lot_of(I32 bits, bfloat16) { return widen(bits_as<F32>(bits << 16)); }
BNFAST_INLINE F64Pair lot_of(I32 bits, float) { return widen(bits_as<F32>(bits)); }

// A result before it is rounded: the sum of an exact and a small number.
struct Unrounded {
  F32 high, low;
};

// An exact result is stored as U, rounded once.
template <class U>
struct Rounded;
template <>
struct Rounded<float> {
  typedef F32 type;
  BNFAST_INLINE F32 of(Unrounded y) { return y.high + y.low; }
  BNFAST_INLINE F32 of(F64Pair y) { return narrow(y); }
};
struct RoundedToOdd {
  BNFAST_INLINE F32 of(Unrounded y) { return odd_sum(y.high, y.low); }
  BNFAST_INLINE F32 of(F64Pair y) {
    return narrow(F64Pair{rounded_to_odd(y.low), rounded_to_odd(y.high)});
  }
};
template <>
struct Rounded<float16> {
  typedef U16s type;
  template <class Y>
  BNFAST_INLINE U16s of(Y y) {
    return half_of(RoundedToOdd::of(y));
  }
};
template <>
struct Rounded<bfloat16> {
  typedef U16s type;
  BNFAST_INLINE U16s of(Unrounded y) { return bfloat_of_number(RoundedToOdd::of(y)); }
  BNFAST_INLINE U16s of(F64Pair y) { return bfloat_of(RoundedToOdd::of(y)); }
};
template <>
struct Rounded<uint8_t> {
  typedef U8s type;
  BNFAST_INLINE U8s of(F64Pair y) { return bytes_of(integers_of(y, 255)); }
};
template <>
struct Rounded<uint16_t> {
  typedef U16s type;
  BNFAST_INLINE U16s of(F64Pair y) { return shorts_of(integers_of(y, 65535)); }
};

BNFAST_INLINE void stream_lot(float* p, F32 v) { stream(p, v); }
BNFAST_INLINE void stream_lot(float16* p, U16s v) { stream_bits(&p->bits, v); }
BNFAST_INLINE void stream_lot(bfloat16* p, U16s v) { stream_bits(&p->bits, v); }
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
