// The reducing kernels of the planes walk.
#pragma once

#include "kernels/lanes.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// The sums of a block's channels.
struct BlockSums {
  ChannelSums channel[kMaxGroup];

  explicit BlockSums(const Block& block) {
    memset(channel, 0, sizeof channel[0] * static_cast<size_t>(block.channels));
  }
  __attribute__((always_inline)) void finish(const Block& block, double* first,
                                             double* second) const {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      first[c] = total(channel[c].sums.first);
      second[c] = total(channel[c].sums.second);
    }
  }
};

// One channel's planes [begin, end), of at most kLanes elements: a step each.
template <class Op, class T>
__attribute__((always_inline)) inline Steps<Op, T> steps_at(const BlockInputs<Op, T>& block,
                                                            ptrdiff_t c, ptrdiff_t begin,
                                                            ptrdiff_t end, ptrdiff_t inner) {
  Steps<Op, T> steps = {block.at(c, begin), {}, end - begin, static_cast<int>(inner)};
#pragma GCC unroll 4
  for (int i = 0; i < Op::inputs; ++i) steps.bytes[i] = block.in[i].outer;
  return steps;
}

// The sums of a run of steps of the same length.
template <class C, class Op, class T, class Ahead>
BNFAST_INLINE RunSums sum_steps(const Op& op, const Steps<Op, T>& steps, const Vector<C>* k,
                                Ahead ahead) {
  const Steps<Op, T> none = {};
  return sum_run<C>(op, none, steps, k, ahead);
}

template <class C, class Op, class T>
void reduce_short_planes(const Op& op, const Block& block, const Input* in,
                         const void* const* coefficients, double* first, double* second) {
  BlockSums sums(block);
  const BlockInputs<Op, T> inputs(in);
  ReadAhead<Op> ahead;
  for (int k = 0; k < Op::inputs; ++k) ahead.bytes[k] = kRunSteps * in[k].outer;
  for (ptrdiff_t o = 0; o < block.outer; o += kRunSteps) {
    const ptrdiff_t end = o + kRunSteps < block.outer ? o + kRunSteps : block.outer;
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(coefficients, c, k);
      sums.channel[c].add(sum_steps<C>(op, steps_at(inputs, c, o, end, block.inner), k, ahead));
    }
  }
  sums.finish(block, first, second);
}

template <class C, class Op, class T>
void reduce_long_planes(const Op& op, const Block& block, const Input* in,
                        const void* const* coefficients, double* first, double* second) {
  BlockSums sums(block);
  const BlockInputs<Op, T> inputs(in);
  const ptrdiff_t plane = block.inner * static_cast<ptrdiff_t>(sizeof(T));
  const Reading<Op> reading(in, block.channels * plane);
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(coefficients, c, k);
      add_plane<C>(sums.channel[c], op, inputs.at(c, o), block.inner, k, reading,
                   plane * (block.channels - 1 - c));
    }
  }
  sums.finish(block, first, second);
}

template <class Op, class T, class C>
void reduce_planes(const Block& block, const Input* in, const void* const* coefficients,
                   const Activation& activation, double* first, double* second) {
  const Op op(activation);
  if (block.inner <= kLanes<C>) {
    reduce_short_planes<C, Op, T>(op, block, in, coefficients, first, second);
  } else {
    reduce_long_planes<C, Op, T>(op, block, in, coefficients, first, second);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
