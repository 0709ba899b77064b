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

// The sums of a block's channels.
struct BlockSums {
  ChannelSums channel[kMaxGroup];

  explicit BlockSums(const Block& block) {
    memset(channel, 0, sizeof channel[0] * static_cast<size_t>(block.channels));
  }
  __attribute__((always_inline)) void finish(const Block& block, double* first,
                                             double* second) const {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      RunSums sums = channel[c].sums;
      first[c] = total(sums.first);
      second[c] = total(sums.second);
    }
  }
};

// The sums of a run of one channel's planes of at most kLanes elements, a step each.
template <class Op, class T, class C, class Ahead>
BNFAST_INLINE RunSums sum_short_planes(const ChannelPlanes<Op, T>& planes, ptrdiff_t begin,
                                       ptrdiff_t end, ptrdiff_t inner, C shift, Ahead ahead) {
  const Steps<T> none = {nullptr, nullptr, 0, 0, 0, 0};
  const Steps<T> steps = {planes.x_plane(begin), planes.dy_plane(begin),
                          planes.x_outer,        planes.dy_outer,
                          end - begin,           static_cast<int>(inner)};
  return sum_run<Op>(none, steps, shift, ahead);
}
template <class Op, class T, class C>
void reduce_short_planes(const Block& block, const Input* in, const C* shift, double* first,
                         double* second) {
  BlockSums sums(block);
  const ReadAhead ahead = {kRunSteps * in[0].outer, Op::inputs == 2 ? kRunSteps * in[1].outer : 0};
  for (ptrdiff_t o = 0; o < block.outer; o += kRunSteps) {
    const ptrdiff_t end = o + kRunSteps < block.outer ? o + kRunSteps : block.outer;
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      sums.channel[c].add(
          sum_short_planes(ChannelPlanes<Op, T>(in, c), o, end, block.inner, shift[c], ahead));
    }
  }
  sums.finish(block, first, second);
}

template <class Op, class T, class C>
void reduce_long_planes(const Block& block, const Input* in, const C* shift, double* first,
                        double* second) {
  BlockSums sums(block);
  const ptrdiff_t row = block.channels * block.inner * static_cast<ptrdiff_t>(sizeof(T));
  const Reading reading = {in[0].outer - row, Op::inputs == 2 ? in[1].outer - row : 0};
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      const ChannelPlanes<Op, T> planes(in, c);
      const ptrdiff_t behind = row / block.channels * (block.channels - 1 - c);
      add_plane<Op>(sums.channel[c], planes.x_plane(o), planes.dy_plane(o), block.inner, shift[c],
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
