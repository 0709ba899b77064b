// Planes reduced and mapped in turn: of long ones a few KB, of short ones a plane.
#pragma once

#include "kernels/reduced.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Elements that are reduced, then mapped, in turn, where a plane is long: 2 KB, whole runs. Narrow
// vectors, which pass over a run several times, map a part of it after each pass.
template <class C, class T>
constexpr ptrdiff_t kTurn = kRun<C> * (sizeof(C) / sizeof(T));
// The shortest planes that are taken so: streamed stores, which wait for memory, have the runs'
// reads to go on with if they come a part at a time.
template <class C, class T, bool streaming>
constexpr ptrdiff_t kLeastInTurns = streaming ? kTurn<C, T> / 4 * 3 : kTurn<C, T> * 2;
// The shortest that are streamed where they do not lie end to end.
template <class C, class T>
constexpr ptrdiff_t kLeastStreamedAlone = kTurn<C, T> / 2 * 3;

// How far ahead the reduction's next reads are prefetched, in turns: into L1 soon, into L2 next. Of
// planes shorter than that whole planes: those that hold a turn soon, and next twice as many or,
// where they are shorter than a turn, four times.
constexpr ptrdiff_t kSoon = 1, kNext = 2, kNextOfShort = 4;

template <class C, class T>
constexpr ptrdiff_t planes_soon(ptrdiff_t plane) {
  return (kTurn<C, T> + plane - 1) / plane;
}
template <class C, class T>
constexpr ptrdiff_t planes_next(ptrdiff_t plane) {
  if (plane < kTurn<C, T>) return planes_soon<C, T>(plane) * kNextOfShort;
  return plane < kNext * kTurn<C, T> ? kNext : 1;
}
// The elements of so many turns, but no more than a plane. What is left of the plane is whole parts
// of a turn, each of which is prefetched from one plane.
template <class C, class T>
constexpr ptrdiff_t turns_ahead(ptrdiff_t turns, ptrdiff_t plane) {
  constexpr ptrdiff_t part = kTurn<C, T> / kPasses<C>;
  const ptrdiff_t wanted = turns * kTurn<C, T>;
  return wanted < plane ? plane - (plane - wanted) / part * part : plane;
}

// The planes of a block as they lie in memory, then those of the next block.
template <class Op, class T>
class PlanesInOrder {
 public:
  explicit PlanesInOrder(const Reduced<Op, T>& of)
      : at_(of.in), next_(of.next), channels_(of.block.channels), outer_(of.block.outer) {}

  void skip(ptrdiff_t planes) {
    for (ptrdiff_t i = 0; i < planes; ++i) take();
  }
  Inputs<Op, T> take() {
    const Inputs<Op, T> plane = at_.at(c_, o_);
    if (++c_ == channels_) {
      c_ = 0;
      if (++o_ == outer_) {
        o_ = 0;
        at_ = next_;
      }
    }
    return plane;
  }

 private:
  BlockInputs<Op, T> at_, next_;
  ptrdiff_t channels_, outer_, c_ = 0, o_ = 0;
};

// The plane that is reduced, one that soon will be, and one that will be later.
template <class Op, class T>
struct Coming {
  Inputs<Op, T> now, soon, next;
};

// Maps a block's planes a turn at a time, and prefetches what the reduction, Op, will want soon
// and, where it stores through the caches, next; where it streams, the reduction prefetches that,
// or nobody does. Of its state one number changes from turn to turn: what is stored waits behind
// streamed stores. Planes that are streamed and lie end to end are one run of vectors, as in
// map_joined.
template <class Op, class MapOp, class C, PlanesAre how, class T>
class Mapper {
 public:
  Mapper(const MapOp& op, const MapTask& task)
      : op_(op),
        task_(task),
        planes_(task.in, task.out),
        size_(task.block.inner),
        end_to_end_(streaming && joined<C>(op, task.block, planes_)),
        at_(planes_.at(0, 0)) {}

  // coming: what is reduced meanwhile, and afterwards.
  __attribute__((always_inline)) void begin_plane(ptrdiff_t c, ptrdiff_t o,
                                                  const Coming<Op, T>& coming) {
    const auto [now, soon, next] = coming;
    soon_ = read_on<Op>(now, soon, size_, turns_ahead<C, T>(kSoon, size_));
    next_ = read_on<Op>(now, next, size_, turns_ahead<C, T>(kNext, size_));
    const Place<MapOp, T, T> rest = at_.plus(done_);
    at_ = planes_.at(c, o);
    ends_run_ = !end_to_end_ || c + 1 == task_.block.channels;
    if (end_to_end_ && c > 0) return straddle(c, rest);
    splat_coefficients<C, MapOp::coefficients>(task_.coefficients, c, k_);
    done_ = 0;
    if constexpr (streaming) begin_run(planes_.at(c, o + 1).out[0]);
  }

  // What a reduction prefetches that begins its turn at element i of a plane.
  __attribute__((always_inline)) auto ahead_of(const Inputs<Op, T>& plane, ptrdiff_t i) const {
    if constexpr (how == PlanesAre::streamed) {
      return read_ahead(plane, next_.from(i));
    } else if constexpr (streaming) {
      return ReadNothing{};
    } else {
      return write_ahead(plane.at[0] + i, at_.out[0] + done_);
    }
  }

  // Maps the next n elements of the plane, whole vectors; all that are left where `last`, but for
  // fewer than a vector if the next plane follows on.
  __attribute__((always_inline)) void turn(ptrdiff_t n, bool last) {
    const ptrdiff_t end = last || n > size_ - done_ ? end_of_vectors() : done_ + n;
    const ReadSoon<Op, T> soon{soon_.from(done_)};
    if constexpr (streaming) {
      map_vectors<C, true>(op_, at_, done_, end, k_, soon);
    } else {
      const ReadBoth<Op, T> both{{next_.from(done_)}, soon};
      map_vectors<C, false>(op_, at_, done_, end, k_, both);
    }
    done_ = end;
    if (last && ends_run_) map_few<C>(op_, at_.plus(done_), size_ - done_, k_);
  }

 private:
  static constexpr bool streaming = are_streamed(how);

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
    if (left > 0) map_straddling<C, streaming>(op_, rest, left, k_, k);
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
  ReadOn<Op, T> next_, soon_;
};

// Reduces a plane and maps another in turns; the last one takes what is left, up to one and a half.
// Turns are whole runs, so the sums are those of add_plane.
template <class C, class Op, class T, class Map>
BNFAST_INLINE void add_and_map_plane(ChannelSums& sums, const Op& op, const Inputs<Op, T>& at,
                                     ptrdiff_t n, const Vector<C>* c, Map& map) {
  for (ptrdiff_t i = 0; i < n;) {
    const bool last = n - i < kTurn<C, T> / 2 * 3;
    const ptrdiff_t end = last ? n : i + kTurn<C, T>;
    ptrdiff_t left = end - i;
    const auto map_a_part = [&]() __attribute__((always_inline)) {
      map.turn(kRun<C> / kPasses<C>, false);
      left -= kRun<C> / kPasses<C>;
    };
    const auto ahead = map.ahead_of(at, i);
    for (ptrdiff_t j = i; j < end; j += kRun<C>) {
      const ptrdiff_t m = end - j < kRun<C> ? end - j : kRun<C>;
      sums.add(sum_side_by_side<C>(op, at.plus(j), m, c, ahead, map_a_part));
    }
    map.turn(left, last);
    i = end;
  }
}

// Planes that are taken in turns, as they lie in memory: the channels of an outer index in a row.
template <class C, class Op, class T, class Map>
BNFAST_INLINE void reduce_and_map_in_turns(const Reduced<Op, T>& of, double* first, double* second,
                                           Map& map) {
  const auto [outer, channels, inner] = of.block;
  BlockSums sums(of.block);
  PlanesInOrder<Op, T> planes(of), soon(of), next(of);
  soon.skip(planes_soon<C, T>(inner));
  next.skip(planes_next<C, T>(inner));
  for (ptrdiff_t o = 0; o < outer; ++o) {
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[Op::coefficients];
      splat_coefficients<C, Op::coefficients>(of.coefficients, c, k);
      const Inputs<Op, T> plane = planes.take();
      map.begin_plane(c, o, {plane, soon.take(), next.take()});
      add_and_map_plane<C>(sums.channel[c], of.op, plane, inner, k, map);
    }
  }
  sums.finish(of.block, first, second);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
