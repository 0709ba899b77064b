// The reducing kernels of the planes walk.
#pragma once

#include "kernels/lanes.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// One channel of a block as the kernels walk it.
template <class Op, class T>
struct ChannelPlanes {
  const char *x, *dy;
  ptrdiff_t x_outer, dy_outer;

  ChannelPlanes(const Input* in, ptrdiff_t c)
      : x(in[0].data + c * in[0].channel),
        dy(Op::inputs == 2 ? in[1].data + c * in[1].channel : x),
        x_outer(in[0].outer),
        dy_outer(Op::inputs == 2 ? in[1].outer : x_outer) {}
  __attribute__((always_inline)) const T* x_plane(ptrdiff_t o) const {
    return reinterpret_cast<const T*>(x + o * x_outer);
  }
  __attribute__((always_inline)) const T* dy_plane(ptrdiff_t o) const {
    return reinterpret_cast<const T*>(dy + o * dy_outer);
  }
};

// What to prefetch while short planes are added: the planes a run further on.
struct ReadPlanesAhead {
  ptrdiff_t x, dy;
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t, const T* x_at, const T* dy_at) const {
    ReadAhead{x, dy}.touch(x_at, dy_at);
  }
};

// Planes of at most kLanes elements, one step each: the lanes stay in registers from plane to
// plane.
template <class Op, class C, class T, int part, class Ahead>
BNFAST_INLINE void add_short_planes(const ChannelPlanes<Op, T>& planes, ptrdiff_t begin,
                                    ptrdiff_t end, int n, Vector<C> shift, Ahead ahead, C* first,
                                    C* second) {
  constexpr int width = kWidth<C>;
  Vector<C> f[kAccumulators] = {}, s[kAccumulators] = {};
#pragma GCC unroll 8
  for (int a = 0; a < kAccumulators && Accumulator<Op, C>::kept; ++a) {
    f[a] = load(first + part + a * width);
    s[a] = load(second + part + a * width);
  }
  for (ptrdiff_t o = begin; o < end; ++o) {
    const T* x = planes.x_plane(o) + part;
    const T* dy = planes.dy_plane(o) + part;
#pragma GCC unroll 8
    for (int a = 0; a < kAccumulators; ++a) {
      const int left = n - part - a * width;
      if (first_in_line(a) && left > 0) ahead.touch(o, x + a * width, dy + a * width);
      if (left >= width) {
        add_vector<Op, C>(x + a * width, dy + a * width, shift, f[a], s[a]);
      } else if (left > 0) {
        add_partial<Op, C>(x + a * width, dy + a * width, left, shift, f[a], s[a]);
      }
    }
  }
#pragma GCC unroll 8
  for (int a = 0; a < kAccumulators; ++a) {
    store(first + part + a * width, f[a]);
    store(second + part + a * width, s[a]);
  }
}

template <class Op, class C, int part = 0, class T, class Ahead>
BNFAST_INLINE void add_all_parts(const ChannelPlanes<Op, T>& planes, ptrdiff_t begin, ptrdiff_t end,
                                 int n, Vector<C> shift, Ahead ahead, C* first, C* second) {
  if constexpr (part < kLanes<C>) {
    if (part >= n) return;
    add_short_planes<Op, C, T, part>(planes, begin, end, n, shift, ahead, first, second);
    add_all_parts<Op, C, part + kAccumulators * kWidth<C>>(planes, begin, end, n, shift, ahead,
                                                           first, second);
  }
}

// The sums of a block's channels.
template <class Op, class C>
struct BlockSums {
  Accumulator<Op, C> channel[kMaxGroup];

  explicit BlockSums(const Block& block) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) channel[c].clear();
  }
  void finish(const Block& block, double* first, double* second) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) channel[c].finish(first + c, second + c);
  }
};

// Adds a run of one channel's short planes.
template <class Op, class T, class C, class Ahead>
BNFAST_INLINE void add_run_of_planes(Accumulator<Op, C>& sum, const ChannelPlanes<Op, T>& planes,
                                     ptrdiff_t begin, ptrdiff_t end, ptrdiff_t inner, C shift,
                                     Ahead ahead) {
  add_all_parts<Op, C>(planes, begin, end, static_cast<int>(inner), splat(shift), ahead,
                       sum.run_first, sum.run_second);
  sum.steps = kRunSteps;
  sum.flush();
}

template <class Op, class T, class C>
void reduce_short_planes(const Block& block, const Input* in, const C* shift, double* first,
                         double* second) {
  BlockSums<Op, C> sums(block);
  const ReadPlanesAhead ahead = {kRunSteps * in[0].outer,
                                 Op::inputs == 2 ? kRunSteps * in[1].outer : 0};
  for (ptrdiff_t o = 0; o < block.outer; o += kRunSteps) {
    const ptrdiff_t end = o + kRunSteps < block.outer ? o + kRunSteps : block.outer;
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      add_run_of_planes(sums.channel[c], ChannelPlanes<Op, T>(in, c), o, end, block.inner, shift[c],
                        ahead);
    }
  }
  sums.finish(block, first, second);
}

template <class Op, class T, class C>
void reduce_long_planes(const Block& block, const Input* in, const C* shift, double* first,
                        double* second) {
  BlockSums<Op, C> sums(block);
  const ptrdiff_t row = block.channels * block.inner * static_cast<ptrdiff_t>(sizeof(T));
  const Reading reading = {in[0].outer - row, Op::inputs == 2 ? in[1].outer - row : 0};
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      const ChannelPlanes<Op, T> planes(in, c);
      const ptrdiff_t behind = row / block.channels * (block.channels - 1 - c);
      add_plane(sums.channel[c], planes.x_plane(o), planes.dy_plane(o), block.inner, shift[c],
                reading, behind);
    }
  }
  sums.finish(block, first, second);
}

template <class Op, class T, class C>
void reduce_planes(const Block& block, const Input* in, const void* shift, double* first,
                   double* second) {
  const C* k = static_cast<const C*>(shift);
  if (block.inner <= kLanes<C>) {
    reduce_short_planes<Op, T>(block, in, k, first, second);
  } else {
    reduce_long_planes<Op, T>(block, in, k, first, second);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
