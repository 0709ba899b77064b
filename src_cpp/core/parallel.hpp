// Threads. The only user of OpenMP is parallel.cpp.
#pragma once

#include <atomic>
#include <cstddef>

namespace bnfast {

// Where a team meets. Whoever waits spins for some microseconds and then lets others run: a wait is
// short unless the machine is busy, and the OpenMP runtime's own barrier may sleep at once.
class Meeting {
 public:
  void wait(int members);

 private:
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> round_{0};
};

// The threads that run one body together.
struct Team {
  int rank;
  int size;
  Meeting* meeting;

  // Waits for the whole team. Every member must come by equally often.
  void barrier() const {
    if (size > 1) meeting->wait(size);
  }

  // This member's share of `tasks`, in contiguous parts: [begin, end).
  std::ptrdiff_t begin(std::ptrdiff_t tasks) const { return tasks * rank / size; }
  std::ptrdiff_t end(std::ptrdiff_t tasks) const { return tasks * (rank + 1) / size; }
};

// Runs body(context, team) once in each of at most `threads` threads, the caller's among them, and
// returns when all are done. The body must not throw. After a fork, a child whose parent had
// already used threads runs alone: the parent's pool does not exist there.
void run_team(int threads, void (*body)(void* context, const Team&), void* context);

template <class Body>
void run_team(int threads, Body&& body) {
  run_team(
      threads, [](void* context, const Team& team) { (*static_cast<Body*>(context))(team); },
      &body);
}

// The default for calls that name no number: what was set, else what the environment allows.
// set_default_threads(0) returns to the environment's.
void set_default_threads(int threads);
int default_threads();
bool default_threads_set();

// The version date of the OpenMP that the library was compiled with; 0 without OpenMP.
int openmp_version();

}  // namespace bnfast
