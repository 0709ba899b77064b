// The kernels that reduce one block and map another, a few KB of each in turn.
//
// Measured: memory is read and written at its full speed when what the reduction will read is
// prefetched evenly. Where the map stores through the caches, it prefetches all. Where it streams,
// the reduction prefetches into L2, the map into L1: all at once some are likely lost; or the map
// alone does, where the schedule says so. Read and stored in the same loop, the same work took a
// quarter more time (docs/experiments.md).
#pragma once

#include "kernels/rows_of_planes.hpp"
#include "kernels/turns.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Whether a map that streams is ever to prefetch what will be reduced: some CPUs with AVX2 gain
// by it (docs/experiments.md).
constexpr bool kMapsMayReadAhead = BNFAST_VECTOR_BYTES == 32;

template <class Op, class MapOp, class T, class C, PlanesAre how>
void reduce_and_map_by(const Reduced<Op, T>& of, const MapOp& map_op, const MapTask& task,
                       double* first, double* second) {
  if (of.block.inner >= kLeastInTurns<C, T, are_streamed(how)>) {
    Mapper<Op, MapOp, C, how, T> map(map_op, task);
    reduce_and_map_in_turns<C>(of, first, second, map);
  } else {
    RowsOfPlanes<Op, MapOp, T, C, how>(of, map_op, task).run(first, second);
  }
}

template <class Op, class MapOp, class T, class C>
void reduce_and_map_planes(const Block& block, const Input* in, const void* const* coefficients,
                           const Activation& activation, double* first, double* second,
                           const MapTask& task, const Input* next) {
  const Reduced<Op, T> of = {Op(activation), block, BlockInputs<Op, T>(in),
                             BlockInputs<Op, T>(next), coefficients};
  const MapOp map_op(activation);
  const MappedPlanes<MapOp, T, T> mapped(task.in, task.out);
  const bool streams =
      kStreams && task.store == Store::streaming && streamable<C>(map_op, block, mapped) &&
      (block.inner >= kLeastStreamedAlone<C, T> || joined<C>(map_op, block, mapped));
  if (streams) {
    if constexpr (kMapsMayReadAhead) {
      if (task.map_reads_ahead) {
        return reduce_and_map_by<Op, MapOp, T, C, PlanesAre::streamed_map_reads>(of, map_op, task,
                                                                                 first, second);
      }
    }
    return reduce_and_map_by<Op, MapOp, T, C, PlanesAre::streamed>(of, map_op, task, first, second);
  }
  if constexpr (kJoins<C, T>) {
    if (task.held && block.inner <= kLanes<C>) {
      return RowsOfPlanes<Op, MapOp, T, C, PlanesAre::held>(of, map_op, task).run(first, second);
    }
  }
  reduce_and_map_by<Op, MapOp, T, C, PlanesAre::stored>(of, map_op, task, first, second);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
