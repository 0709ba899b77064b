// Elements of one channel that lie side by side, added to virtual lanes. The order of additions is
// fixed by their number: kLanes lanes, however wide the real vectors are.
#pragma once

#include "kernels/sums.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// What to prefetch while adding, besides ReadAhead: what will be written.
struct WriteAhead {
  ptrdiff_t y, per_step;  // the distance from x, and what it grows by
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t step, const T* const* at) const {
    prefetch_for_write(reinterpret_cast<const char*>(at[0]) + y + step * per_step);
  }
};

// True for the vectors of a step with which a cache line begins.
template <class C, class T>
constexpr bool first_in_line(int vector) {
  return vector * kWidth<C> * static_cast<int>(sizeof(T)) % 64 == 0;
}

// `count` steps of `length` <= kLanes elements, each element added to a lane of its own.
template <class Op, class T>
struct Steps {
  Inputs<Op, T> first;
  ptrdiff_t bytes[Op::inputs];  // from one to the next
  ptrdiff_t count;
  int length;

  __attribute__((always_inline)) Inputs<Op, T> at(ptrdiff_t step) const {
    Inputs<Op, T> moved;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      moved.at[k] =
          reinterpret_cast<const T*>(reinterpret_cast<const char*>(first.at[k]) + step * bytes[k]);
    }
    return moved;
  }
};

// Adds `whole` vectors of each step from `part` on and, where tail > 0, so many elements behind
// them.
template <class C, int whole, class Op, class T, class Ahead>
BNFAST_INLINE void add_vectors(const Op& op, const Steps<Op, T>& steps, int part, int tail,
                               const Vector<C>* c, Ahead ahead, Vector<C>* first,
                               Vector<C>* second) {
  constexpr int width = kWidth<C>;
  for (ptrdiff_t i = 0; i < steps.count; ++i) {
    const Inputs<Op, T> step = steps.at(i).plus(part);
#pragma GCC unroll 8
    for (int a = 0; a < whole; ++a) {
      const Inputs<Op, T> here = step.plus(a * width);
      if (first_in_line<C, T>(a)) ahead.touch(i, here.at);
      Terms<Op, C> terms = load_terms<C, Op>(here.at);
      if constexpr (whole < kAccumulators) load_once(terms);
      op.add(terms.u, c, first[a], second[a]);
    }
    if constexpr (whole < kAccumulators) {
      if (tail == 0) continue;
      const Inputs<Op, T> here = step.plus(whole * width);
      if (first_in_line<C, T>(whole)) ahead.touch(i, here.at);
      op.add(load_partial_terms<C, Op>(here.at, tail, c).u, c, first[whole], second[whole]);
    }
  }
}

// Adds the elements of all steps from `part` on that kAccumulators vectors take.
template <class C, class Op, class T, class Ahead>
BNFAST_INLINE void add_steps(const Op& op, const Steps<Op, T>& steps, int part, const Vector<C>* c,
                             Ahead ahead, Vector<C>* first, Vector<C>* second) {
  const int left = steps.length - part;
  if (left <= 0) return;
  const int tail = left % kWidth<C>;
  switch (left / kWidth<C>) {
    case 0:
      return add_vectors<C, 0>(op, steps, part, tail, c, ahead, first, second);
    case 1:
      return add_vectors<C, 1>(op, steps, part, tail, c, ahead, first, second);
    case 2:
      return add_vectors<C, 2>(op, steps, part, tail, c, ahead, first, second);
    case 3:
      return add_vectors<C, 3>(op, steps, part, tail, c, ahead, first, second);
    default:
      return add_vectors<C, kAccumulators>(op, steps, part, tail, c, ahead, first, second);
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
  for (int i = 0; i < kSums / kWidth<float>; ++i) {
    const F64Pair wide = widen(lanes[i]);
    sums[2 * i] = wide.low;
    sums[2 * i + 1] = wide.high;
  }
}

// Adds up the lanes of `vectors` vectors that lie kSums apart, in a tree of neighbours: kSums sums
// are left, in the first vectors. Each level of the tree is code of its own: a loop over levels
// would keep the lanes in memory while they are added to.
template <class C, int vectors>
BNFAST_INLINE void add_neighbours(Vector<C>* lanes) {
  constexpr int apart = kSums / kWidth<C>;
  if constexpr (vectors > apart) {
#pragma GCC unroll 16
    for (int i = 0; i < vectors / 2; ++i) {
      const int left = i / apart * 2 * apart + i % apart;
      lanes[i] = lanes[left] + lanes[left + apart];
    }
    add_neighbours<C, vectors / 2>(lanes);
  }
}

// How often a run is passed over, and the vectors that are kept of each sum of a pass.
template <class C>
constexpr int kPasses = kLanes<C> / kWidth<C> / kAccumulators;
template <class C>
constexpr int kKept = kSums / kWidth<C> < kAccumulators ? kSums / kWidth<C> : kAccumulators;

// A pass: adds steps of kLanes elements, then others, to the lanes of kAccumulators vectors, and
// adds those up as far as they are of the same sum.
template <class C, class Op, class T, class Ahead>
BNFAST_INLINE void add_pass(const Op& op, const Steps<Op, T>& whole, const Steps<Op, T>& others,
                            const Vector<C>* c, Ahead ahead, int pass, Vector<C>* first,
                            Vector<C>* second) {
  Vector<C> f[kAccumulators] = {}, s[kAccumulators] = {};
  const int part = pass * kAccumulators * kWidth<C>;
  add_steps<C>(op, whole, part, c, ahead, f, s);
  add_steps<C>(op, others, part, c, ahead, f, s);
  add_neighbours<C, kAccumulators>(f);
  add_neighbours<C, kAccumulators>(s);
#pragma GCC unroll 8
  for (int a = 0; a < kKept<C>; ++a) {
    first[pass * kKept<C> + a] = f[a];
    second[pass * kKept<C> + a] = s[a];
  }
}

// The sums of a run whose lanes, or what is kept of them, are in so many vectors; it overwrites
// them.
template <class C, int vectors>
BNFAST_INLINE RunSums run_sums(Vector<C>* first, Vector<C>* second) {
  RunSums sums;
  add_neighbours<C, vectors>(first);
  add_neighbours<C, vectors>(second);
  widen_lanes(first, sums.first);
  widen_lanes(second, sums.second);
  return sums;
}

// What is done between two passes: nothing.
struct NothingBetween {
  __attribute__((always_inline)) void operator()() const {}
};

// The sums of a run: steps of kLanes elements, then others.
template <class C, class Op, class T, class Ahead, class Between = NothingBetween>
BNFAST_INLINE RunSums sum_run(const Op& op, const Steps<Op, T>& whole, const Steps<Op, T>& others,
                              const Vector<C>* c, Ahead ahead, Between between = {}) {
  constexpr int vectors = kPasses<C> * kKept<C>;
  Vector<C> first[vectors], second[vectors];
  if constexpr (kPasses<C> == 1) {  // all stays in registers
    add_pass<C>(op, whole, others, c, ahead, 0, first, second);
  } else {
#pragma GCC unroll 1
    for (int pass = 0; pass < kPasses<C>; ++pass) {
      if (pass > 0) between();
      add_pass<C>(op, whole, others, c, ahead, pass, first, second);
    }
  }
  return run_sums<C, vectors>(first, second);
}

// The lanes of a run whose steps are not all read at once.
template <class C>
struct RunLanes {
  static constexpr int vectors = kPasses<C> * kAccumulators;
  Vector<C> first[vectors], second[vectors];

  // Adds steps to the lanes; to 0 where the run begins.
  template <class Op, class T, class Ahead>
  __attribute__((always_inline)) void add(const Op& op, const Steps<Op, T>& steps,
                                          const Vector<C>* c, Ahead ahead, bool begins) {
#pragma GCC unroll 1
    for (int part = 0; part < vectors; part += kAccumulators) {
      Vector<C> f[kAccumulators] = {}, s[kAccumulators] = {};
#pragma GCC unroll 4
      for (int a = 0; a < kAccumulators && !begins; ++a) {
        f[a] = first[part + a];
        s[a] = second[part + a];
      }
      add_steps<C>(op, steps, part * kWidth<C>, c, ahead, f, s);
#pragma GCC unroll 4
      for (int a = 0; a < kAccumulators; ++a) {
        first[part + a] = f[a];
        second[part + a] = s[a];
      }
    }
  }

  __attribute__((always_inline)) RunSums sums() { return run_sums<C, vectors>(first, second); }
};

// The sum of the sums, in a fixed tree. They are taken vector by vector: a copy of them all would
// be made in halves, for which the loads of whole vectors wait.
BNFAST_INLINE double total(const F64* sums) {
  constexpr int half = kSums / kWidth<double> / 2;
  F64 added[half];
#pragma GCC unroll 8
  for (int i = 0; i < half; ++i) added[i] = sums[i] + sums[i + half];
#pragma GCC unroll 4
  for (int n = half / 2; n > 0; n /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) added[i] += added[i + n];
  }
  return across(added[0]);
}

// How a block's planes are read ahead: channel by channel, then the next outer index. One outer
// index may have fewer bytes than are read ahead.
template <class Op>
class Reading {
 public:
  Reading(const Input* in, ptrdiff_t row_bytes) : rest_(kReadAheadBytes<Op> % row_bytes) {
    const ptrdiff_t rows = kReadAheadBytes<Op> / row_bytes;
    for (int k = 0; k < Op::inputs; ++k) {
      jump_[k] = in[k].outer - row_bytes;
      far_[k] = kReadAheadBytes<Op> + rows * jump_[k];
    }
  }
  // left: bytes still to be read at this outer index behind those at hand.
  __attribute__((always_inline)) ReadAhead<Op> ahead(ptrdiff_t left) const {
    ReadAhead<Op> found;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      found.bytes[k] = far_[k] + (left >= rest_ ? 0 : jump_[k]);
    }
    return found;
  }

 private:
  ptrdiff_t rest_;
  ptrdiff_t jump_[Op::inputs];  // bytes from the last channel's end to the next outer index
  ptrdiff_t far_[Op::inputs];
};

// The longest run.
template <class C>
constexpr ptrdiff_t kRun = kRunSteps * kLanes<C>;

// The sums of n <= kRun elements side by side.
template <class C, class Op, class T, class Ahead, class Between = NothingBetween>
BNFAST_INLINE RunSums sum_side_by_side(const Op& op, const Inputs<Op, T>& at, ptrdiff_t n,
                                       const Vector<C>* c, Ahead ahead, Between between = {}) {
  Steps<Op, T> whole = {at, {}, n / kLanes<C>, kLanes<C>};
#pragma GCC unroll 4
  for (int k = 0; k < Op::inputs; ++k) {
    whole.bytes[k] = kLanes<C> * static_cast<ptrdiff_t>(sizeof(T));
  }
  const Steps<Op, T> rest = {whole.at(whole.count), {}, 1, static_cast<int>(n % kLanes<C>)};
  return sum_run<C>(op, whole, rest, c, ahead, between);
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
template <class C, class Op, class T>
BNFAST_INLINE void add_plane(ChannelSums& sums, const Op& op, const Inputs<Op, T>& at, ptrdiff_t n,
                             const Vector<C>* c, const Reading<Op>& reading, ptrdiff_t left) {
  for (ptrdiff_t i = 0; i < n; i += kRun<C>) {
    const ptrdiff_t m = n - i < kRun<C> ? n - i : kRun<C>;
    const ReadAhead<Op> ahead =
        reading.ahead(left + (n - i - m) * static_cast<ptrdiff_t>(sizeof(T)));
    sums.add(sum_side_by_side<C>(op, at.plus(i), m, c, ahead));
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
