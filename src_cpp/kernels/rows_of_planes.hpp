// Short planes, reduced and mapped a row of them in turn.
#pragma once

#include "kernels/rows_ahead.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Planes of all channels at one outer index are a row.
template <class Op, class MapOp, class T, class C, PlanesAre how>
class RowsOfPlanes {
 public:
  RowsOfPlanes(const Reduced<Op, T>& of, const MapOp& map_op, const MapTask& task)
      : of_(of),
        map_op_(map_op),
        coefficients_(task.coefficients),
        mapped_(task.in, task.out),
        joins_(task.store == Store::near && joined<C>(map_op, of.block, mapped_)) {}

  // A turn is a row; or, where a plane is but one step of a run, rows of a run. Rows that the
  // reduction prefetches are each mapped once a run's share of the channels is reduced.
  void run(double* first, double* second) const {
    const auto [outer, channels, inner] = of_.block;
    const bool steps = are_steps(inner), parts = steps && collide();
    const ptrdiff_t turn = !steps ? 1 : parts ? kFewSteps : kRunSteps;
    if (!kSmall && outer <= turn && (steps || inner <= kRun<C>)) return run_once(first, second);
    const RowsAhead<Op> rows_ahead(of_, turn == 1 ? 3 : turn);
    BlockSums sums(of_.block);
    RunLanes<C> lanes[kMaxGroup];
    for (ptrdiff_t o = 0; o < outer; o += turn) {
      const ptrdiff_t end = o + turn < outer ? o + turn : outer;
      ptrdiff_t row = o;
      for (ptrdiff_t c = 0; c < channels; ++c) {
        if (parts) {
          add_part(c, o, end, rows_ahead, lanes[c], sums.channel[c]);
          continue;
        }
        sums.channel[c].add(first_run(of_, mapped_, c, o, end, rows_ahead));
        if (!steps && inner > kRun<C>) add_other_runs(c, o, rows_ahead, sums.channel[c]);
        if (how == PlanesAre::streamed)
          row = map_rows(row, o + (end - o) * (c + 1) / channels, rows_ahead);
      }
      map_rows(row, end, rows_ahead);
    }
    sums.finish(of_.block, first, second);
  }

 private:
  static constexpr bool streaming = are_streamed(how);

  // Whether a plane is a step of a run.
  static bool are_steps(ptrdiff_t inner) { return how == PlanesAre::held || inner <= kLanes<C>; }

  // Rows that are a multiple of 4 KB apart lie in the same sets of L1, of 8 lines: each set shall
  // hold a line of each row that is read at once, for the next channel begins where this one ends.
  static constexpr ptrdiff_t kFewSteps = kRunSteps / Op::inputs;
  bool collide() const { return Op::inputs > 1 && of_.in.in[0].outer % 4096 == 0; }

  // Each channel is one run.
  void run_once(double* first, double* second) const {
    const Reduced<Op, T> of = of_;
    const MappedPlanes<MapOp, T, T> mapped = mapped_;
    const RowsAhead<Op> rows_ahead(of, of.block.outer);
    for (ptrdiff_t c = 0; c < of.block.channels; ++c) {
      RunSums run = first_run(of, mapped, c, 0, of.block.outer, rows_ahead);
      first[c] = total(run.first);
      second[c] = total(run.second);
    }
    map_rows(0, of.block.outer, rows_ahead);
  }

  // Planes [begin, end) as a part of a run, which goes to the sums where it ends.
  __attribute__((always_inline)) void add_part(ptrdiff_t c, ptrdiff_t begin, ptrdiff_t end,
                                               const RowsAhead<Op>& rows_ahead, RunLanes<C>& lanes,
                                               ChannelSums& sums) const {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(of_.coefficients, c, k);
    const ptrdiff_t inner = of_.block.inner;
    lanes.add(of_.op, steps_at(of_.in, c, begin, end, inner), k,
              steps_ahead(of_, mapped_, c, begin, rows_ahead), begin % kRunSteps == 0);
    if (end % kRunSteps == 0 || end == of_.block.outer) sums.add(lanes.sums());
  }

  static __attribute__((always_inline)) auto steps_ahead(const Reduced<Op, T>& of,
                                                         const MappedPlanes<MapOp, T, T>& mapped,
                                                         ptrdiff_t c, ptrdiff_t begin,
                                                         const RowsAhead<Op>& rows_ahead) {
    if constexpr (how == PlanesAre::streamed) {
      return StepsAhead<Op>{rows_ahead, begin};
    } else if constexpr (how == PlanesAre::stored) {
      return write_ahead(of.in.at(c, begin).at[0], mapped.at(c, begin).out[0],
                         mapped.out[0].outer - of.in.in[0].outer);
    } else {
      return ReadNothing{};
    }
  }

  static __attribute__((always_inline)) auto plane_ahead(const Reduced<Op, T>& of,
                                                         const MappedPlanes<MapOp, T, T>& mapped,
                                                         ptrdiff_t c, ptrdiff_t o,
                                                         const RowsAhead<Op>& rows_ahead) {
    if constexpr (how == PlanesAre::streamed) {
      return rows_ahead.from(o);
    } else if constexpr (streaming) {
      return ReadNothing{};
    } else {
      return write_ahead(of.in.at(c, o).at[0], mapped.at(c, o).out[0]);
    }
  }

  // Of a plane, or of planes [begin, end) where they are short.
  static __attribute__((always_inline)) RunSums first_run(const Reduced<Op, T>& of,
                                                          const MappedPlanes<MapOp, T, T>& mapped,
                                                          ptrdiff_t c, ptrdiff_t begin,
                                                          ptrdiff_t end,
                                                          const RowsAhead<Op>& rows_ahead) {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(of.coefficients, c, k);
    const ptrdiff_t inner = of.block.inner;
    if (are_steps(inner)) {
      return sum_steps<C>(of.op, steps_at(of.in, c, begin, end, inner), k,
                          steps_ahead(of, mapped, c, begin, rows_ahead));
    }
    return sum_side_by_side<C>(of.op, of.in.at(c, begin), inner < kRun<C> ? inner : kRun<C>, k,
                               plane_ahead(of, mapped, c, begin, rows_ahead));
  }

  // Of planes that are shorter than a turn, but longer than a run.
  __attribute__((noinline)) void add_other_runs(ptrdiff_t c, ptrdiff_t o,
                                                const RowsAhead<Op>& rows_ahead,
                                                ChannelSums& sums) const {
    Vector<C> k[Op::coefficients];
    splat_coefficients<C, Op::coefficients>(of_.coefficients, c, k);
    const ptrdiff_t inner = of_.block.inner;
    for (ptrdiff_t i = kRun<C>; i < inner; i += kRun<C>) {
      const ptrdiff_t n = inner - i < kRun<C> ? inner - i : kRun<C>;
      sums.add(sum_side_by_side<C>(of_.op, of_.in.at(c, o).plus(i), n, k,
                                   plane_ahead(of_, mapped_, c, o, rows_ahead)));
    }
  }

  // Maps the rows up to `end`, which it returns.
  __attribute__((always_inline)) ptrdiff_t map_rows(ptrdiff_t row, ptrdiff_t end,
                                                    const RowsAhead<Op>& rows_ahead) const {
    for (; row < end; ++row) map(row, rows_ahead);
    return end;
  }

  // Maps a row and prefetches what will be reduced, if the reduction does not.
  void map(ptrdiff_t row, const RowsAhead<Op>& rows_ahead) const {
    const MapOp op = map_op_;
    const MappedPlanes<MapOp, T, T> mapped = mapped_;
    const auto [outer, channels, inner] = of_.block;
    if constexpr (streaming) {
      prefetch_ends(mapped.at(0, row + 1).out[0], channels * inner);
      return map_joined<C, true>(op, mapped.at(0, row), channels, inner, coefficients_,
                                 read_next(of_.in.at(0, row), row, rows_ahead));
    }
    if constexpr (kJoins<C, T>) {
      if (joins_) {
        return map_joined<C, false>(op, mapped.at(0, row), channels, inner, coefficients_,
                                    read_next(of_.in.at(0, row), row, rows_ahead));
      }
    }
    if (inner < kWidth<C>) {
      return map_part_planes<C>(op, mapped, row, channels, inner, coefficients_);
    }
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[MapOp::coefficients];
      splat_coefficients<C, MapOp::coefficients>(coefficients_, c, k);
      map_plane<C>(op, mapped.at(c, row), inner, k, read_next(of_.in.at(c, row), row, rows_ahead));
    }
  }

  static __attribute__((always_inline)) auto read_next(const Inputs<Op, T>& at, ptrdiff_t row,
                                                       const RowsAhead<Op>& rows_ahead) {
    if constexpr (map_reads(how)) {
      return ReadNext<Op, T>{rows_ahead.from(row, at)};
    } else {
      return ReadNothing{};
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
