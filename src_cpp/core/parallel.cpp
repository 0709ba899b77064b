#include "core/parallel.hpp"

#include "dispatch/machine.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sched.h>
#endif

namespace bnfast {
namespace {

std::atomic<int> chosen_threads{0};

constexpr int kSpins = 4000;

// Tells the core that this is a waiting loop.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Lets other threads run.
void yield() {
#if defined(__unix__) || defined(__APPLE__)
  sched_yield();
#endif
}

}  // namespace

void set_default_threads(int threads) { chosen_threads = threads; }
bool default_threads_set() { return chosen_threads > 0; }
int default_threads() {
  const int chosen = chosen_threads;
  return chosen > 0 ? chosen : environment_threads().threads;
}

void Meeting::wait(int members) {
  const unsigned round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
    if (spins < kSpins) {
      relax();
    } else {
      yield();
    }
  }
}

#if defined(_OPENMP)

namespace {

std::atomic<bool> threads_used{false};
std::atomic<bool> orphaned{false};

void note_first_use() {
  if (threads_used.exchange(true)) return;
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { orphaned = true; });
#endif
}

}  // namespace

void run_team(int threads, void (*body)(void*, const Team&), void* context) {
  Meeting meeting;
  if (threads <= 1 || orphaned) return body(context, Team{0, 1, &meeting});
  note_first_use();
#pragma omp parallel num_threads(threads)
  body(context, Team{omp_get_thread_num(), omp_get_num_threads(), &meeting});
}

int openmp_version() { return _OPENMP; }

#else

void run_team(int, void (*body)(void*, const Team&), void* context) {
  Meeting meeting;
  body(context, Team{0, 1, &meeting});
}

int openmp_version() { return 0; }

#endif

}  // namespace bnfast
