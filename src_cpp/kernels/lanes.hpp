// Elements of one channel that lie side by side, added to virtual lanes. The order of additions is
// fixed by their number: kLanes lanes, however wide the real vectors are.
#pragma once

#include "kernels/sums.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// What to prefetch while adding, at a distance in bytes from the vector of x, or dy, at hand.
struct ReadAhead {
  ptrdiff_t x, dy;
  template <class T>
  __attribute__((always_inline)) void touch(const T* x_at, const T* dy_at) const {
    prefetch(reinterpret_cast<const char*>(x_at) + x);
    if (dy_at != x_at) prefetch(reinterpret_cast<const char*>(dy_at) + dy);
  }
};
struct WriteAhead {
  ptrdiff_t y;
  template <class T>
  __attribute__((always_inline)) void touch(const T* x_at, const T*) const {
    prefetch_for_write(reinterpret_cast<const char*>(x_at) + y);
  }
};
struct NoAhead {
  template <class T>
  __attribute__((always_inline)) void touch(const T*, const T*) const {}
};

// True for the vectors of a step with which a cache line begins.
constexpr bool first_in_line(int vector) { return vector * BNFAST_VECTOR_BYTES % 64 == 0; }

// Adds `steps` times kLanes elements to the lanes, kAccumulators vectors of lanes at a time. fresh:
// the lanes hold nothing yet, whatever lies in memory.
template <class Op, class C, bool fresh, class T, class Ahead>
BNFAST_INLINE void add_steps(const T* x, const T* dy, ptrdiff_t steps, Vector<C> shift, Ahead ahead,
                             C* first, C* second) {
  constexpr int width = kWidth<C>;
  for (int part = 0; part < kLanes<C>; part += kAccumulators * width) {
    Vector<C> f[kAccumulators] = {}, s[kAccumulators] = {};
#pragma GCC unroll 8
    for (int a = 0; a < kAccumulators && !fresh; ++a) {
      f[a] = load(first + part + a * width);
      s[a] = load(second + part + a * width);
    }
    for (ptrdiff_t i = part; i < steps * kLanes<C>; i += kLanes<C>) {
#pragma GCC unroll 8
      for (int a = 0; a < kAccumulators; ++a) {
        const T* at = x + i + a * width;
        const T* dy_at = Op::inputs == 2 ? dy + i + a * width : at;
        if (first_in_line(a)) ahead.touch(at, dy_at);
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
template <class Op, class C, class T, class Ahead>
BNFAST_INLINE void add_tail(const T* x, const T* dy, int n, Vector<C> shift, Ahead ahead, C* first,
                            C* second) {
  constexpr int width = kWidth<C>;
  for (int i = 0; i < n; i += width) {
    Vector<C> f = load(first + i), s = load(second + i);
    const T* dy_at = Op::inputs == 2 ? dy + i : x + i;
    ahead.touch(x + i, dy_at);
    if (n - i >= width) {
      add_vector<Op, C>(x + i, dy_at, shift, f, s);
    } else {
      add_partial<Op, C>(x + i, dy_at, n - i, shift, f, s);
    }
    store(first + i, f);
    store(second + i, s);
  }
}

template <class Op, class C, bool fresh, class T, class Ahead>
BNFAST_INLINE void add_run(const T* x, const T* dy, ptrdiff_t n, C shift, Ahead ahead, C* first,
                           C* second) {
  const Vector<C> k = splat(shift);
  const ptrdiff_t steps = n / kLanes<C>, whole = steps * kLanes<C>;
  if (steps > 0) {
    add_steps<Op, C, fresh>(x, dy, steps, k, ahead, first, second);
  } else if (fresh) {
    memset(first, 0, sizeof(C) * kLanes<C>);
    memset(second, 0, sizeof(C) * kLanes<C>);
  }
  if (whole < n) {
    add_tail<Op, C>(x + whole, Op::inputs == 2 ? dy + whole : dy, static_cast<int>(n - whole), k,
                    ahead, first, second);
  }
}

// Adds the lanes in a fixed tree.
template <int lanes>
BNFAST_INLINE double add_lanes(double* lane) {
  constexpr int half = lanes / 2, width = kWidth<double>;
  if constexpr (half >= width) {
    for (int i = 0; i < half; i += width) store(lane + i, load(lane + i) + load(lane + i + half));
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  if constexpr (half > 1) return add_lanes<half>(lane);
  return lane[0];
}

// How a block's planes are read ahead: channel by channel, then the next outer index.
struct Reading {
  ptrdiff_t x_jump, dy_jump;  // bytes from the last channel's end to the next outer index

  // left: bytes still to be read at this outer index behind those at hand.
  __attribute__((always_inline)) ReadAhead ahead(ptrdiff_t left) const {
    if (left >= kPrefetchBytes) return {kPrefetchBytes, kPrefetchBytes};
    return {kPrefetchBytes + x_jump, kPrefetchBytes + dy_jump};
  }
};

// The sums of one channel on their way, in lanes. flush() ends a run. A float run is fresh while
// steps is 0; float64 lanes are kept from run to run.
template <class Op, class C>
struct Accumulator;

template <class Op>
struct Accumulator<Op, double> {
  alignas(64) double run_first[kLanes<double>];
  alignas(64) double run_second[kLanes<double>];
  ptrdiff_t steps;

  static constexpr bool kept = true;  // the lanes, from run to run

  void clear() {
    memset(run_first, 0, sizeof run_first);
    memset(run_second, 0, sizeof run_second);
    steps = 0;
  }
  bool fresh() const { return false; }
  void flush() { steps = 0; }
  void finish(double* first_sum, double* second_sum) {
    *first_sum = add_lanes<kLanes<double>>(run_first);
    *second_sum = add_lanes<kLanes<double>>(run_second);
  }
};

template <class Op>
struct Accumulator<Op, float> {
  alignas(64) float run_first[kLanes<float>];
  alignas(64) float run_second[kLanes<float>];
  alignas(64) double first[kLanes<float> / 4];
  alignas(64) double second[kLanes<float> / 4];
  ptrdiff_t steps;

  static constexpr bool kept = false;

  void clear() {
    // A run writes all lanes, unless short planes leave whole passes over them out.
    if (kLanes<float> > kAccumulators * kWidth<float>) {
      memset(run_first, 0, sizeof run_first);
      memset(run_second, 0, sizeof run_second);
    }
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    steps = 0;
  }
  __attribute__((always_inline)) bool fresh() const { return steps == 0; }
  __attribute__((always_inline)) void flush() {
    if (fresh()) return;
    flush_lanes(run_first, first);
    flush_lanes(run_second, second);
    steps = 0;
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
      add_widened(sum + i, a + b);
    }
  }
};

// The longest run: after so many elements the lanes are flushed.
template <class C>
constexpr ptrdiff_t kRun = kRunSteps * kLanes<C>;

// Adds a run of n <= kRun elements side by side.
template <class Op, class T, class C, class Ahead>
BNFAST_INLINE void add(Accumulator<Op, C>& sums, const T* x, const T* dy, ptrdiff_t n, C shift,
                       Ahead ahead) {
  if (sums.fresh()) {
    add_run<Op, C, true>(x, dy, n, shift, ahead, sums.run_first, sums.run_second);
  } else {
    add_run<Op, C, false>(x, dy, n, shift, ahead, sums.run_first, sums.run_second);
  }
  sums.steps += (n + kLanes<C> - 1) / kLanes<C>;
  if (sums.steps >= kRunSteps) sums.flush();
}

// Adds n elements side by side, run by run. left: bytes to be read behind them at this outer index.
template <class Op, class T, class C>
BNFAST_INLINE void add_plane(Accumulator<Op, C>& sums, const T* x, const T* dy, ptrdiff_t n,
                             C shift, const Reading& reading, ptrdiff_t left) {
  for (ptrdiff_t i = 0; i < n; i += kRun<C>) {
    const ptrdiff_t m = n - i < kRun<C> ? n - i : kRun<C>;
    const ReadAhead ahead = reading.ahead(left + (n - i - m) * static_cast<ptrdiff_t>(sizeof(T)));
    add(sums, x + i, Op::inputs == 2 ? dy + i : dy, m, shift, ahead);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
