// Tasks divided among the threads of a team: each works through a share of its own, far from the
// others' in memory, and helps out in another share when its own is done.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace bnfast {

class Shares {
 public:
  Shares(std::ptrdiff_t tasks, int members) : share_(static_cast<size_t>(members)) {
    for (int m = 0; m < members; ++m) {
      share_[static_cast<size_t>(m)].next = tasks * m / members;
      share_[static_cast<size_t>(m)].end = tasks * (m + 1) / members;
    }
  }

  static constexpr std::ptrdiff_t kNone = -1;

  // A task that nobody has claimed before, or kNone when all are taken.
  std::ptrdiff_t claim(int rank) {
    const size_t members = share_.size();
    for (size_t i = 0; i < members; ++i) {
      Share& share = share_[(static_cast<size_t>(rank) + i) % members];
      if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
      const std::ptrdiff_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task < share.end) return task;
    }
    return kNone;
  }

 private:
  struct alignas(64) Share {  // a cache line each: owners do not disturb one another
    std::atomic<std::ptrdiff_t> next{0};
    std::ptrdiff_t end = 0;
  };
  std::vector<Share> share_;
};

}  // namespace bnfast
