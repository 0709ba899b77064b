// The kernels that reduce one block and map another, a few KB of each in turn.
//
// Measured: memory is read and written at its full speed when all that the reduction will read next
// is prefetched while the map stores. Prefetched by the reduction itself, or read and stored in
// the same loop, the same work took a quarter more time (docs/performance.md).
#pragma once

#include "kernels/map_planes.hpp"
#include "kernels/reduce_planes.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Elements that are reduced, then mapped, in turn, where a plane is long: 4 KB. Narrow vectors,
// which pass over a run several times, take turns of one run, and map a part of theirs after each
// pass.
template <class C, class T>
constexpr ptrdiff_t kLongPlane = 2 * kRun<C> * (sizeof(C) / sizeof(T));
template <class C, class T>
constexpr ptrdiff_t kTurn = kPasses<C> > 1 ? kLongPlane<C, T> / 2 : kLongPlane<C, T>;
// The shortest planes that are taken in turns: streamed stores, which wait for memory, have the
// passes' reads to go on with if they come a part at a time.
template <class C, class T, bool streaming>
constexpr ptrdiff_t kLeastInTurns =
    streaming && kPasses<C> > 1 ? kLongPlane<C, T> / 4 * 3 : kLongPlane<C, T>;

// Elements between what is mapped and what is prefetched, in a plane of the same length: 4 KB of
// all inputs together, but no less than a turn nor more than a plane. What is left of the plane is
// whole parts of a turn, each of which is prefetched from one plane.
template <class Op, class C, class T>
constexpr ptrdiff_t turn_ahead(ptrdiff_t plane) {
  constexpr ptrdiff_t elements = 4096 / (Op::inputs * static_cast<ptrdiff_t>(sizeof(T)));
  constexpr ptrdiff_t wanted = elements < kTurn<C, T> ? kTurn<C, T> : elements;
  constexpr ptrdiff_t part = kTurn<C, T> / kPasses<C>;
  return wanted < plane ? plane - (plane - wanted) / part * part : plane;
}

// Prefetches what will be written at y while x is reduced; per_step: what their distance grows by.
// Streamed stores need no line fetched.
template <bool streaming, class T>
__attribute__((always_inline)) inline auto write_ahead(const T* x, const T* y,
                                                       ptrdiff_t per_step = 0) {
  if constexpr (streaming) {
    return NoAhead{};
  } else {
    return WriteAhead{reinterpret_cast<const char*>(y) - reinterpret_cast<const char*>(x),
                      per_step};
  }
}

// Maps a block's planes a turn at a time, and prefetches what the reduction, Op, will want next. Of
// its state one number changes from turn to turn: what is stored waits behind streamed stores.
// Planes that are streamed and lie end to end are one run of vectors, as in stream_joined.
template <class Op, class MapOp, class C, bool streaming, class T>
class Mapper {
 public:
  Mapper(const MapOp& op, const MapTask& task)
      : op_(op),
        task_(task),
        planes_(task.in, task.out),
        size_(task.block.inner),
        end_to_end_(streaming && joined<C>(op, task.block, planes_)),
        at_(planes_.at(0, 0)) {}

  // reduced: the plane that is reduced meanwhile; after: the next one to be.
  __attribute__((always_inline)) void begin_plane(ptrdiff_t c, ptrdiff_t o,
                                                  const Inputs<Op, T>& reduced,
                                                  const Inputs<Op, T>& after) {
    wanted_ = read_on<Op>(reduced, after, size_, turn_ahead<Op, C, T>(size_));
    const Place<MapOp, T, T> rest = at_.plus(done_);
    at_ = planes_.at(c, o);
    ends_run_ = !end_to_end_ || c + 1 == task_.block.channels;
    if (end_to_end_ && c > 0) return straddle(c, rest);
    splat_coefficients<C, MapOp::coefficients>(task_.coefficients, c, k_);
    done_ = 0;
    if constexpr (streaming) begin_run(planes_.at(c, o + 1).out[0]);
  }

  // For a reduction that begins its turn at x: prefetches what this turn will write.
  __attribute__((always_inline)) auto ahead_of(const T* x) const {
    return write_ahead<streaming>(x, at_.out[0] + done_);
  }

  // Maps the next n elements of the plane, whole vectors; all that are left where `last`, but for
  // fewer than a vector if the next plane follows on.
  __attribute__((always_inline)) void turn(ptrdiff_t n, bool last) {
    const ptrdiff_t end = last || n > size_ - done_ ? end_of_vectors() : done_ + n;
    const ReadNext<Op, T> next{done_ < wanted_.left ? wanted_.here : wanted_.after};
    map_vectors<C, streaming>(op_, at_, done_, end, k_, next);
    done_ = end;
    if (last && ends_run_) map_few<C>(op_, at_.plus(done_), size_ - done_, k_);
  }

 private:
  // following: where the next run begins.
  __attribute__((always_inline)) void begin_run(const T* following) {
    prefetch_ends(following, end_to_end_ ? size_ * task_.block.channels : size_);
    done_ = unaligned_head(at_.out[0], size_);
    if (done_ > 0) map_few<C>(op_, at_, done_, k_);
  }

  // The rest of the plane before channel c's, with the first elements of this one.
  __attribute__((always_inline)) void straddle(ptrdiff_t c, const Place<MapOp, T, T>& rest) {
    Vector<C> k[MapOp::coefficients];
    splat_coefficients<C, MapOp::coefficients>(task_.coefficients, c, k);
    const ptrdiff_t left = size_ - done_;
    if (left > 0) stream_straddling<C>(op_, rest, left, k_, k);
    done_ = left > 0 ? kStreamed<C, T> - left : 0;
    for (int j = 0; j < MapOp::coefficients; ++j) k_[j] = k[j];
  }

  __attribute__((always_inline)) ptrdiff_t end_of_vectors() const {
    if (streaming && ends_run_) {
      const ptrdiff_t lines = size_ - unaligned_tail(at_.out[0] + size_);
      return lines < done_ ? done_ : lines;
    }
    return done_ + (size_ - done_) / kStreamed<C, T> * kStreamed<C, T>;
  }

  MapOp op_;
  const MapTask& task_;
  MappedPlanes<MapOp, T, T> planes_;
  ptrdiff_t size_;
  bool end_to_end_, ends_run_ = false;
  Vector<C> k_[MapOp::coefficients];
  Place<MapOp, T, T> at_;
  ptrdiff_t done_ = 0;
  ReadOn<Op, T> wanted_;
};

// Reduces a plane and maps another in turns; the last one takes what is left, up to two. Turns are
// whole runs, so the sums are those of add_plane.
template <class C, class Op, class T, class Map>
BNFAST_INLINE void add_and_map_plane(ChannelSums& sums, const Op& op, const Inputs<Op, T>& at,
                                     ptrdiff_t n, const Vector<C>* c, Map& map) {
  for (ptrdiff_t i = 0; i < n;) {
    const bool last = n - i < 2 * kTurn<C, T>;
    const ptrdiff_t end = last ? n : i + kTurn<C, T>;
    ptrdiff_t left = end - i;
    const auto map_a_part = [&]() __attribute__((always_inline)) {
      map.turn(kRun<C> / kPasses<C>, false);
      left -= kRun<C> / kPasses<C>;
    };
    const auto ahead = map.ahead_of(at.at[0] + i);
    for (ptrdiff_t j = i; j < end; j += kRun<C>) {
      const ptrdiff_t m = end - j < kRun<C> ? end - j : kRun<C>;
      sums.add(sum_side_by_side<C>(op, at.plus(j), m, c, ahead, map_a_part));
    }
    map.turn(left, last);
    i = end;
  }
}

// What a fused kernel is given, but for what it maps.
template <class Op, class T>
struct Reduced {
  Op op;
  Block block;
  BlockInputs<Op, T> in, next;
  const void* const* coefficients;
};

// Planes that are taken in turns, as they lie in memory: the channels of an outer index in a row.
template <class C, class Op, class T, class Map>
BNFAST_INLINE void reduce_and_map_long_planes(const Reduced<Op, T>& of, double* first,
                                              double* second, Map& map) {
  const auto [outer, channels, inner] = of.block;
  BlockSums sums(of.block);
  for (ptrdiff_t o = 0; o < outer; ++o) {
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(of.coefficients, c, k);
      const Inputs<Op, T> plane = of.in.at(c, o);
      map.begin_plane(c, o, plane,
                      c + 1 < channels ? of.in.at(c + 1, o)
                      : o + 1 < outer  ? of.in.at(0, o + 1)
                                       : of.next.at(0, 0));
      add_and_map_plane<C>(sums.channel[c], of.op, plane, inner, k, map);
    }
  }
  sums.finish(of.block, first, second);
}

// Shorter planes: those of all channels at one outer index are a row.
template <class Op, class MapOp, class T, class C, bool streaming>
class RowsOfPlanes {
 public:
  RowsOfPlanes(const Reduced<Op, T>& of, const MapOp& map_op, const MapTask& task)
      : of_(of), map_op_(map_op), coefficients_(task.coefficients), mapped_(task.in, task.out) {}

  // A turn is a row; or, where a plane is but one step of a run, rows of a run.
  void run(double* first, double* second) const {
    const auto [outer, channels, inner] = of_.block;
    const bool steps = inner <= kLanes<C>, parts = steps && collide();
    const ptrdiff_t turn = !steps ? 1 : parts ? kFewSteps : kRunSteps;
    if (outer <= turn && inner <= kRun<C>) return run_once(first, second);
    const ptrdiff_t ahead = turn == 1 ? 2 : turn;
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
      stream_joined<C>(op, mapped.at(0, row), channels, inner, coefficients_,
                       ReadNext<Op, T>{wanted.at(0, o)});
      return;
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
};

template <class Op, class MapOp, class T, class C, bool streaming>
void reduce_and_map_by(const Reduced<Op, T>& of, const MapOp& map_op, const MapTask& task,
                       double* first, double* second) {
  if (of.block.inner >= kLeastInTurns<C, T, streaming>) {
    Mapper<Op, MapOp, C, streaming, T> map(map_op, task);
    reduce_and_map_long_planes<C>(of, first, second, map);
  } else {
    RowsOfPlanes<Op, MapOp, T, C, streaming>(of, map_op, task).run(first, second);
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
      (block.inner >= kLeastInTurns<C, T, true> || joined<C>(map_op, block, mapped));
  if (streams) {
    reduce_and_map_by<Op, MapOp, T, C, true>(of, map_op, task, first, second);
  } else {
    reduce_and_map_by<Op, MapOp, T, C, false>(of, map_op, task, first, second);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
