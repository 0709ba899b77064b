// Memory of a call. The core needs nothing of the C++ library's runtime, so that it also links into
// programs that have none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/kept_memory.hpp"

namespace bnfast {

using std::ptrdiff_t;

// How a call ends. What it needs is allocated before it writes to any array of the caller's, but
// where it makes two passes: the second may want memory when the first has written y.
enum class [[nodiscard]] Outcome { done, out_of_memory };

enum class Fill { nothing, zeros };

// So many values, whose constructors are not run. Move only.
template <class T>
class Memory {
  static_assert(std::is_trivially_destructible<T>::value, "no destructor is run");
  static_assert(alignof(T) <= 64, "what memory can be aligned to");

 public:
  Memory() = default;
  explicit Memory(ptrdiff_t count, Fill fill = Fill::nothing)
      : values_(count > 0 ? allocated(count, fill) : nullptr), count_(count) {}
  Memory(Memory&& other) noexcept
      : values_(std::exchange(other.values_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(values_, other.values_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Memory() { give_memory_back(values_, bytes_of(count_)); }

  // The system had not so much to give: nothing may be read or written.
  bool failed() const { return count_ > 0 && !values_; }

  ptrdiff_t size() const { return count_; }
  T* data() { return values_; }
  const T* data() const { return values_; }
  T& operator[](ptrdiff_t i) { return values_[i]; }
  const T& operator[](ptrdiff_t i) const { return values_[i]; }
  T* begin() { return values_; }
  T* end() { return values_ + count_; }
  const T* begin() const { return values_; }
  const T* end() const { return values_ + count_; }

 private:
  static size_t bytes_of(ptrdiff_t count) { return static_cast<size_t>(count) * sizeof(T); }
  static T* allocated(ptrdiff_t count, Fill fill) {
    if (count > PTRDIFF_MAX / ptrdiff_t{sizeof(T)}) return nullptr;
    void* const found = take_memory(bytes_of(count), alignof(T));
    if (found && fill == Fill::zeros) std::memset(found, 0, bytes_of(count));
    return static_cast<T*>(found);
  }

  T* values_ = nullptr;
  ptrdiff_t count_ = 0;
};

}  // namespace bnfast
