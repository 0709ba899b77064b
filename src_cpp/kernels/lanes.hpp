// Elements of one channel that lie side by side, added to virtual lanes. The order of additions is
// fixed by their number: kLanes lanes, however wide the real vectors are.
#pragma once

#include "kernels/sums.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// What to prefetch while adding, at a distance in bytes from the vector of x, or dy, at hand in the
// given step.
struct ReadAhead {
  ptrdiff_t x, dy;
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t, const T* x_at, const T* dy_at) const {
    prefetch(reinterpret_cast<const char*>(x_at) + x);
    if (dy_at != x_at) prefetch(reinterpret_cast<const char*>(dy_at) + dy);
  }
};
struct WriteAhead {
  ptrdiff_t y, per_step;  // the distance, and what it grows by
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t step, const T* x_at, const T*) const {
    prefetch_for_write(reinterpret_cast<const char*>(x_at) + y + step * per_step);
  }
};
struct NoAhead {
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t, const T*, const T*) const {}
};

// True for the vectors of a step with which a cache line begins.
template <class C, class T>
constexpr bool first_in_line(int vector) {
  return vector * kWidth<C> * static_cast<int>(sizeof(T)) % 64 == 0;
}

// `count` steps of `length` <= kLanes elements, each element added to a lane of its own.
template <class T>
struct Steps {
  const T *x, *dy;
  ptrdiff_t x_step, dy_step;  // bytes from one to the next
  ptrdiff_t count;
  int length;

  __attribute__((always_inline)) const T* x_at(ptrdiff_t step) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(x) + step * x_step);
  }
  __attribute__((always_inline)) const T* dy_at(ptrdiff_t step) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(dy) + step * dy_step);
  }
};

// Adds the elements of all steps from `part` on that kAccumulators vectors take.
template <class Op, class C, class T, class Ahead>
BNFAST_INLINE void add_steps(const Steps<T>& steps, int part, Vector<C> shift, Ahead ahead,
                             Vector<C>* first, Vector<C>* second) {
  constexpr int width = kWidth<C>;
  for (ptrdiff_t i = 0; i < steps.count && part < steps.length; ++i) {
    const T* x = steps.x_at(i) + part;
    const T* dy = Op::inputs == 2 ? steps.dy_at(i) + part : x;
#pragma GCC unroll 8
    for (int a = 0; a < kAccumulators; ++a) {
      const int left = steps.length - part - a * width;
      const T *x_here = x + a * width, *dy_here = dy + a * width;
      if (first_in_line<C, T>(a) && left > 0) ahead.touch(i, x_here, dy_here);
      if (left >= width) {
        add_vector<Op, C>(x_here, dy_here, shift, first[a], second[a]);
      } else if (left > 0) {
        add_partial<Op, C>(x_here, dy_here, left, shift, first[a], second[a]);
      }
    }
  }
}

// What a run's lanes are added up to when it ends: so many sums in float64.
constexpr int kSums = 16;
struct RunSums {
  F64 first[kSums / kWidth<double>];
  F64 second[kSums / kWidth<double>];
};

BNFAST_INLINE void widen_lanes(const F64* lanes, F64* sums) {
#pragma GCC unroll 8
  for (int i = 0; i < kSums / kWidth<double>; ++i) sums[i] = lanes[i];
}
BNFAST_INLINE void widen_lanes(const F32* lanes, F64* sums) {
#pragma GCC unroll 4
  for (int i = 0; i < kSums / kWidth<float>; ++i) widen(lanes[i], sums + 2 * i);
}

// Adds the lanes that lie kSums apart, in a tree of neighbours.
template <class C>
BNFAST_INLINE void add_up(Vector<C>* lanes, F64* sums) {
  constexpr int vectors = kSums / kWidth<C>;
#pragma GCC unroll 4
  for (int groups = kLanes<C> / kSums / 2; groups > 0; groups /= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < groups * vectors; ++i) {
      const int left = i / vectors * 2 * vectors + i % vectors;
      lanes[i] = lanes[left] + lanes[left + vectors];
    }
  }
  widen_lanes(lanes, sums);
}

// Adds steps of kLanes elements, then others, to the lanes from vector v on.
template <class Op, class C, int v, class T, class Ahead>
BNFAST_INLINE void add_to_lanes(const Steps<T>& whole, const Steps<T>& others, Vector<C> shift,
                                Ahead ahead, Vector<C>* first, Vector<C>* second) {
  if constexpr (v * kWidth<C> < kLanes<C>) {
    Vector<C> f[kAccumulators] = {}, s[kAccumulators] = {};
    add_steps<Op, C>(whole, v * kWidth<C>, shift, ahead, f, s);
    add_steps<Op, C>(others, v * kWidth<C>, shift, ahead, f, s);
#pragma GCC unroll 8
    for (int a = 0; a < kAccumulators; ++a) {
      first[v + a] = f[a];
      second[v + a] = s[a];
    }
    add_to_lanes<Op, C, v + kAccumulators>(whole, others, shift, ahead, first, second);
  }
}

// The sums of a run: steps of kLanes elements, then others.
template <class Op, class C, class T, class Ahead>
BNFAST_INLINE RunSums sum_run(const Steps<T>& whole, const Steps<T>& others, C shift, Ahead ahead) {
  RunSums sums;
  Vector<C> first[kLanes<C> / kWidth<C>], second[kLanes<C> / kWidth<C>];
  add_to_lanes<Op, C, 0>(whole, others, splat(shift), ahead, first, second);
  add_up<C>(first, sums.first);
  add_up<C>(second, sums.second);
  return sums;
}

// The sum of the sums, in a fixed tree.
BNFAST_INLINE double total(F64* sums) {
#pragma GCC unroll 4
  for (int n = kSums / kWidth<double> / 2; n > 0; n /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) sums[i] += sums[i + n];
  }
  return across(sums[0]);
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

// The longest run.
template <class C>
constexpr ptrdiff_t kRun = kRunSteps * kLanes<C>;

// The sums of n <= kRun elements side by side.
template <class Op, class T, class C, class Ahead>
BNFAST_INLINE RunSums sum_side_by_side(const T* x, const T* dy, ptrdiff_t n, C shift, Ahead ahead) {
  constexpr ptrdiff_t step = kLanes<C> * static_cast<ptrdiff_t>(sizeof(T));
  const ptrdiff_t whole = n / kLanes<C>;
  const Steps<T> steps = {x, dy, step, step, whole, kLanes<C>};
  const Steps<T> rest = {
      steps.x_at(whole), steps.dy_at(whole), 0, 0, 1, static_cast<int>(n % kLanes<C>)};
  return sum_run<Op>(steps, rest, shift, ahead);
}

// The sums of one channel, run by run.
struct ChannelSums {
  RunSums sums;

  __attribute__((always_inline)) void add(const RunSums& run) {
#pragma GCC unroll 8
    for (int i = 0; i < kSums / kWidth<double>; ++i) {
      sums.first[i] += run.first[i];
      sums.second[i] += run.second[i];
    }
  }
};

// Adds n elements side by side, run by run. left: bytes to be read behind them at this outer index.
template <class Op, class T, class C>
BNFAST_INLINE void add_plane(ChannelSums& sums, const T* x, const T* dy, ptrdiff_t n, C shift,
                             const Reading& reading, ptrdiff_t left) {
  for (ptrdiff_t i = 0; i < n; i += kRun<C>) {
    const ptrdiff_t m = n - i < kRun<C> ? n - i : kRun<C>;
    const ReadAhead ahead = reading.ahead(left + (n - i - m) * static_cast<ptrdiff_t>(sizeof(T)));
    sums.add(sum_side_by_side<Op>(x + i, dy + i, m, shift, ahead));
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
