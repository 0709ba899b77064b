// What this machine and this process may use: caches, CPUs, and the environment's wishes.
#pragma once

#include <cstddef>

namespace bnfast {

struct CacheSizes {
  std::ptrdiff_t l1d, l2, l3;  // bytes; l3 is 0 where there is none
};

// As the system reports them, or modest defaults.
const CacheSizes& cache_sizes();

// CPUs in this process's affinity mask.
int affinity_cpus();

// CPUs' worth of time that the control group allows; 0: no limit.
double cgroup_cpus();

// Bytes of memory: the machine's, or what the control group allows of it. 0: unknown.
double usable_memory();

struct ThreadDefault {
  int threads;
  const char* source;  // what decided
};

// BNFAST_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs this process may use. Read once. Throws
// std::invalid_argument where BNFAST_NUM_THREADS is not a positive integer.
ThreadDefault environment_threads();

struct OutputCacheDefault {
  std::ptrdiff_t most_bytes;
  const char* source;  // what decided
};

// BNFAST_OUTPUT_CACHE, else 512 MB, or an eighth of the usable memory where that is less. Read
// once. Throws std::invalid_argument where BNFAST_OUTPUT_CACHE is not a number of bytes.
OutputCacheDefault environment_output_cache();

}  // namespace bnfast
