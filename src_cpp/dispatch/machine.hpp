// What this machine and this process may use: caches, CPUs, and the environment's wishes.
#pragma once

#include <cstddef>

namespace bnfast {

struct CacheSizes {
  std::ptrdiff_t l1d, l2, l3;  // bytes; l3 is 0 where there is none
};

// As assumed, else as the system reports them, else modest defaults.
CacheSizes cache_sizes();

// Takes these for the sizes from now on, so that a pass can be run as on another machine. l2 is 0:
// the system's again.
void assume_cache_sizes(std::ptrdiff_t l2, std::ptrdiff_t l3);

// CPUs in this process's affinity mask.
int affinity_cpus();

// CPUs' worth of time that the control group allows; 0: no limit.
double cgroup_cpus();

// Bytes of memory: the machine's, or what the control group allows of it. 0: unknown.
double usable_memory();

struct ThreadDefault {
  int threads;         // 0: the wish is no positive integer
  const char* source;  // what decided
};

// BNFAST_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs this process may use. Read once.
ThreadDefault environment_threads();

struct OutputCacheDefault {
  std::ptrdiff_t most_bytes;  // negative: the wish is no number of bytes
  const char* source;         // what decided
};

// BNFAST_OUTPUT_CACHE, else 512 MB, or an eighth of the usable memory where that is less. Read
// once.
OutputCacheDefault environment_output_cache();

}  // namespace bnfast
