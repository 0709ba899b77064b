// How a pass will be run: a pure function of its shape, the machine's caches and the threads. No
// choice made here changes a bit of the result.
#pragma once

#include "core/collapse.hpp"
#include "dispatch/machine.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// What is asked for. Bytes per element: of all inputs, at least one, and of the output, 0 where
// there is none.
struct Work {
  Walk walk;
  ptrdiff_t outer, channels, inner;
  ptrdiff_t bytes_read, bytes_written;
  bool reduces;
  bool end_to_end;        // the output's planes of neighbouring channels lie so
  bool in_place = false;  // the output takes an input's memory
  bool images = false;    // of pixels, which are mapped row by row

  bool one_array() const { return bytes_read <= bytes_written; }
  ptrdiff_t elements() const { return outer * channels * inner; }
  ptrdiff_t bytes() const { return elements() * (bytes_read + bytes_written); }
  // What all arrays take of memory.
  ptrdiff_t footprint() const { return elements() * (bytes_read + (in_place ? 0 : bytes_written)); }
  // What is read of one channel at one outer index, and at all.
  ptrdiff_t plane() const { return inner * bytes_read; }
  ptrdiff_t slab() const { return outer * plane(); }
};

struct Schedule {
  int threads;
  Store store;
  // A map alone: where its output is streamed, one of so many pieces is, the others are stored.
  int pieces_per_streamed;
  // Of the planes walk:
  ptrdiff_t group;   // channels taken together
  bool shared;       // all threads work on one channel, each on a part of its slab
  bool interleaved;  // a slab is mapped while the next one is reduced; else right after its own
  bool held;         // all arrays lie in near caches
  // Where it streams, the map alone prefetches what will be reduced, if the vectors are AVX2's.
  bool map_reads_ahead;

  bool mixes_stores() const { return pieces_per_streamed > 1; }
  Store store_of(ptrdiff_t piece) const {
    return (piece + 1) % pieces_per_streamed == 0 ? store : Store::near;
  }
};

// Elements of a piece where some are streamed and others stored.
constexpr ptrdiff_t kMixedPieceElements = 32 * 1024;

Schedule schedule_for(const Work& work, const CacheSizes& caches, int threads);

}  // namespace bnfast
