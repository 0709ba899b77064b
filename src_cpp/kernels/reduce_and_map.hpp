// The kernels that reduce one block and map another, a few KB of each in turn.
//
// Measured: memory is read and written at its full speed when all that the reduction will read next
// is prefetched while the map stores. Prefetched by the reduction itself, or read and stored in
// the same loop, the same work took a quarter more time (docs/performance.md).
#pragma once

#include "kernels/map.hpp"
#include "kernels/reduce_planes.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Elements that are reduced, then mapped, in turn: 4 KB, where one plane is that long.
template <class C, class T>
constexpr ptrdiff_t kTurn = 2 * kRun<C> * (sizeof(C) / sizeof(T));

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

// Maps a block's planes a turn at a time, and prefetches what will be wanted next.
template <class Op, class C, bool streaming, class T>
class Mapper {
 public:
  explicit Mapper(const MapTask& task) : task_(task), planes_(task.in, task.out) {}

  __attribute__((always_inline)) void begin_plane(ptrdiff_t c, ptrdiff_t o) {
    splat_coefficients<Op, C>(task_.coefficients, c, k_);
    x_ = planes_.x(c, o);
    dy_ = planes_.dy(c, o);
    y_ = planes_.y(c, o);
    left_ = task_.block.inner;
    const ptrdiff_t head = streaming ? unaligned_head<C>(y_, left_) : 0;
    if (head > 0) few(head);
  }

  // For a reduction that begins its turn at x: prefetches what this turn will write.
  __attribute__((always_inline)) auto ahead_of(const T* x) const {
    return write_ahead<streaming>(x, y_);
  }

  // Maps about n elements of the plane; all that are left where `last`.
  __attribute__((always_inline)) void turn(ptrdiff_t n, bool last, const T* next_x,
                                           const T* next_dy) {
    constexpr ptrdiff_t group = 4 * kWidth<C>;
    const ptrdiff_t whole = (last || n > left_ ? left_ : n) / group * group;
    // A local copy: a store might alias this object, and all would be loaded again after each.
    Vector<C> k[Op::coefficients];
    for (int j = 0; j < Op::coefficients; ++j) k[j] = k_[j];
    const ReadNext<Op, T> next = {next_x, next_dy};
    map_vectors<Op, C, streaming>(x_, dy_, y_, 0, whole, k, next);
    next.touch(whole);
    advance(whole);
    if (last) few(left_);
  }

 private:
  __attribute__((always_inline)) void few(ptrdiff_t n) {
    map_few<Op, C>(x_, dy_, y_, n, k_);
    advance(n);
  }
  __attribute__((always_inline)) void advance(ptrdiff_t n) {
    x_ += n;
    dy_ += n;
    y_ += n;
    left_ -= n;
  }

  const MapTask& task_;
  MappedPlanes<Op, T, T> planes_;
  Vector<C> k_[Op::coefficients];
  const T *x_, *dy_;
  T* y_;
  ptrdiff_t left_;
};

// Reduces a plane and maps another in turns; the last one takes what is left, up to two. Turns are
// whole runs, so the sums are those of add_plane. next_x, next_dy: the plane after.
template <class Op, class T, class C, class Map>
BNFAST_INLINE void add_and_map_plane(ChannelSums& sums, const T* x, const T* dy, ptrdiff_t n,
                                     C shift, Map& map, const T* next_x, const T* next_dy) {
  for (ptrdiff_t i = 0; i < n;) {
    const bool last = n - i < 2 * kTurn<C, T>;
    const ptrdiff_t end = last ? n : i + kTurn<C, T>;
    for (ptrdiff_t j = i; j < end; j += kRun<C>) {
      const ptrdiff_t m = end - j < kRun<C> ? end - j : kRun<C>;
      sums.add(sum_side_by_side<Op>(x + j, dy + j, m, shift, map.ahead_of(x + i)));
    }
    map.turn(end - i, last, last ? next_x : x + end, last ? next_dy : dy + end);
    i = end;
  }
}

// Planes longer than a turn.
template <class Op, class T, class C, class Map>
void reduce_and_map_long_planes(const Block& block, const Input* in, const C* shift, double* first,
                                double* second, Map& map, const Input* next) {
  BlockSums sums(block);
  for (ptrdiff_t c = 0; c < block.channels; ++c) {
    const ChannelPlanes<Op, T> planes(in, c), after(next, c);
    for (ptrdiff_t o = 0; o < block.outer; ++o) {
      const bool last = o + 1 == block.outer;
      map.begin_plane(c, o);
      add_and_map_plane<Op>(sums.channel[c], planes.x_plane(o), planes.dy_plane(o), block.inner,
                            shift[c], map, last ? after.x_plane(0) : planes.x_plane(o + 1),
                            last ? after.dy_plane(0) : planes.dy_plane(o + 1));
    }
  }
  sums.finish(block, first, second);
}

// Planes shorter than a turn: those of all channels at one outer index are a row.
template <class Op, class MapOp, class T, class C, bool streaming>
class RowsOfPlanes {
 public:
  RowsOfPlanes(const Block& block, const Input* in, const C* shift, const MapTask& task,
               const Input* next)
      : block_(block),
        in_(in),
        shift_(shift),
        task_(task),
        next_(next),
        mapped_(task.in, task.out) {}

  // A turn is a row; or, where a plane is but one step of a run, the rows of a run.
  void run(double* first, double* second) {
    const bool steps = block_.inner <= kLanes<C>;
    const ptrdiff_t turn = steps ? kRunSteps : 1;
    if (block_.outer <= turn && block_.inner <= kRun<C>) return run_once(steps, first, second);
    BlockSums sums(block_);
    for (ptrdiff_t o = 0; o < block_.outer; o += turn) {
      const ptrdiff_t end = o + turn < block_.outer ? o + turn : block_.outer;
      for (ptrdiff_t c = 0; c < block_.channels; ++c) {
        if (steps) {
          sums.channel[c].add(sums_of_steps(c, o, end));
        } else {
          add_plane_of(c, o, sums.channel[c]);
        }
      }
      for (ptrdiff_t row = o; row < end; ++row) map(row, row + turn, row - o);
    }
    sums.finish(block_, first, second);
  }

 private:
  // Where each channel is one run.
  void run_once(bool steps, double* first, double* second) const {
    for (ptrdiff_t c = 0; c < block_.channels; ++c) {
      RunSums sums = steps ? sums_of_steps(c, 0, block_.outer) : sums_of_plane(c);
      first[c] = total(sums.first);
      second[c] = total(sums.second);
    }
    for (ptrdiff_t row = 0; row < block_.outer; ++row) map(row, block_.outer, row);
  }

  __attribute__((always_inline)) RunSums sums_of_steps(ptrdiff_t c, ptrdiff_t begin,
                                                       ptrdiff_t end) const {
    const ChannelPlanes<Op, T> planes(in_, c);
    const auto ahead = write_ahead<streaming>(planes.x_plane(begin), mapped_.y(c, begin),
                                              task_.out.outer - planes.x_outer);
    return sum_short_planes(planes, begin, end, block_.inner, shift_[c], ahead);
  }

  __attribute__((always_inline)) RunSums sums_of_plane(ptrdiff_t c) const {
    const ChannelPlanes<Op, T> planes(in_, c);
    return sum_side_by_side<Op>(planes.x_plane(0), planes.dy_plane(0), block_.inner, shift_[c],
                                write_ahead<streaming>(planes.x_plane(0), mapped_.y(c, 0)));
  }

  void add_plane_of(ptrdiff_t c, ptrdiff_t o, ChannelSums& sums) const {
    const ChannelPlanes<Op, T> planes(in_, c);
    const T *x = planes.x_plane(o), *dy = planes.dy_plane(o);
    const auto ahead = write_ahead<streaming>(x, mapped_.y(c, o));
    for (ptrdiff_t i = 0; i < block_.inner; i += kRun<C>) {
      const ptrdiff_t n = block_.inner - i < kRun<C> ? block_.inner - i : kRun<C>;
      sums.add(sum_side_by_side<Op>(x + i, dy + i, n, shift_[c], ahead));
    }
  }

  // Maps a row and prefetches another: row `following`, or behind the last row `behind` of the next
  // block.
  void map(ptrdiff_t row, ptrdiff_t following, ptrdiff_t behind) const {
    const Input* wanted = following < block_.outer ? in_ : next_;
    const ptrdiff_t o = following < block_.outer ? following : behind;
    const MappedPlanes<MapOp, T, T> next(wanted, task_.out);
    if constexpr (streaming) {
      stream_joined<MapOp, C>(mapped_.x(0, row), mapped_.dy(0, row), mapped_.y(0, row),
                              block_.channels, block_.inner, task_.coefficients,
                              ReadNext<MapOp, T>{next.x(0, o), next.dy(0, o)});
      return;
    }
    const MappedPlanes<MapOp, T, T> mapped = mapped_;
    const auto [outer, channels, inner] = block_;
    for (ptrdiff_t c = 0; c < channels; ++c) {
      Vector<C> k[MapOp::coefficients];
      splat_coefficients<MapOp, C>(task_.coefficients, c, k);
      map_plane<MapOp, C>(mapped.x(c, row), mapped.dy(c, row), mapped.y(c, row), inner, k,
                          ReadNext<MapOp, T>{next.x(c, o), next.dy(c, o)});
    }
  }

  const Block& block_;
  const Input* in_;
  const C* shift_;
  const MapTask& task_;
  const Input* next_;
  MappedPlanes<MapOp, T, T> mapped_;
};

template <class Op, class MapOp, class T, class C, bool streaming>
void reduce_and_map_by(const Block& block, const Input* in, const C* shift, double* first,
                       double* second, const MapTask& task, const Input* next) {
  if (block.inner >= kTurn<C, T>) {
    Mapper<MapOp, C, streaming, T> map(task);
    reduce_and_map_long_planes<Op, T>(block, in, shift, first, second, map, next);
  } else {
    RowsOfPlanes<Op, MapOp, T, C, streaming>(block, in, shift, task, next).run(first, second);
  }
}

template <class Op, class MapOp, class T, class C>
void reduce_and_map_planes(const Block& block, const Input* in, const void* shift, double* first,
                           double* second, const MapTask& task, const Input* next) {
  const C* k = static_cast<const C*>(shift);
  const bool streams =
      task.store == Store::streaming && streamable<MapOp, C, T, T>(block, task.in, task.out) &&
      (block.inner >= kTurn<C, T> || joined<MapOp, C, T, T>(block, task.in, task.out));
  if (streams) {
    reduce_and_map_by<Op, MapOp, T, C, true>(block, in, k, first, second, task, next);
  } else {
    reduce_and_map_by<Op, MapOp, T, C, false>(block, in, k, first, second, task, next);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
