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
template <class C>
constexpr ptrdiff_t kTurn = 2 * kRun<C>;

// How a Mapper writes: through the caches, past them, or past them by way of a stage.
enum class Way { stored, streamed, staged };

// Maps a block a turn at a time, and prefetches what will be wanted next.
template <class Op, class C, Way way, class T>
class Mapper {
 public:
  explicit Mapper(const MapTask& task) : task_(task) {}

  __attribute__((always_inline)) void begin_plane(ptrdiff_t c, ptrdiff_t o) {
    for (int j = 0; j < Op::coefficients; ++j) {
      k_[j] = splat(static_cast<const C*>(task_.coefficients[j])[c]);
    }
    x_ = reinterpret_cast<const T*>(at(task_.in[0], c, o));
    dy_ = Op::inputs == 2 ? reinterpret_cast<const T*>(at(task_.in[1], c, o)) : x_;
    left_ = task_.block.inner;
    T* row = way == Way::staged ? stage_[at_].buffer_for(y_row(o)) : y_row(o);
    y_ = reinterpret_cast<T*>(reinterpret_cast<char*>(row) + c * task_.out.channel);
    const ptrdiff_t head = way == Way::streamed ? unaligned_head(y_, left_) : 0;
    if (head > 0) few(head);
  }

  // After the planes of all channels at one outer index.
  __attribute__((always_inline)) void end_row(ptrdiff_t o) {
    if (way != Way::staged) return;
    end_block();
    waiting_ = o;
    at_ = 1 - at_;
  }

  // The row staged last waits until the next one is mapped: its stores have reached the cache then.
  __attribute__((always_inline)) void end_block() {
    if (way != Way::staged || waiting_ < 0) return;
    stage_[1 - at_].stream_to(y_row(waiting_), task_.block.channels * task_.block.inner);
  }

  // Maps about n elements of the plane; all that are left where `last`.
  __attribute__((always_inline)) void turn(ptrdiff_t n, bool last, const T* next_x,
                                           const T* next_dy) {
    constexpr ptrdiff_t group = 4 * kWidth<C>;
    const ptrdiff_t whole = (last || n > left_ ? left_ : n) / group * group;
    // Local copies: a store might alias this object, and all would be loaded again after each.
    const T *x = x_, *dy = dy_;
    T* y = y_;
    Vector<C> k[Op::coefficients];
    for (int j = 0; j < Op::coefficients; ++j) k[j] = k_[j];
    for (ptrdiff_t i = 0; i < whole; i += group) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const ptrdiff_t at = i + v * kWidth<C>;
        if (v * BNFAST_VECTOR_BYTES % 64 == 0) {
          prefetch(next_x + at);
          if (Op::inputs == 2) prefetch(next_dy + at);
        }
        put<C, way == Way::streamed>(y + at, map_vector<Op, C>(x + at, dy + at, k));
      }
    }
    prefetch(next_x + whole);
    if (Op::inputs == 2) prefetch(next_dy + whole);
    advance(whole);
    if (last) few(left_);
  }

 private:
  template <class Array>
  __attribute__((always_inline)) static const char* at(const Array& array, ptrdiff_t c,
                                                       ptrdiff_t o) {
    return array.data + o * array.outer + c * array.channel;
  }
  __attribute__((always_inline)) T* y_row(ptrdiff_t o) const {
    return reinterpret_cast<T*>(task_.out.data + o * task_.out.outer);
  }
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
  Vector<C> k_[Op::coefficients];
  const T *x_, *dy_;
  T* y_;
  ptrdiff_t left_;
  Stage<T> stage_[2];
  int at_ = 0;
  ptrdiff_t waiting_ = -1;
};

// Reduces a plane and maps another in turns; the last one takes what is left, up to two. Turns are
// whole runs, so the sums are those of add_plane. next_x, next_dy: the plane after.
template <class Op, class T, class C, class Map>
BNFAST_INLINE void add_and_map_plane(Accumulator<Op, C>& sums, const T* x, const T* dy, ptrdiff_t n,
                                     C shift, Map& map, const T* next_x, const T* next_dy) {
  for (ptrdiff_t i = 0; i < n;) {
    const bool last = n - i < 2 * kTurn<C>;
    const ptrdiff_t end = last ? n : i + kTurn<C>;
    for (ptrdiff_t j = i; j < end; j += kRun<C>) {
      const ptrdiff_t m = end - j < kRun<C> ? end - j : kRun<C>;
      add(sums, x + j, Op::inputs == 2 ? dy + j : dy, m, shift, NoReadAhead{});
    }
    map.turn(end - i, last, last ? next_x : x + end, last ? next_dy : dy + end);
    i = end;
  }
}

// Planes longer than a turn.
template <class Op, class T, class C, class Map>
void reduce_and_map_long_planes(const Block& block, const Input* in, const C* shift, double* first,
                                double* second, Map& map, const Input* next) {
  BlockSums<Op, C> sums(block);
  for (ptrdiff_t c = 0; c < block.channels; ++c) {
    const ChannelPlanes<Op, T> planes(in, c), after(next, c);
    for (ptrdiff_t o = 0; o < block.outer; ++o) {
      const bool last = o + 1 == block.outer;
      map.begin_plane(c, o);
      add_and_map_plane(sums.channel[c], planes.x_plane(o), planes.dy_plane(o), block.inner,
                        shift[c], map, last ? after.x_plane(0) : planes.x_plane(o + 1),
                        last ? after.dy_plane(0) : planes.dy_plane(o + 1));
    }
  }
  sums.finish(block, first, second);
}

// Maps the planes of one outer index, and prefetches those of another.
template <class Op, class T, class Map>
BNFAST_INLINE void map_channels(const Block& block, ptrdiff_t o, Map& map, const Input* next,
                                ptrdiff_t next_o) {
  for (ptrdiff_t c = 0; c < block.channels; ++c) {
    const ChannelPlanes<Op, T> after(next, c);
    map.begin_plane(c, o);
    map.turn(block.inner, true, after.x_plane(next_o), after.dy_plane(next_o));
  }
  map.end_row(o);
}

// Planes shorter than a turn: the channels of one outer index are a turn.
template <class Op, class T, class C, class Map>
void reduce_and_map_rows_of_planes(const Block& block, const Input* in, const C* shift,
                                   double* first, double* second, Map& map, const Input* next) {
  BlockSums<Op, C> sums(block);
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      const ChannelPlanes<Op, T> planes(in, c);
      const T *x = planes.x_plane(o), *dy = planes.dy_plane(o);
      for (ptrdiff_t i = 0; i < block.inner; i += kRun<C>) {
        const ptrdiff_t m = block.inner - i < kRun<C> ? block.inner - i : kRun<C>;
        add(sums.channel[c], x + i, dy + i, m, shift[c], NoReadAhead{});
      }
    }
    map_channels<Op, T>(block, o, map, o + 1 == block.outer ? next : in,
                        o + 1 == block.outer ? 0 : o + 1);
  }
  sums.finish(block, first, second);
}

// Short planes are taken block by block: the next block is prefetched while this one is mapped.
template <class Op, class T, class Map>
void map_short_planes(const Block& block, Map& map, const Input* next) {
  for (ptrdiff_t o = 0; o < block.outer; ++o) map_channels<Op, T>(block, o, map, next, o);
}

template <class Op, class MapOp, class T, class C, Way way>
void reduce_and_map_by(const Block& block, const Input* in, const C* shift, double* first,
                       double* second, const MapTask& task, const Input* next) {
  Mapper<MapOp, C, way, T> map(task);
  if (block.inner <= kLanes<C>) {
    reduce_short_planes<Op, T>(block, in, shift, first, second);
    map_short_planes<Op, T>(block, map, next);
  } else if (block.inner < kTurn<C>) {
    reduce_and_map_rows_of_planes<Op, T>(block, in, shift, first, second, map, next);
  } else {
    reduce_and_map_long_planes<Op, T>(block, in, shift, first, second, map, next);
  }
  map.end_block();
}

template <class Op, class MapOp, class T, class C>
void reduce_and_map_planes(const Block& block, const Input* in, const void* shift, double* first,
                           double* second, const MapTask& task, const Input* next) {
  const C* k = static_cast<const C*>(shift);
  const ptrdiff_t row = block.channels * block.inner * static_cast<ptrdiff_t>(sizeof(T));
  const bool streams = task.store == Store::streaming && reachable<T>(task.out);
  if (streams && stageable<T>(block, task.out) && row <= Stage<T>::kBytes) {
    reduce_and_map_by<Op, MapOp, T, C, Way::staged>(block, in, k, first, second, task, next);
  } else if (streams) {
    reduce_and_map_by<Op, MapOp, T, C, Way::streamed>(block, in, k, first, second, task, next);
  } else {
    reduce_and_map_by<Op, MapOp, T, C, Way::stored>(block, in, k, first, second, task, next);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
