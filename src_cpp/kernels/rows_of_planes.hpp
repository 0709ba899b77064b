// Short planes, reduced and mapped a row of them in turn.
#pragma once

#include "kernels/reduced.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Those of all channels at one outer index are a row.
template <class Op, class MapOp, class T, class C, bool streaming>
class RowsOfPlanes {
 public:
  RowsOfPlanes(const Reduced<Op, T>& of, const MapOp& map_op, const MapTask& task)
      : of_(of),
        map_op_(map_op),
        coefficients_(task.coefficients),
        mapped_(task.in, task.out),
        joins_(task.store == Store::joined && joined<C>(map_op, of.block, mapped_)) {}

  // A turn is a row; or, where a plane is but one step of a run, rows of a run.
  void run(double* first, double* second) const {
    const auto [outer, channels, inner] = of_.block;
    const bool steps = inner <= kLanes<C>, parts = steps && collide();
    const ptrdiff_t turn = !steps ? 1 : parts ? kFewSteps : kRunSteps;
    if (outer <= turn && inner <= kRun<C>) return run_once(first, second);
    const ptrdiff_t ahead = turn == 1 ? 3 : turn;
    BlockSums sums(of_.block);
    RunLanes<C> lanes[kMaxGroup];
    for (ptrdiff_t o = 0; o < outer; o += turn) {
      const ptrdiff_t end = o + turn < outer ? o + turn : outer;
      for (ptrdiff_t c = 0; c < channels; ++c) {
        if (parts) {
          add_part(c, o, end, lanes[c], sums.channel[c]);
          continue;
        }
        sums.channel[c].add(first_run(of_, mapped_, c, o, end));
        if (inner > kRun<C>) add_other_runs(c, o, sums.channel[c]);
      }
      for (ptrdiff_t row = o; row < end; ++row) map(row, ahead);
    }
    sums.finish(of_.block, first, second);
  }

 private:
  // Rows that are a multiple of 4 KB apart lie in the same sets of L1, of 8 lines: each set shall
  // hold a line of each row that is read at once, for the next channel begins where this one ends.
  static constexpr ptrdiff_t kFewSteps = kRunSteps / Op::inputs;
  bool collide() const { return Op::inputs > 1 && of_.in.in[0].outer % 4096 == 0; }

  // Each channel is one run.
  void run_once(double* first, double* second) const {
    const Reduced<Op, T> of = of_;
    const MappedPlanes<MapOp, T, T> mapped = mapped_;
    for (ptrdiff_t c = 0; c < of.block.channels; ++c) {
      RunSums run = first_run(of, mapped, c, 0, of.block.outer);
      first[c] = total(run.first);
      second[c] = total(run.second);
    }
    for (ptrdiff_t row = 0; row < of.block.outer; ++row) map(row, of.block.outer);
  }

  // Planes [begin, end) as a part of a run, which goes to the sums where it ends.
  __attribute__((always_inline)) void add_part(ptrdiff_t c, ptrdiff_t begin, ptrdiff_t end,
                                               RunLanes<C>& lanes, ChannelSums& sums) const {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(of_.coefficients, c, k);
    const ptrdiff_t inner = of_.block.inner;
    lanes.add(of_.op, steps_at(of_.in, c, begin, end, inner), k,
              write_steps_ahead(of_, mapped_, c, begin), begin % kRunSteps == 0);
    if (end % kRunSteps == 0 || end == of_.block.outer) sums.add(lanes.sums());
  }

  static __attribute__((always_inline)) auto write_steps_ahead(
      const Reduced<Op, T>& of, const MappedPlanes<MapOp, T, T>& mapped, ptrdiff_t c,
      ptrdiff_t begin) {
    return write_ahead<streaming>(of.in.at(c, begin).at[0], mapped.at(c, begin).out[0],
                                  mapped.out[0].outer - of.in.in[0].outer);
  }

  // Of a plane, or of planes [begin, end) where they are short.
  static __attribute__((always_inline)) RunSums first_run(const Reduced<Op, T>& of,
                                                          const MappedPlanes<MapOp, T, T>& mapped,
                                                          ptrdiff_t c, ptrdiff_t begin,
                                                          ptrdiff_t end) {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(of.coefficients, c, k);
    const ptrdiff_t inner = of.block.inner;
    if (inner <= kLanes<C>) {
      return sum_steps<C>(of.op, steps_at(of.in, c, begin, end, inner), k,
                          write_steps_ahead(of, mapped, c, begin));
    }
    const Inputs<Op, T> at = of.in.at(c, begin);
    return sum_side_by_side<C>(of.op, at, inner < kRun<C> ? inner : kRun<C>, k,
                               write_ahead<streaming>(at.at[0], mapped.at(c, begin).out[0]));
  }

  // Of planes that are shorter than a turn, but longer than a run.
  __attribute__((noinline)) void add_other_runs(ptrdiff_t c, ptrdiff_t o, ChannelSums& sums) const {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(of_.coefficients, c, k);
    const ptrdiff_t inner = of_.block.inner;
    for (ptrdiff_t i = kRun<C>; i < inner; i += kRun<C>) {
      const ptrdiff_t n = inner - i < kRun<C> ? inner - i : kRun<C>;
      sums.add(sum_side_by_side<C>(
          of_.op, of_.in.at(c, o).plus(i), n, k,
          write_ahead<streaming>(of_.in.at(c, o).at[0], mapped_.at(c, o).out[0])));
    }
  }

  // Maps a row and prefetches the one so many rows later, which may be the next block's.
  void map(ptrdiff_t row, ptrdiff_t ahead) const {
    const ptrdiff_t following = row + ahead, behind = following - of_.block.outer;
    const BlockInputs<Op, T> wanted = behind < 0 ? of_.in : of_.next;
    const ptrdiff_t o = behind < 0                 ? following
                        : behind < of_.block.outer ? behind
                                                   : behind % of_.block.outer;
    const MapOp op = map_op_;
    const MappedPlanes<MapOp, T, T> mapped = mapped_;
    const auto [outer, channels, inner] = of_.block;
    if constexpr (streaming) {
      prefetch_ends(mapped.at(0, row + 1).out[0], channels * inner);
      return map_joined<C, true>(op, mapped.at(0, row), channels, inner, coefficients_,
                                 ReadNext<Op, T>{wanted.at(0, o)});
    } else if constexpr (kJoins<C, T>) {
      if (joins_) {
        return map_joined<C, false>(op, mapped.at(0, row), channels, inner, coefficients_,
                                    ReadNext<Op, T>{wanted.at(0, o)});
      }
    }
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[MapOp::coefficients];
      splat_coefficients<C, MapOp::coefficients>(coefficients_, c, k);
      map_plane<C>(op, mapped.at(c, row), inner, k, ReadNext<Op, T>{wanted.at(c, o)});
    }
  }

  const Reduced<Op, T>& of_;
  const MapOp& map_op_;
  const void* const* coefficients_;
  MappedPlanes<MapOp, T, T> mapped_;
  bool joins_;
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
