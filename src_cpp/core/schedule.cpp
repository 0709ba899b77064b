#include "core/schedule.hpp"

#include <algorithm>
#include <numeric>

#include "core/pieces.hpp"

namespace bnfast {
namespace {

constexpr ptrdiff_t kKB = 1024, kMB = 1024 * kKB;

// Below this much to move per thread, another one costs more than it saves.
constexpr ptrdiff_t kBytesPerThreadOfRows = 128 * kKB, kBytesPerThreadOfMaps = 256 * kKB;
// Setting the coefficients of a map takes as long as moving so many bytes per channel.
constexpr ptrdiff_t kBytesPerChannelOfMaps = 256;
// Where threads reduce channels of their own there is more to do per byte. But their parts meet
// once per outer index, and while all lies in the caches each such place costs as much time as
// moving so many bytes (docs/experiments.md).
constexpr ptrdiff_t kBytesPerThreadOfPlanes = 64 * kKB;
constexpr ptrdiff_t kBytesPerMeeting = 30 * kKB;
constexpr ptrdiff_t kMostBytesPerThread = 832 * kKB;

// Where all arrays of a pass together take more memory, its output is stored past the caches: it
// would not stay there, and a store that bypasses them does not read the line first.
constexpr ptrdiff_t kStreamingBytes = 16 * kMB;
// Up to there last caches may hold the arrays, from the pass or the call before. Maps of planes
// alone that several threads share gain by that, and so does what is stored in place, whose lines
// have been read: one array, and several that threads share as rows (docs/experiments.md).
constexpr ptrdiff_t kStreamingBytesLater = 32 * kMB;

// Shorter planes can be streamed only if those of neighbouring channels lie end to end: half a line
// is slow to stream.
constexpr ptrdiff_t kStreamingPlane = 1 * kKB;

// Of planes shorter than this, so many channels are taken together. Streamed, their planes at one
// outer index shall be whole cache lines; the shortest are reduced a run of planes at a time, and
// the runs of a few channels fill L1.
constexpr ptrdiff_t kShortPlane = 4 * kKB;
constexpr ptrdiff_t kShortestPlane = 512;
constexpr ptrdiff_t kShortestGroup = 4;
constexpr ptrdiff_t kLineBytes = 64;
// With a near cache, which the slabs then lie in, so many streamed planes of these lengths are read
// in a row: one alone is less than a page, and what the CPU prefetches behind it is another
// channel's. Not of several arrays that the cache holds in good part, for L2 does not hold four
// slabs of each.
constexpr ptrdiff_t kLeastPlaneOfRow = 3 * kKB;
constexpr ptrdiff_t kPlanesOfRow = 4;
// Of small slabs, and of others in a near cache, so many channels that beginning a group costs
// little beside it, but enough groups for the threads to share.
constexpr ptrdiff_t kSmallSlab = 16 * kKB;
constexpr ptrdiff_t kGroupsPerThread = 4;
// Of what is only read no cache need hold a slab: so much is read in a row.
constexpr ptrdiff_t kReadRow = 64 * kKB;

// A last cache up to this size is near, one of a few cores, who read it several times as fast as
// memory (AMD EPYC); a larger one is spread over many cores and no faster (Intel Xeon with 480 MB).
constexpr ptrdiff_t kMostNearL3 = 32 * kMB;

bool is_near(const CacheSizes& caches) { return caches.l3 <= kMostNearL3; }

// CPUs with a smaller L2 were measured to want other stores and prefetches: one with 512 KB (AMD
// Zen 3), one with 1 MB (Zen 4). The size need not be the cause: it tells them apart.
constexpr ptrdiff_t kLeastLargeL2 = 1 * kMB;

bool has_small_l2(const CacheSizes& caches) { return caches.l2 < kLeastLargeL2; }

// Planes read as fast as they lie; of one array that is held, too; and with a small L2 those of
// several images that are longer than a step of a run of float32 (docs/experiments.md).
constexpr ptrdiff_t kLeastNearPlane = 2 * kKB, kLeastHeldPlane = 512;
constexpr ptrdiff_t kElementsOfStep = 64;
constexpr ptrdiff_t kMostNearSlab = 32 * kKB;

ptrdiff_t bytes_per_thread(const Work& work) {
  if (!work.reduces) return kBytesPerThreadOfMaps;
  if (work.walk == Walk::rows) return kBytesPerThreadOfRows;
  return std::min(kBytesPerThreadOfPlanes + work.outer * kBytesPerMeeting, kMostBytesPerThread);
}

int threads_for(const Work& work, int threads) {
  const ptrdiff_t of_channels = work.reduces ? 0 : work.channels * kBytesPerChannelOfMaps;
  const ptrdiff_t most = (work.bytes() + of_channels) / bytes_per_thread(work);
  return static_cast<int>(std::clamp<ptrdiff_t>(most, 1, std::max(threads, 1)));
}

bool reads_planes_in_rows(const Work& work, ptrdiff_t plane, const CacheSizes& caches) {
  const bool several_in_good_part = !work.one_array() && work.footprint() <= caches.l3 * 3 / 2;
  return is_near(caches) && !several_in_good_part && plane >= kLeastPlaneOfRow &&
         plane < kShortPlane;
}

bool maps_one_array(const Work& work) { return !work.reduces && work.one_array(); }

// Whether it is a map of one array in several threads that a near cache could just hold.
bool could_be_held(const Work& work, const CacheSizes& caches, int threads) {
  if (threads == 1 || work.in_place || work.images || !maps_one_array(work)) return false;
  const ptrdiff_t room = work.walk == Walk::rows ? caches.l3 * 7 / 8 : caches.l3;
  return is_near(caches) && work.footprint() <= room;
}

// Whether some of the output of such a map is stored even where it is streamed. Memory takes what
// is streamed at one speed or at half of it, from one minute to the next, and others take their
// part of the cache. Streaming all and storing all are each slower in some minutes, and neither is
// much faster in any; but rows had better all be streamed where they leave no room, and all be
// stored where they do with a small L2 (docs/experiments.md).
bool mixes_stores(const Work& work, const CacheSizes& caches, int threads) {
  return could_be_held(work, caches, threads) && !(work.walk == Walk::rows && has_small_l2(caches));
}

// The planes walk writes what it has prefetched while it read, and a map of one array what it
// prefetches for writing: through the caches they keep up with memory as long as a good part of the
// last one holds all.
ptrdiff_t most_bytes_through_caches(const Work& work, const CacheSizes& caches, int threads) {
  const bool keeps_up = work.reduces ? work.walk == Walk::planes : maps_one_array(work);
  const bool maps_planes = !work.reduces && work.walk == Walk::planes;
  const bool reduces_rows = work.reduces && work.walk == Walk::rows;
  const bool later = (work.in_place && work.one_array()) ||
                     (threads > 1 && (maps_planes || (work.in_place && reduces_rows)));
  if (mixes_stores(work, caches, threads)) return std::max(kStreamingBytes, caches.l3 * 5 / 8);
  if (could_be_held(work, caches, threads)) return kStreamingBytesLater;
  const ptrdiff_t least = later ? kStreamingBytesLater : kStreamingBytes;
  return keeps_up ? std::max(least, caches.l3 / 6) : least;
}

Store store_for(const Work& work, const CacheSizes& caches, int threads) {
  const bool whole_lines = work.walk == Walk::rows || work.end_to_end ||
                           work.inner * work.bytes_written >= kStreamingPlane;
  const bool large = work.footprint() >= most_bytes_through_caches(work, caches, threads);
  const bool streams = work.bytes_written > 0 && large && whole_lines;
  if (streams) return Store::streaming;
  return is_near(caches) ? Store::near : Store::ordinary;
}

int pieces_per_streamed(const Work& work, Store store, const CacheSizes& caches, int threads) {
  if (store != Store::streaming || !mixes_stores(work, caches, threads)) return 1;
  return work.walk == Walk::planes ? 4 : 2;
}

// Whether all arrays lie in a last cache that is near; whether they do even if others use it.
bool lies_in_near_l3(const Work& work, const CacheSizes& caches) {
  return is_near(caches) && work.footprint() <= caches.l3 / 2;
}
bool is_held(const Work& work, const CacheSizes& caches) {
  return is_near(caches) && work.footprint() <= caches.l3 / 3;
}

// Whether they lie there, with planes long enough to be read as fast as they lie: then a slab is
// mapped at once, for no memory waits to be read meanwhile.
bool read_as_it_lies(const Work& work, const CacheSizes& caches) {
  if (!lies_in_near_l3(work, caches)) return false;
  const bool held = work.one_array() && is_held(work, caches);
  const bool with_small_l2 = has_small_l2(caches) && work.outer > 1 && work.inner > kElementsOfStep;
  return work.plane() >= (held ? kLeastHeldPlane : kLeastNearPlane) || with_small_l2;
}

// A slab of one plane in the nearest cache, with all arrays in the next one. Of the shortest planes
// a group is one slab, and of several planes each is far from the next: neither gains.
bool lies_in_l2(const Work& work, const CacheSizes& caches, int threads) {
  return work.outer == 1 && work.plane() >= kLeastNearPlane && work.slab() <= kMostNearSlab &&
         work.footprint() <= caches.l2 * threads;
}

// What the slabs of a group may take: of a near cache as much as L2 holds, all of it or, where one
// group is mapped while the next is reduced, a third.
ptrdiff_t room_for_group(const Work& work, const CacheSizes& caches) {
  if (work.bytes_written == 0) return work.outer * kReadRow;
  if (!lies_in_near_l3(work, caches)) return kSmallSlab;
  return read_as_it_lies(work, caches) ? caches.l2 : caches.l2 / 3;
}

ptrdiff_t group_for(const Work& work, Store store, const CacheSizes& caches, int threads) {
  const ptrdiff_t item = std::clamp<ptrdiff_t>(work.bytes_written, 1, 4);
  const bool streams = store == Store::streaming;
  const bool shortest = !streams && work.plane() <= kShortestPlane;
  const ptrdiff_t run = streams ? work.inner * item : work.plane();
  const bool in_rows = streams && reads_planes_in_rows(work, run, caches);
  const ptrdiff_t by_plane =
      in_rows ? kPlanesOfRow : std::min(kShortPlane / run, shortest ? kShortestGroup : kMaxGroup);
  const ptrdiff_t by_slab = std::min(room_for_group(work, caches) / work.slab(),
                                     work.channels / (kGroupsPerThread * threads));
  const ptrdiff_t most = std::clamp(std::max(by_plane, by_slab), ptrdiff_t{1}, kMaxGroup);
  const ptrdiff_t lines = kLineBytes / std::gcd(kLineBytes, work.inner * item);
  return std::min(most < lines ? most : most / lines * lines, work.channels);
}

// What two slabs may take of the caches, for each thread: one that is reduced, one that is mapped.
ptrdiff_t room_for_slabs(const CacheSizes& caches, ptrdiff_t of_l2, int threads) {
  return std::max(of_l2, is_near(caches) ? caches.l3 / 2 / threads : 0);
}

}  // namespace

Schedule schedule_for(const Work& work, const CacheSizes& caches, int threads) {
  threads = threads_for(work, threads);
  const Store store = store_for(work, caches, threads);
  const int streamed = pieces_per_streamed(work, store, caches, threads);
  Schedule schedule{threads, store, streamed, 1, false, false, false, false};
  if (work.walk == Walk::rows || work.elements() == 0) return schedule;
  const ptrdiff_t group = group_for(work, schedule.store, caches, threads);
  const bool idle = ceil_div(work.channels, group) < 2 * threads;
  const auto fit = [&](ptrdiff_t slabs, ptrdiff_t of_l2) {
    return slabs <= room_for_slabs(caches, of_l2, threads);
  };
  schedule.shared = threads > 1 && (idle || !fit(2 * work.slab(), caches.l2 * 3 / 4));
  schedule.group = schedule.shared ? 1 : group;
  const bool at_once = read_as_it_lies(work, caches) || lies_in_l2(work, caches, threads);
  const ptrdiff_t at_hand = schedule.shared ? work.slab() / threads : work.slab() * group;
  schedule.interleaved = !at_once && fit(2 * at_hand, caches.l2);
  schedule.held = is_held(work, caches);
  schedule.map_reads_ahead = has_small_l2(caches);
  return schedule;
}

}  // namespace bnfast
