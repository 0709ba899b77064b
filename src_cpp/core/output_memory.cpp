#include "core/output_memory.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "dispatch/machine.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#define BNFAST_MAPS_MEMORY
#endif

namespace bnfast {
namespace {

using std::ptrdiff_t;

constexpr ptrdiff_t kSmallest = 16 << 20;  // below, malloc itself keeps what is freed
constexpr size_t kMostBlocks = 16;

#if defined(BNFAST_MAPS_MEMORY)

constexpr ptrdiff_t kHugePage = 2 << 20;

ptrdiff_t whole_pages(ptrdiff_t bytes) {
  static const ptrdiff_t page = sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

void unmap(char* data, ptrdiff_t bytes) noexcept {
  if (bytes > 0) munmap(data, static_cast<size_t>(bytes));
}

void unmap(OutputBlock block) noexcept { unmap(static_cast<char*>(block.data), block.bytes); }

// Maps more than is asked for, and cuts off what lies before and after an aligned block.
OutputBlock mapped(ptrdiff_t bytes) {
  bytes = whole_pages(bytes);
  const ptrdiff_t room = bytes + kHugePage;
  void* const whole = mmap(nullptr, static_cast<size_t>(room), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED) return {};
  char* const begin = static_cast<char*>(whole);
  const auto past = static_cast<ptrdiff_t>(reinterpret_cast<size_t>(begin) % kHugePage);
  char* const data = begin + (kHugePage - past) % kHugePage;
  unmap(begin, data - begin);
  unmap(data + bytes, begin + room - (data + bytes));
#if defined(MADV_HUGEPAGE)
  madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
  return {data, bytes};
}

// Lets the system take these pages if it runs short; until then they keep what they hold.
void mark_as_dispensable(OutputBlock block) noexcept {
#if defined(MADV_FREE)
  madvise(block.data, static_cast<size_t>(block.bytes), MADV_FREE);
#endif
}

#else

void unmap(OutputBlock) noexcept {}
OutputBlock mapped(ptrdiff_t) { return {}; }
void mark_as_dispensable(OutputBlock) noexcept {}

#endif

struct Kept {
  OutputBlock block;
  bool dispensable;
};

// Blocks that nobody uses. The newest, which a loop of calls takes again at once, stays as it is:
// marking costs a fifth of what it takes to compute a result. The others are marked as dispensable.
class OutputCache {
 public:
  OutputCache() { oldest_first_.reserve(kMostBlocks + 1); }

  bool on() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return most_bytes() > 0;
  }

  // The smallest block that holds the result and exceeds it by an eighth at most, or none.
  OutputBlock take(ptrdiff_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto best = oldest_first_.end();
    for (auto kept = oldest_first_.begin(); kept != oldest_first_.end(); ++kept) {
      const ptrdiff_t has = kept->block.bytes;
      const bool fits = has >= bytes && has <= bytes + bytes / 8;
      if (fits && (best == oldest_first_.end() || has < best->block.bytes)) best = kept;
    }
    if (best == oldest_first_.end()) return {};
    const OutputBlock found = best->block;
    oldest_first_.erase(best);
    held_ -= found.bytes;
    return found;
  }

  void keep(OutputBlock block) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (block.bytes > most_bytes()) return unmap(block);
    mark_newest();
    oldest_first_.push_back({block, false});  // within what is reserved
    held_ += block.bytes;
    drop_beyond(most_bytes());
  }

  ptrdiff_t empty() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const ptrdiff_t freed = held_;
    drop_beyond(0);
    return freed;
  }

  void set_most_bytes(ptrdiff_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    chosen_ = std::max<ptrdiff_t>(bytes, -1);
    drop_beyond(most_bytes());
  }

  OutputCacheState state() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {most_bytes(), held_, chosen_ >= 0};
  }

  // Around a fork: the child must find the cache whole, and what it would recycle it would have to
  // copy first.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void unlock_in_child() {
    drop_beyond(0);
    mutex_.unlock();
  }

 private:
  ptrdiff_t most_bytes() const {
    return chosen_ >= 0 ? chosen_ : environment_output_cache().most_bytes;
  }
  void mark_newest() noexcept {
    if (oldest_first_.empty() || oldest_first_.back().dispensable) return;
    mark_as_dispensable(oldest_first_.back().block);
    oldest_first_.back().dispensable = true;
  }
  void drop_beyond(ptrdiff_t bytes) noexcept {
    while (held_ > bytes || oldest_first_.size() > kMostBlocks) {
      held_ -= oldest_first_.front().block.bytes;
      unmap(oldest_first_.front().block);
      oldest_first_.erase(oldest_first_.begin());
    }
  }

  std::mutex mutex_;
  std::vector<Kept> oldest_first_;
  ptrdiff_t held_ = 0;
  ptrdiff_t chosen_ = -1;
};

OutputCache* new_cache();

// Never destroyed: arrays may be freed while the process ends.
OutputCache& cache() {
  static OutputCache* const only = new_cache();
  return *only;
}

OutputCache* new_cache() {
#if defined(BNFAST_MAPS_MEMORY)
  pthread_atfork([] { cache().lock(); }, [] { cache().unlock(); },
                 [] { cache().unlock_in_child(); });
#endif
  return new OutputCache;
}

}  // namespace

OutputBlock take_output_block(ptrdiff_t bytes) {
  if (bytes < kSmallest || !cache().on()) return {};
  const OutputBlock kept = cache().take(bytes);
  if (kept.data) return kept;
  const OutputBlock fresh = mapped(bytes);
  return fresh.data || empty_output_cache() == 0 ? fresh : mapped(bytes);
}

void give_back(OutputBlock block) noexcept { cache().keep(block); }

ptrdiff_t empty_output_cache() { return cache().empty(); }

void set_output_cache(ptrdiff_t most_bytes) { cache().set_most_bytes(most_bytes); }

OutputCacheState output_cache_state() { return cache().state(); }

}  // namespace bnfast
