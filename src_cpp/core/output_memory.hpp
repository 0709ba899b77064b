// Memory of large results: whole pages of the system's own, huge ones where it has them, and those
// of freed results kept for the next ones. A fresh page costs more than computing what it holds.
#pragma once

#include <cstddef>

namespace bnfast {

struct OutputBlock {
  void* data = nullptr;  // aligned to 2 MB
  std::ptrdiff_t bytes = 0;
};

// Memory for a result of so many bytes; what lies in it is any earlier result's, or zeros. No data
// where the result should be allocated as any other array is: it is small, the cache is switched
// off, or the system has nothing to give.
OutputBlock take_output_block(std::ptrdiff_t bytes);

// Keeps the block for a result that fills most of it, and drops the oldest ones beyond the bound.
// Of what is kept, all but the newest the system may take back when it runs short. From any thread.
void give_back(OutputBlock block) noexcept;

// Returns the bytes given back to the system.
std::ptrdiff_t empty_output_cache();

// The most that is kept in this process. 0 switches the cache off; a negative number returns to the
// environment's default.
void set_output_cache(std::ptrdiff_t most_bytes);

struct OutputCacheState {
  std::ptrdiff_t most_bytes, held_bytes;
  bool set;  // by set_output_cache
};
OutputCacheState output_cache_state();

}  // namespace bnfast
