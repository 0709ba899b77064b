#include "core/kept_memory.hpp"

#include <atomic>
#include <cstdlib>

namespace bnfast {
namespace {

// Less is few pages; of more, a few pieces would be much for a process to hold.
constexpr std::size_t kLeast = std::size_t{64} << 10, kMost = std::size_t{2} << 20;
constexpr unsigned kSlots = 16;  // more than a call takes
constexpr std::size_t kLine = 64;

bool is_kept(std::size_t bytes) { return bytes >= kLeast && bytes <= kMost; }

// malloc, which is the faster, where its alignment is enough.
void* allocated(std::size_t bytes, std::size_t alignment) {
  return alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, bytes)
                                               : std::malloc(bytes);
}

// Begins the memory, what is taken lies behind it.
struct alignas(kLine) Block {
  std::size_t room;

  bool serves(std::size_t bytes) const { return room / 2 <= bytes && bytes <= room; }
};

Block* new_block(std::size_t bytes) {
  const std::size_t room = (bytes + kLine - 1) / kLine * kLine;
  auto* const made = static_cast<Block*>(std::aligned_alloc(kLine, sizeof(Block) + room));
  if (made) made->room = room;
  return made;
}

// A block belongs to the slot that names it or to whoever has taken it out: no lock is needed.
std::atomic<Block*> slots[kSlots];
std::atomic<unsigned> turn{0};

void keep(Block* block) {
  for (auto& slot : slots) {
    Block* none = nullptr;
    if (slot.compare_exchange_strong(none, block)) return;
  }
  std::free(slots[turn.fetch_add(1) % kSlots].exchange(block));
}

Block* kept_block(std::size_t bytes) {
  for (auto& slot : slots) {
    Block* const found = slot.load() ? slot.exchange(nullptr) : nullptr;
    if (!found) continue;
    if (found->serves(bytes)) return found;
    keep(found);
  }
  return nullptr;
}

}  // namespace

void* take_memory(std::size_t bytes, std::size_t alignment) noexcept {
  if (!is_kept(bytes)) return allocated(bytes, alignment);
  Block* const kept = kept_block(bytes);
  Block* const block = kept ? kept : new_block(bytes);
  return block ? block + 1 : nullptr;
}

void give_memory_back(void* data, std::size_t bytes) noexcept {
  if (!data || !is_kept(bytes)) return std::free(data);
  keep(static_cast<Block*>(data) - 1);
}

std::ptrdiff_t empty_kept_memory() noexcept {
  std::ptrdiff_t freed = 0;
  for (auto& slot : slots) {
    Block* const block = slot.exchange(nullptr);
    if (block) freed += static_cast<std::ptrdiff_t>(block->room);
    std::free(block);
  }
  return freed;
}

}  // namespace bnfast
