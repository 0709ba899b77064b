// Values found out on first use.
#pragma once

#include <atomic>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define BNFAST_HAS_PTHREAD_ONCE
#endif

namespace bnfast {

// What find() returned the first time. From any thread; without the guard of a function's static
// variable, which would call the C++ library's runtime.
// Static, for the variables of other templates' functions are unique in a whole process.
template <auto find>
static const auto& found_once() {
  static decltype(find()) value{};
  static std::atomic<bool> found{false};
  if (found.load(std::memory_order_acquire)) return value;
  const auto set = [] {
    value = find();
    found.store(true, std::memory_order_release);
  };
#if defined(BNFAST_HAS_PTHREAD_ONCE)
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, set);
#else
  set();
#endif
  return value;
}

}  // namespace bnfast
