// Types that are stored narrower than they are computed: float16, bfloat16, and integers, which are
// only read. Included by simd/vector.hpp.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

// Storage<T>: the lanes of T as an F32, exactly; and for floats back, rounded to nearest, ties to
// even.
template <class T>
struct Storage;

template <>
struct Storage<Float16> {
  typedef U16 Lanes;
  typedef uint16_t Lane;
  BNFAST_INLINE F32 widened(U16 packed) { return from_float16(packed); }
  BNFAST_INLINE U16 narrowed(F32 v) { return to_float16(v); }
};

template <>
struct Storage<Bfloat16> {
  typedef U16 Lanes;
  typedef uint16_t Lane;
  BNFAST_INLINE F32 widened(U16 packed) { return from_bfloat16(packed); }
  BNFAST_INLINE U16 narrowed(F32 v) { return to_bfloat16(v); }
};

template <>
struct Storage<uint8_t> {
  typedef U8 Lanes;
  typedef uint8_t Lane;
  BNFAST_INLINE F32 widened(U8 packed) { return __builtin_convertvector(widen(packed), F32); }
};

template <>
struct Storage<int8_t> {
  typedef U8 Lanes;
  typedef uint8_t Lane;
  BNFAST_INLINE F32 widened(U8 packed) {
    return __builtin_convertvector((widen(packed) ^ 0x80) - 0x80, F32);
  }
};

template <>
struct Storage<uint16_t> {
  typedef U16 Lanes;
  typedef uint16_t Lane;
  BNFAST_INLINE F32 widened(U16 packed) { return __builtin_convertvector(widen(packed), F32); }
};

template <>
struct Storage<int16_t> {
  typedef U16 Lanes;
  typedef uint16_t Lane;
  BNFAST_INLINE F32 widened(U16 packed) {
    return __builtin_convertvector((widen(packed) ^ 0x8000) - 0x8000, F32);
  }
};

template <class T>
BNFAST_INLINE const typename Storage<T>::Lane* lanes_at(const T* p) {
  return reinterpret_cast<const typename Storage<T>::Lane*>(p);
}
template <class T>
BNFAST_INLINE uint16_t* lanes_at(T* p) {
  return reinterpret_cast<uint16_t*>(p);
}

// T in vectors of C.
template <class C, class T>
struct Packed;

template <class T>
struct Packed<float, T> {
  typedef Storage<T> S;
  BNFAST_INLINE F32 load(const T* p) { return S::widened(BNFAST_ISA::load(lanes_at(p))); }
  BNFAST_INLINE F32 load_partial(const T* p, int n, F32 fill) {
    return select(n, S::widened(load_first(lanes_at(p), n)), fill);
  }
  BNFAST_INLINE void store(T* p, F32 v) {
    const U16 packed = S::narrowed(v);
    memcpy(p, &packed, sizeof packed);
  }
  BNFAST_INLINE void store_partial(T* p, F32 v, int n) {
    store_first(lanes_at(p), S::narrowed(v), n);
  }
  BNFAST_INLINE void stream(T* p, F32 v) { BNFAST_ISA::stream(lanes_at(p), S::narrowed(v)); }
  BNFAST_INLINE void stream(T* p, F32 a, F32 b) {
    BNFAST_ISA::stream(lanes_at(p), S::narrowed(a), S::narrowed(b));
  }
};

// The doubles with as many bits as floats have: cut off, and made odd where anything was lost.
// Rounded once more, to fewer bits, they give what the doubles would.
BNFAST_INLINE F64 rounded_to_odd(F64 v) {
  constexpr uint64_t lost = (uint64_t{1} << 29) - 1;
  const U64 bits = reinterpret_cast<U64>(v);
  return reinterpret_cast<F64>((bits | ((bits & lost) + lost)) & ~lost);
}

template <class T>
struct Packed<double, T> {
  typedef Storage<T> S;
  BNFAST_INLINE F64 load(const T* p) { return widen(S::widened(load_low(lanes_at(p)))).low; }
  BNFAST_INLINE F64 load_partial(const T* p, int n, F64 fill) {
    return select(n, widen(S::widened(load_first(lanes_at(p), n))).low, fill);
  }
  BNFAST_INLINE void store(T* p, F64 v) {
    const U16 packed = narrowed(v);
    memcpy(p, &packed, sizeof packed / 2);
  }
  BNFAST_INLINE void store_partial(T* p, F64 v, int n) { store_first(lanes_at(p), narrowed(v), n); }
  BNFAST_INLINE void stream(T* p, F64 v) { store(p, v); }
  BNFAST_INLINE U16 narrowed(F64 v) {
    return S::narrowed(narrow(F64Pair{rounded_to_odd(v), F64{}}));
  }
};

template <class C, class T>
struct Io : Packed<C, T> {};

}  // namespace BNFAST_ISA
}  // namespace bnfast
