// The kernels for images: one channel of a run of pixels, or all channels side by side.
#pragma once

#include "kernels/pixel_types.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Of wide numbers, which keep the memory busier than their arithmetic keeps the core.
template <class T>
BNFAST_INLINE void read_ahead(const T* x) {
  constexpr ptrdiff_t bytes = 2048;
  if (sizeof(T) >= 4) prefetch(reinterpret_cast<const char*>(x) + bytes);
}

// n numbers that lie `step` bytes apart, laid side by side; and back.
template <class T>
BNFAST_INLINE void gather(const char* from, ptrdiff_t step, ptrdiff_t n, T* to) {
#pragma GCC unroll 8
  for (ptrdiff_t i = 0; i < n; ++i) memcpy(to + i, from + i * step, sizeof(T));
}
template <class U>
BNFAST_INLINE void scatter(const U* from, ptrdiff_t n, char* to, ptrdiff_t step) {
#pragma GCC unroll 8
  for (ptrdiff_t i = 0; i < n; ++i) memcpy(to + i * step, from + i, sizeof(U));
}

// Numbers before y is aligned for streaming, at most n.
template <class U>
BNFAST_INLINE ptrdiff_t lot_head(const U* y, ptrdiff_t n) {
  constexpr uintptr_t bytes = sizeof(typename Rounded<U>::type);
  const uintptr_t past = reinterpret_cast<uintptr_t>(y) % bytes;
  if (past % sizeof(U) != 0) return n;
  const ptrdiff_t head = past == 0 ? 0 : static_cast<ptrdiff_t>((bytes - past) / sizeof(U));
  return head < n ? head : n;
}

template <class Map>
using MapCoefficients = decltype(splat_lot(typename Map::Compute()));

template <class T, class U>
class ChannelMap {
 public:
  typedef typename MapOf<T>::type Map;

  explicit __attribute__((always_inline)) ChannelMap(const void* coefficients) {
    const auto* c = static_cast<const typename Map::Compute*>(coefficients);
#pragma GCC unroll 8
    for (int j = 0; j < Map::coefficients; ++j) c_[j] = splat_lot(c[j]);
  }
  __attribute__((always_inline)) typename Rounded<U>::type operator()(Lot<T> x) const {
    return Rounded<U>::of(Map::apply(x, c_));
  }

 private:
  MapCoefficients<Map> c_[Map::coefficients];
};

// Whole lots whose numbers lie side by side, then what is left of n.
template <bool streaming, class T, class U>
BNFAST_INLINE void map_side_by_side(const T* x, U* y, ptrdiff_t n, const ChannelMap<T, U>& map) {
  ptrdiff_t i = 0;
  for (; i + kLot <= n; i += kLot) {
    read_ahead(x + i);
    put_lot<streaming>(y + i, map(load_lot(x + i)));
  }
  if (i == n) return;
  T rest[kLot] = {};
  memcpy(rest, x + i, static_cast<size_t>(n - i) * sizeof(T));
  const auto found = map(load_lot(rest));
  memcpy(y + i, &found, static_cast<size_t>(n - i) * sizeof(U));
}

// Numbers of x that lie apart, by way of a buffer.
template <class T, class U>
BNFAST_INLINE void map_gathered(const char* x, ptrdiff_t step, U* y, ptrdiff_t n,
                                const ChannelMap<T, U>& map) {
  T gathered[kMostPixels];
  gather(x, step, n, gathered);
  map_side_by_side<false>(gathered, y, n, map);
}

// Numbers of x that lie apart, spread in a register. Returns how many are done: whole lots only,
// and none whose load would pass the end.
template <class Spreading, bool streaming, class T, class U>
BNFAST_INLINE ptrdiff_t map_spread(const PixelRun& run, ptrdiff_t begin, U* y,
                                   const ChannelMap<T, U>& map) {
  const Spreading spread(sizeof(T), run.in_step);
  const char* x = run.in + begin * run.in_step;
  ptrdiff_t i = begin;
  for (; i + kLot <= run.pixels && spread.reaches(x, run.in_end); i += kLot) {
    put_lot<streaming>(y + i, map(lot_of(spread.load(x), T())));
    x += kLot * run.in_step;
  }
  return i;
}

template <bool streaming, class T, class U>
BNFAST_INLINE void map_to_row(const PixelRun& run, U* y, const ChannelMap<T, U>& map) {
  const ptrdiff_t head = streaming ? lot_head(y, run.pixels) : 0;
  if (head > 0) map_gathered(run.in, run.in_step, y, head, map);
  const char* x = run.in + head * run.in_step;
  if (run.in_step == sizeof(T)) {
    return map_side_by_side<streaming>(reinterpret_cast<const T*>(x), y + head, run.pixels - head,
                                       map);
  }
  ptrdiff_t done = head;
  if constexpr (sizeof(T) <= 4) {
    if (Spread::serves(sizeof(T), run.in_step)) {
      done = map_spread<Spread, streaming>(run, head, y, map);
    } else if (FarSpread::serves(sizeof(T), run.in_step)) {
      done = map_spread<FarSpread, streaming>(run, head, y, map);
    }
  }
  if (done < run.pixels) {
    map_gathered(run.in + done * run.in_step, run.in_step, y + done, run.pixels - done, map);
  }
}

template <class T, class U>
void map_channel(const PixelRun& run) {
  const ChannelMap<T, U> map(run.coefficients);
  if (run.out_step != sizeof(U)) {
    U row[kMostPixels];
    map_to_row<false>(run, row, map);
    scatter(row, run.pixels, run.out, run.out_step);
  } else if (kStreams && run.store == Store::streaming) {
    map_to_row<true>(run, reinterpret_cast<U*>(run.out), map);
  } else {
    map_to_row<false>(run, reinterpret_cast<U*>(run.out), map);
  }
}

// Coefficients that repeat from pixel to pixel.
template <class T, class U>
class PatternMap {
 public:
  typedef typename MapOf<T>::type Map;

  explicit PatternMap(const InterleavedRun& run)
      : pattern_(static_cast<const typename Map::Compute*>(run.coefficients)), pitch_(run.pitch) {}
  // phase: the first number's place in the pattern.
  __attribute__((always_inline)) typename Rounded<U>::type operator()(Lot<T> x,
                                                                      ptrdiff_t phase) const {
    MapCoefficients<Map> c[Map::coefficients];
#pragma GCC unroll 8
    for (int j = 0; j < Map::coefficients; ++j) {
      c[j] = load_coefficients(pattern_ + j * pitch_ + phase);
    }
    return Rounded<U>::of(Map::apply(x, c));
  }

 private:
  const typename Map::Compute* pattern_;
  ptrdiff_t pitch_;
};

// Fewer numbers than a lot.
template <class T, class U>
BNFAST_INLINE void map_some(const T* x, U* y, ptrdiff_t n, const PatternMap<T, U>& map,
                            ptrdiff_t phase) {
  T some[kLot] = {};
  memcpy(some, x, static_cast<size_t>(n) * sizeof(T));
  const auto found = map(load_lot(some), phase);
  memcpy(y, &found, static_cast<size_t>(n) * sizeof(U));
}

template <bool streaming, class T, class U>
BNFAST_INLINE void map_numbers(const InterleavedRun& run) {
  const PatternMap<T, U> map(run);
  const T* x = reinterpret_cast<const T*>(run.in);
  U* y = reinterpret_cast<U*>(run.out);
  const ptrdiff_t n = run.numbers, period = run.channels * kPatternPixels;
  ptrdiff_t i = streaming ? lot_head(y, n) : 0, phase = i % run.channels;
  const bool aligned = i < kLot;
  if (i > 0 && aligned) map_some(x, y, i, map, 0);
  if (!aligned) i = phase = 0;
  for (; i + kLot <= n; i += kLot) {
    read_ahead(x + i);
    if (streaming && aligned) {
      put_lot<true>(y + i, map(load_lot(x + i), phase));
    } else {
      put_lot<false>(y + i, map(load_lot(x + i), phase));
    }
    phase += kLot;
    if (phase >= period) phase -= period;
  }
  if (i < n) map_some(x + i, y + i, n - i, map, phase);
}

template <class T, class U>
void map_interleaved(const InterleavedRun& run) {
  if (kStreams && run.store == Store::streaming) {
    map_numbers<true, T, U>(run);
  } else {
    map_numbers<false, T, U>(run);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
