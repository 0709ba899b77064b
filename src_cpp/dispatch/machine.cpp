#include "dispatch/machine.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "dispatch/cgroup.hpp"
#include "dispatch/environment.hpp"
#include "dispatch/once.hpp"
#include "dispatch/system_files.hpp"

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace bnfast {
namespace {

constexpr CacheSizes kModest{32 * 1024, 512 * 1024, 0};

std::atomic<std::ptrdiff_t> assumed_l2{0}, assumed_l3{0};

// A line of a file that tells about a cache of the first CPU.
void read_cache(int index, const char* file, Text& line) {
  Text path;
  print(path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, file);
  read_line(path, line);
}

// "48K" or "32M" in bytes; 0 where there is nothing to read.
std::ptrdiff_t bytes_of(const Text& size) {
  char* unit = nullptr;
  const std::ptrdiff_t value = std::strtol(size, &unit, 10);
  return value * (*unit == 'K' ? 1024 : *unit == 'M' ? 1024 * 1024 : 1);
}

CacheSizes read_cache_sizes() {
  CacheSizes found{0, 0, 0};
  for (int i = 0; i < 8; ++i) {
    Text level, type, size;
    read_cache(i, "level", level);
    read_cache(i, "type", type);
    read_cache(i, "size", size);
    if (level[0] == '1' && std::strcmp(type, "Data") == 0) found.l1d = bytes_of(size);
    if (level[0] == '2') found.l2 = bytes_of(size);
    if (level[0] == '3') found.l3 = bytes_of(size);
  }
  return {found.l1d ? found.l1d : kModest.l1d, found.l2 ? found.l2 : kModest.l2, found.l3};
}

double machine_memory() {
#if defined(_SC_PHYS_PAGES)
  return std::max(0.0, static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                           static_cast<double>(sysconf(_SC_PAGESIZE)));
#else
  return 0;
#endif
}

double read_usable_memory() { return tighter(machine_memory(), cgroup_memory_limit()); }

// "268435456", "256M"; K, M and G are powers of 1024. Negative for anything else.
std::ptrdiff_t bytes_named(const char* text) {
  constexpr const char* units = "KMG";
  constexpr double most = 1LL << 50;
  if (!std::isdigit(static_cast<unsigned char>(*text))) return -1;
  char* end = nullptr;
  const auto count = static_cast<double>(std::strtoll(text, &end, 10));
  const char* const unit = *end ? std::strchr(units, *end) : nullptr;
  if (*end && (!unit || end[1])) return -1;
  const double bytes = unit ? count * std::exp2(10 * (unit - units + 1)) : count;
  return bytes <= most ? static_cast<std::ptrdiff_t>(bytes) : -1;
}

OutputCacheDefault read_environment_output_cache() {
  if (const char* wish = environment_wish("BNFAST_OUTPUT_CACHE")) {
    return {bytes_named(wish), "BNFAST_OUTPUT_CACHE"};
  }
  constexpr std::ptrdiff_t enough = 512 << 20;
  const double eighth = usable_memory() / 8;
  if (eighth > 0 && eighth < enough) return {static_cast<std::ptrdiff_t>(eighth), "memory"};
  return {enough, "default"};
}

// A positive integer at the start of the text, as in "4" and OpenMP's "4,2"; else 0.
int leading_count(const char* text, bool whole) {
  if (!text) return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  const bool complete = end != text && (*end == 0 || (!whole && *end == ','));
  return complete && value > 0 && value < 65536 ? static_cast<int>(value) : 0;
}

ThreadDefault read_environment_threads() {
  if (const char* wish = environment_wish("BNFAST_NUM_THREADS")) {
    return {leading_count(wish, true), "BNFAST_NUM_THREADS"};
  }
  if (const int threads = leading_count(environment_wish("OMP_NUM_THREADS"), false)) {
    return {threads, "OMP_NUM_THREADS"};
  }
  const int cpus = affinity_cpus();
  const double quota = cgroup_cpus();
  if (quota > 0 && quota < cpus) {
    return {std::max(1, static_cast<int>(std::ceil(quota))), "cgroup quota"};
  }
  return {cpus, "affinity"};
}

}  // namespace

CacheSizes cache_sizes() {
  const CacheSizes& found = found_once<read_cache_sizes>();
  const std::ptrdiff_t l2 = assumed_l2.load(std::memory_order_relaxed);
  return l2 > 0 ? CacheSizes{found.l1d, l2, assumed_l3.load(std::memory_order_relaxed)} : found;
}

void assume_cache_sizes(std::ptrdiff_t l2, std::ptrdiff_t l3) {
  assumed_l3.store(l3, std::memory_order_relaxed);
  assumed_l2.store(l2, std::memory_order_relaxed);
}

int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
#if defined(_SC_NPROCESSORS_ONLN)
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
#else
  return 1;
#endif
}

double cgroup_cpus() { return found_once<cgroup_cpu_quota>(); }

double usable_memory() { return found_once<read_usable_memory>(); }

OutputCacheDefault environment_output_cache() {
  return found_once<read_environment_output_cache>();
}

ThreadDefault environment_threads() { return found_once<read_environment_threads>(); }

}  // namespace bnfast
