// Memory of calls that later calls take again. A page that the system gives anew costs more than
// computing what it holds, and malloc may return what a call frees to the system each time.
#pragma once

#include <cstddef>

namespace bnfast {

// So many bytes, a multiple of their alignment, which is 64 at most; what lies in them is any
// earlier call's. Null: the system has not so many. They may be given back from any thread, with
// the bytes that were asked for.
void* take_memory(std::size_t bytes, std::size_t alignment) noexcept;
void give_memory_back(void* data, std::size_t bytes) noexcept;

// Returns the bytes given back to the system.
std::ptrdiff_t empty_kept_memory() noexcept;

}  // namespace bnfast
