// The reducing kernels: two sums per channel over a block.
//
// Parameters of the templates:
//   Op   Moments or Products: what is added
//   T    storage type: float, double
//   C    compute type: float (runs in float, flushed to float64) or double
// Legal (T, C): (float, float), (float, double), (double, double).
//
// The order of additions is fixed by the block's shape: planes spread each run over kLanes virtual
// lanes, however wide the real vectors are; rows add in the order of the rows.
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

struct Moments {
  static constexpr int inputs = 1;
  template <class V>
  BNFAST_INLINE void add(V& first, V& second, V d, V) {
    first += d;
    second = fma(d, d, second);
  }
};

struct Products {
  static constexpr int inputs = 2;
  template <class V>
  BNFAST_INLINE void add(V& first, V& second, V d, V dy) {
    first += dy;
    second = fma(dy, d, second);
  }
};

// 256 bytes of each sum: four AVX-512 registers. Narrower instruction sets pass over a run several
// times, while it lies in L1, so that no lane's order changes and no accumulator is spilled.
template <class C>
constexpr int kLanes = 256 / sizeof(C);
constexpr int kAccumulators = 4;
constexpr int kRunSteps = 8;  // additions to a lane before a float run is flushed
constexpr int kRunRows = 8;   // the same for rows
constexpr ptrdiff_t kPrefetchBytes = 3072;

// One vector of each input: x less the shift, and dy.
template <class Op, class C, class T>
BNFAST_INLINE void add_vector(const T* x, const T* dy, Vector<C> shift, Vector<C>& first,
                              Vector<C>& second) {
  const Vector<C> d = Io<C, T>::load(x) - shift;
  Op::add(first, second, d, Op::inputs == 2 ? Io<C, T>::load(dy) : d);
}

template <class Op, class C, class T>
BNFAST_INLINE void add_partial(const T* x, const T* dy, int n, Vector<C> shift, Vector<C>& first,
                               Vector<C>& second) {
  const Vector<C> d = Io<C, T>::load_partial(x, n, shift) - shift;
  Op::add(first, second, d, Op::inputs == 2 ? Io<C, T>::load_partial(dy, n, Vector<C>{}) : d);
}

// Adds `steps` times kLanes elements to the lanes, kAccumulators vectors of lanes at a time.
template <class Op, class C, class T>
BNFAST_INLINE void add_steps(const T* x, const T* dy, ptrdiff_t steps, Vector<C> shift, C* first,
                             C* second) {
  constexpr int width = kWidth<C>;
  for (int part = 0; part < kLanes<C>; part += kAccumulators * width) {
    Vector<C> f[kAccumulators], s[kAccumulators];
#pragma GCC unroll 8
    for (int a = 0; a < kAccumulators; ++a) {
      f[a] = load(first + part + a * width);
      s[a] = load(second + part + a * width);
    }
    for (ptrdiff_t i = part; i < steps * kLanes<C>; i += kLanes<C>) {
#pragma GCC unroll 8
      for (int a = 0; a < kAccumulators; ++a) {
        const T* at = x + i + a * width;
        const T* dy_at = Op::inputs == 2 ? dy + i + a * width : at;
        prefetch(reinterpret_cast<const char*>(at) + kPrefetchBytes);
        if (Op::inputs == 2) prefetch(reinterpret_cast<const char*>(dy_at) + kPrefetchBytes);
        add_vector<Op, C>(at, dy_at, shift, f[a], s[a]);
      }
    }
#pragma GCC unroll 8
    for (int a = 0; a < kAccumulators; ++a) {
      store(first + part + a * width, f[a]);
      store(second + part + a * width, s[a]);
    }
  }
}

// Adds n < kLanes elements to the first n lanes.
template <class Op, class C, class T>
BNFAST_INLINE void add_tail(const T* x, const T* dy, int n, Vector<C> shift, C* first, C* second) {
  constexpr int width = kWidth<C>;
  for (int i = 0; i < n; i += width) {
    Vector<C> f = load(first + i), s = load(second + i);
    const T* dy_at = Op::inputs == 2 ? dy + i : x + i;
    if (n - i >= width) {
      add_vector<Op, C>(x + i, dy_at, shift, f, s);
    } else {
      add_partial<Op, C>(x + i, dy_at, n - i, shift, f, s);
    }
    store(first + i, f);
    store(second + i, s);
  }
}

template <class Op, class C, class T>
BNFAST_INLINE void add_run(const T* x, const T* dy, ptrdiff_t n, C shift, C* first, C* second) {
  const Vector<C> k = splat(shift);
  const ptrdiff_t steps = n / kLanes<C>, whole = steps * kLanes<C>;
  if (steps > 0) add_steps<Op, C>(x, dy, steps, k, first, second);
  if (whole < n) {
    add_tail<Op, C>(x + whole, Op::inputs == 2 ? dy + whole : dy, static_cast<int>(n - whole), k,
                    first, second);
  }
}

// Adds the lanes in a fixed tree.
template <int lanes>
BNFAST_INLINE double add_lanes(double* lane) {
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

// The sums of one channel on their way, in kLanes<C> lanes.
template <class Op, class C>
struct Accumulator;

template <class Op>
struct Accumulator<Op, double> {
  alignas(64) double first[kLanes<double>];
  alignas(64) double second[kLanes<double>];

  void clear() { memset(this, 0, sizeof *this); }

  template <class T>
  __attribute__((always_inline)) void add(const T* x, const T* dy, ptrdiff_t n, double shift) {
    add_run<Op, double>(x, dy, n, shift, first, second);
  }
  __attribute__((always_inline)) void finish(double* first_sum, double* second_sum) {
    *first_sum = add_lanes<kLanes<double>>(first);
    *second_sum = add_lanes<kLanes<double>>(second);
  }
};

template <class Op>
struct Accumulator<Op, float> {
  alignas(64) float run_first[kLanes<float>];
  alignas(64) float run_second[kLanes<float>];
  alignas(64) double first[kLanes<float> / 4];
  alignas(64) double second[kLanes<float> / 4];
  ptrdiff_t steps;

  void clear() { memset(this, 0, sizeof *this); }

  template <class T>
  __attribute__((always_inline)) void add(const T* x, const T* dy, ptrdiff_t n, float shift) {
    constexpr ptrdiff_t longest = kRunSteps * kLanes<float>;
    for (ptrdiff_t i = 0; i < n; i += longest) {
      const ptrdiff_t m = n - i < longest ? n - i : longest;
      add_run<Op, float>(x + i, Op::inputs == 2 ? dy + i : dy, m, shift, run_first, run_second);
      steps += (m + kLanes<float> - 1) / kLanes<float>;
      if (steps >= kRunSteps) flush();
    }
  }
  __attribute__((always_inline)) void finish(double* first_sum, double* second_sum) {
    flush();
    *first_sum = add_lanes<kLanes<float> / 4>(first);
    *second_sum = add_lanes<kLanes<float> / 4>(second);
  }

 private:
  // Four lanes are added in float first: two more roundings, a quarter of the work in float64.
  __attribute__((always_inline)) static void flush_lanes(float* run, double* sum) {
    constexpr int quarter = kLanes<float> / 4;
    for (int i = 0; i < quarter; i += kWidth<float>) {
      const F32 a = load(run + i) + load(run + i + quarter);
      const F32 b = load(run + i + 2 * quarter) + load(run + i + 3 * quarter);
      store(run + i, a + b);
    }
    for (int i = 0; i < quarter; i += kWidth<double>) {
      store(sum + i, load(sum + i) + widen_load(run + i));
    }
    for (int i = 0; i < kLanes<float>; i += kWidth<float>) store(run + i, F32{});
  }
  __attribute__((always_inline)) void flush() {
    flush_lanes(run_first, first);
    flush_lanes(run_second, second);
    steps = 0;
  }
};

template <class Op, class T, class C>
void reduce_planes(const Block& block, const Input* in, const void* shift, double* first,
                   double* second) {
  const C* k = static_cast<const C*>(shift);
  Accumulator<Op, C> sums[kMaxGroup];
  for (ptrdiff_t c = 0; c < block.channels; ++c) sums[c].clear();
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      const char* x = in[0].data + o * in[0].outer + c * in[0].channel;
      const char* dy = Op::inputs == 2 ? in[1].data + o * in[1].outer + c * in[1].channel : x;
      sums[c].add(reinterpret_cast<const T*>(x), reinterpret_cast<const T*>(dy), block.inner, k[c]);
    }
  }
  for (ptrdiff_t c = 0; c < block.channels; ++c) sums[c].finish(first + c, second + c);
}

BNFAST_INLINE void add_to_sums(double* sum, F64 v, int n) {
  if (n >= kWidth<double>) {
    store(sum, load(sum) + v);
  } else if (n > 0) {
    store_partial(sum, load_partial(sum, n, F64{}) + v, n);
  }
}
BNFAST_INLINE void add_to_sums(double* sum, F32 v, int n) {
  float lane[kWidth<float>];
  store(lane, v);
  add_to_sums(sum, widen_load(lane), n);
  add_to_sums(sum + kWidth<double>, widen_load(lane + kWidth<double>), n - kWidth<double>);
}

// `vectors` side by side, down the rows; the last has `n` columns when partial.
template <class Op, class T, class C, int vectors, bool partial>
BNFAST_INLINE void reduce_columns(const Input* in, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t column,
                                  const C* shift, double* first, double* second, int n) {
  constexpr int width = kWidth<C>;
  Vector<C> k[vectors], f[vectors] = {}, s[vectors] = {};
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    k[v] =
        partial ? load_partial(shift + column, n, Vector<C>{}) : load(shift + column + v * width);
  }
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const T* x = reinterpret_cast<const T*>(in[0].data + r * in[0].outer) + column;
    const T* dy =
        Op::inputs == 2 ? reinterpret_cast<const T*>(in[1].data + r * in[1].outer) + column : x;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      if (partial) {
        add_partial<Op, C>(x, dy, n, k[v], f[v], s[v]);
      } else {
        prefetch(reinterpret_cast<const char*>(x + v * width) + kRunRows * in[0].outer);
        if (Op::inputs == 2)
          prefetch(reinterpret_cast<const char*>(dy + v * width) + kRunRows * in[1].outer);
        add_vector<Op, C>(x + v * width, dy + v * width, k[v], f[v], s[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    add_to_sums(first + column + v * width, f[v], n);
    add_to_sums(second + column + v * width, s[v], n);
  }
}

template <class Op, class T, class C>
void reduce_rows(const Block& block, const Input* in, const void* shift, double* first,
                 double* second) {
  constexpr int width = kWidth<C>, wide = kAccumulators * width;
  const C* k = static_cast<const C*>(shift);
  const ptrdiff_t columns = block.channels;
  for (ptrdiff_t c = 0; c < columns; ++c) first[c] = second[c] = 0;
  for (ptrdiff_t row = 0; row < block.outer; row += kRunRows) {
    const ptrdiff_t rows = block.outer - row < kRunRows ? block.outer - row : kRunRows;
    ptrdiff_t c = 0;
    for (; c + wide <= columns; c += wide) {
      reduce_columns<Op, T, C, kAccumulators, false>(in, row, rows, c, k, first, second, width);
    }
    for (; c + width <= columns; c += width) {
      reduce_columns<Op, T, C, 1, false>(in, row, rows, c, k, first, second, width);
    }
    if (c < columns) {
      reduce_columns<Op, T, C, 1, true>(in, row, rows, c, k, first, second,
                                        static_cast<int>(columns - c));
    }
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
