// Tasks divided among the threads of a team: each works through a share of its own, far from the
// others' in memory, and helps out in another share when its own is done.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "core/memory.hpp"

namespace bnfast {

class Shares {
 public:
  Shares(std::ptrdiff_t tasks, int members) : share_(members) {
    for (int m = 0; m < members && !failed(); ++m) {
      new (&share_[m]) Share{{tasks * m / members}, tasks * (m + 1) / members};
    }
  }
  bool failed() const { return share_.failed(); }

  static constexpr std::ptrdiff_t kNone = -1;

  // A task that nobody has claimed before, or kNone when all are taken.
  std::ptrdiff_t claim(int rank) {
    const std::ptrdiff_t members = share_.size();
    for (std::ptrdiff_t i = 0; i < members; ++i) {
      Share& share = share_[(rank + i) % members];
      if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
      const std::ptrdiff_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task < share.end) return task;
    }
    return kNone;
  }

 private:
  struct alignas(64) Share {  // a cache line each: owners do not disturb one another
    std::atomic<std::ptrdiff_t> next;
    std::ptrdiff_t end;
  };
  Memory<Share> share_;
};

}  // namespace bnfast
