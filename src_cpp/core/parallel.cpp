#include "core/parallel.hpp"

#include <algorithm>
#include <atomic>

#include "dispatch/machine.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace bnfast {
namespace {

// Below this much to move per thread, waking a thread costs more than it saves.
constexpr std::ptrdiff_t kBytesPerThread = 128 * 1024;

std::atomic<int> chosen_threads{0};
std::atomic<bool> threads_used{false};
std::atomic<bool> orphaned{false};

void note_first_use() {
  if (threads_used.exchange(true)) return;
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { orphaned = true; });
#endif
}

}  // namespace

void set_default_threads(int threads) { chosen_threads = threads; }
bool default_threads_set() { return chosen_threads > 0; }
int default_threads() {
  const int chosen = chosen_threads;
  return chosen > 0 ? chosen : environment_threads().threads;
}

int worthwhile_threads(int threads, std::ptrdiff_t bytes) {
  return static_cast<int>(
      std::clamp<std::ptrdiff_t>(bytes / kBytesPerThread, 1, std::max(threads, 1)));
}

#if defined(_OPENMP)

void Team::barrier() const {
  if (size == 1) return;
#pragma omp barrier
}

void run_team(int threads, void (*body)(void*, const Team&), void* context) {
  if (threads <= 1 || orphaned) return body(context, Team{0, 1});
  note_first_use();
#pragma omp parallel num_threads(threads)
  body(context, Team{omp_get_thread_num(), omp_get_num_threads()});
}

int openmp_version() { return _OPENMP; }

#else

void Team::barrier() const {}

void run_team(int, void (*body)(void*, const Team&), void* context) { body(context, Team{0, 1}); }

int openmp_version() { return 0; }

#endif

}  // namespace bnfast
