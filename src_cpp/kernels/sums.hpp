// What the reducing kernels add, one vector at a time.
//
// Parameters of the templates, here and in reduce_planes.hpp and reduce_rows.hpp:
//   Op   Moments, Products or activated products: what is added
//   T    storage type: float, double, Float16, Bfloat16; for Moments also 8 and 16-bit integers
//   C    compute type: float (runs in float, flushed to float64) or double
// Legal (T, C): any but (double, float).
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Of an op: `inputs` and `coefficients`, their numbers; add(u, c, first, second) adds what is asked
// for of one vector u of each input. Elements that are absent are c[0] in the first input and 0 in
// the others: they add nothing. Ops subtract x from c[0], not c[0] from x: an instruction can read
// from memory what it subtracts, which saves one that loads.
template <class C>
struct Moments {
  static constexpr int inputs = 1;
  static constexpr int coefficients = 1;
  explicit Moments(const Activation&) {}

  template <class V>
  __attribute__((always_inline)) void add(const V* u, const V* c, V& first, V& second) const {
    if constexpr (sizeof(C) == sizeof(float)) {
      const V d = c[0] - u[0];
      first -= d;
      second = fma(d, d, second);
    } else {  // most of what is summed in double is converted first
      const V d = u[0] - c[0];
      first += d;
      second = fma(d, d, second);
    }
  }
};

template <class C>
struct Products {
  static constexpr int inputs = 2;
  static constexpr int coefficients = 1;
  explicit Products(const Activation&) {}

  template <class V>
  __attribute__((always_inline)) void add(const V* u, const V* c, V& first, V& second) const {
    first += u[1];
    second = fnma(u[1], c[0] - u[0], second);
  }
};

// 256 bytes of each sum: four AVX-512 registers. Narrower instruction sets pass over a run several
// times, while it lies in L1, so that no lane's order changes and no accumulator is spilled.
template <class C>
constexpr int kLanes = 256 / sizeof(C);
constexpr int kAccumulators = 4;
constexpr int kRunSteps = 8;  // additions to a lane before a float run is flushed
constexpr int kRunRows = 8;   // the same for rows
// Bytes that a reduction reads ahead in all of its inputs together, so that memory keeps up.
template <class Op>
constexpr ptrdiff_t kReadAheadBytes = 8192 / Op::inputs;

// One vector of each input.
template <class Op, class C>
struct Terms {
  Vector<C> u[Op::inputs];
};

template <class C, class Op, class T>
BNFAST_INLINE Terms<Op, C> load_terms(const T* const* at) {
  Terms<Op, C> terms;
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) terms.u[k] = Io<C, T>::load(at[k]);
  return terms;
}

// All inputs but the first, which Products uses once.
template <class Op, class C>
BNFAST_INLINE void load_once(Terms<Op, C>& terms) {
#pragma GCC unroll 4
  for (int k = 1; k < Op::inputs; ++k) load_once(terms.u[k]);
}

// The first n elements, and others that add nothing.
template <class C, class Op, class T>
BNFAST_INLINE Terms<Op, C> load_partial_terms(const T* const* at, int n, const Vector<C>* c) {
  Terms<Op, C> terms;
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) {
    terms.u[k] = Io<C, T>::load_partial(at[k], n, k == 0 ? c[0] : Vector<C>{});
  }
  return terms;
}

// The op's coefficients of one channel, in all lanes.
template <class C, int count>
BNFAST_INLINE void splat_coefficients(const void* const* coefficients, ptrdiff_t channel,
                                      Vector<C>* c) {
#pragma GCC unroll 8
  for (int j = 0; j < count; ++j) c[j] = splat(static_cast<const C*>(coefficients[j])[channel]);
}

// One element of each input, and a step to others.
template <class Op, class T>
struct Inputs {
  const T* at[Op::inputs];

  __attribute__((always_inline)) Inputs plus(ptrdiff_t elements) const {
    Inputs moved;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) moved.at[k] = at[k] + elements;
    return moved;
  }
};

// What to prefetch while adding, at a distance in bytes from the vector at hand in the given step.
// Into L2: measured, that is faster than into L1, which can wait for few lines at a time
// (docs/experiments.md).
template <class Op>
struct ReadAhead {
  ptrdiff_t bytes[Op::inputs];
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t, const T* const* at) const {
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      prefetch_to_l2(reinterpret_cast<const char*>(at[k]) + bytes[k]);
    }
  }
};

// What is prefetched of one array while a strip of columns is walked down some rows: for each row
// so many bytes at a place of its own.
struct StripAhead {
  const char* at;
  ptrdiff_t step;

  template <void (*prefetch)(const void*)>
  __attribute__((always_inline)) void touch(ptrdiff_t bytes) {
#pragma GCC unroll 8
    for (ptrdiff_t b = 0; b < bytes; b += 64) prefetch(at + b);
    at += step;
  }
};

// A block's inputs. Held by value: what a kernel stores might alias the caller's.
template <class Op, class T>
struct BlockInputs {
  Input in[Op::inputs];

  explicit BlockInputs(const Input* inputs) {
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) in[k] = inputs[k];
  }
  __attribute__((always_inline)) Inputs<Op, T> at(ptrdiff_t channel, ptrdiff_t outer) const {
    Inputs<Op, T> found;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      found.at[k] =
          reinterpret_cast<const T*>(in[k].data + outer * in[k].outer + channel * in[k].channel);
    }
    return found;
  }
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
