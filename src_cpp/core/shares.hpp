// Tasks divided among the threads of a team: each works through a share of its own, far from the
// others' in memory, and helps out in another share when its own is done.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "core/pieces.hpp"

namespace bnfast {

// How tasks are claimed. A claim waits until the core's stores are done, so small tasks shall be
// claimed several at a time. And what a thread had in the last call lies in its own caches, so a
// few small tasks are left to it even if it starts late.
struct Claims {
  ptrdiff_t most;  // tasks of a claim
  ptrdiff_t left;  // tasks of another's share that are not worth helping
};
constexpr Claims kLargeTasks{1, 0}, kSmallTasks{32, 4};

// Elements of a small task, and of one of a map alone: small maps have one task for each thread.
constexpr ptrdiff_t kSmallTaskElements = 8 * 1024;
inline ptrdiff_t elements_of_task(ptrdiff_t elements, int threads) {
  constexpr ptrdiff_t small_share = 256 * 1024;
  if (threads == 1) return elements;
  const ptrdiff_t share = ceil_div(elements, threads);
  return share <= small_share ? share : kSmallTaskElements;
}

class Shares {
 public:
  Shares(ptrdiff_t tasks, int members, Claims claims)
      : tasks_(tasks),
        claims_(members > kMost ? kLargeTasks : claims),
        count_(std::min(members, kMost)) {
    refill();
  }
  ptrdiff_t tasks() const { return tasks_; }
  bool undivided() const { return count_ == 1; }

  // All tasks once more. Nobody may be claiming meanwhile.
  void refill() {
    ptrdiff_t begin = 0;
    for (int i = 0; i < count_; ++i) {
      share_[i].next.store(begin, std::memory_order_relaxed);
      begin = share_[i].end = undivided() ? tasks_ : tasks_ * (i + 1) / count_;
    }
  }

  // Tasks that nobody has claimed before, [begin, end); none when all are taken.
  struct Tasks {
    ptrdiff_t begin, end;
  };

  // Half of what is left of a share, but no more than may be claimed at once. `claiming`: the
  // members that there are; the shares of others are nobody's own.
  Tasks claim(int rank, int claiming) {
    for (int i = 0; i < count_; ++i) {
      const int at = (rank + i) % count_;
      Share& share = share_[at];
      const ptrdiff_t left = i > 0 && at < claiming ? claims_.left : 0;
      ptrdiff_t begin = share.next.load(std::memory_order_relaxed);
      while (share.end - begin > left) {
        const ptrdiff_t end = begin + std::min(ceil_div(share.end - begin, 2), claims_.most);
        if (share.next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) {
          return {begin, end};
        }
      }
    }
    return {0, 0};
  }

  // The same where large tasks are shared, which are claimed one by one.
  static constexpr ptrdiff_t kNone = -1;
  ptrdiff_t claim_one(int rank, int claiming) {
    const Tasks one = claim(rank, claiming);
    return one.begin < one.end ? one.begin : kNone;
  }

 private:
  static constexpr int kMost = 32;  // more members have one share for several, and large tasks
  struct alignas(64) Share {        // a cache line each: owners do not disturb one another
    std::atomic<ptrdiff_t> next;
    ptrdiff_t end;
  };
  ptrdiff_t tasks_;
  Claims claims_;
  int count_;
  Share share_[kMost];
};

// Runs run(task, n), of n tasks from one on, until all that this member claims are done; n is
// `at_once` at most.
template <class Run>
void for_claimed(Shares& shares, int rank, int claiming, ptrdiff_t at_once, Run&& run) {
  const auto run_all = [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t t = begin; t < end; t += at_once) run(t, std::min(at_once, end - t));
  };
  if (shares.undivided()) return run_all(0, shares.tasks());
  for (auto own = shares.claim(rank, claiming); own.begin < own.end;
       own = shares.claim(rank, claiming)) {
    run_all(own.begin, own.end);
  }
}

}  // namespace bnfast
