#include "dispatch/machine.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace bnfast {
namespace {

constexpr CacheSizes kModest{32 * 1024, 512 * 1024, 0};

// "48K" or "32M" in bytes; 0 where there is nothing to read.
std::ptrdiff_t read_size(const std::string& path) {
  std::ifstream file(path);
  std::ptrdiff_t value = 0;
  char unit = 0;
  file >> value >> unit;
  return value * (unit == 'K' ? 1024 : unit == 'M' ? 1024 * 1024 : 1);
}

std::string read_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

CacheSizes read_cache_sizes() {
  CacheSizes found{0, 0, 0};
  for (int i = 0; i < 8; ++i) {
    const std::string cache = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    const std::string level = read_word(cache + "level"), type = read_word(cache + "type");
    const std::ptrdiff_t size = read_size(cache + "size");
    if (level == "1" && type == "Data") found.l1d = size;
    if (level == "2") found.l2 = size;
    if (level == "3") found.l3 = size;
  }
  return {found.l1d ? found.l1d : kModest.l1d, found.l2 ? found.l2 : kModest.l2, found.l3};
}

// "quota period" of control groups 2; "max" is no limit.
double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && period > 0 ? quota / period : 0;
}

double quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"),
      period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  const bool both = quota_file >> quota && period_file >> period;
  return both && quota > 0 && period > 0 ? quota / period : 0;
}

double first_number(const std::string& path) {
  std::ifstream file(path);
  double value = 0;
  return file >> value ? value : 0;
}

double memory_v2(const std::string& folder) { return first_number(folder + "/memory.max"); }
double memory_v1(const std::string& folder) {
  return first_number(folder + "/memory.limit_in_bytes");
}

double tighter(double a, double b) { return a > 0 && b > 0 ? std::min(a, b) : std::max(a, b); }

// The tightest limit on the way from this process's group up to the root.
template <class Quota>
double tightest(const std::string& root, std::string group, Quota quota) {
  double limit = quota(root);
  for (; !group.empty(); group.resize(group.rfind('/'))) {
    limit = tighter(limit, quota(root + group));
    if (group.rfind('/') == std::string::npos) break;
  }
  return limit;
}

// What a controller of this process's groups allows, in both versions of control groups.
template <class Version2, class Version1>
double cgroup_limit(const std::string& controller, Version2 limit_v2, Version1 limit_v1) {
  std::ifstream groups("/proc/self/cgroup");
  double limit = 0;
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers.empty()) limit = tighter(limit, tightest("/sys/fs/cgroup", group, limit_v2));
    if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      limit = tighter(limit, tightest("/sys/fs/cgroup/" + controller, group, limit_v1));
    }
  }
  return limit;
}

double machine_memory() {
#if defined(_SC_PHYS_PAGES)
  return std::max(0.0, static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                           static_cast<double>(sysconf(_SC_PAGESIZE)));
#else
  return 0;
#endif
}

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
  if (const char* wish = std::getenv("BNFAST_OUTPUT_CACHE"); wish && *wish) {
    const std::ptrdiff_t bytes = bytes_named(wish);
    if (bytes >= 0) return {bytes, "BNFAST_OUTPUT_CACHE"};
    throw std::invalid_argument(
        std::string("BNFAST_OUTPUT_CACHE must be a number of bytes, as 268435456 or 256M, got '") +
        wish + "'");
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
  if (const char* wish = std::getenv("BNFAST_NUM_THREADS"); wish && *wish) {
    if (const int threads = leading_count(wish, true)) return {threads, "BNFAST_NUM_THREADS"};
    throw std::invalid_argument(
        std::string("BNFAST_NUM_THREADS must be a positive integer, got '") + wish + "'");
  }
  if (const int threads = leading_count(std::getenv("OMP_NUM_THREADS"), false)) {
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

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = read_cache_sizes();
  return sizes;
}

int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

double cgroup_cpus() {
  static const double cpus = cgroup_limit("cpu", quota_v2, quota_v1);
  return cpus;
}

double usable_memory() {
  static const double bytes =
      tighter(machine_memory(), cgroup_limit("memory", memory_v2, memory_v1));
  return bytes;
}

OutputCacheDefault environment_output_cache() {
  static const OutputCacheDefault found = read_environment_output_cache();
  return found;
}

ThreadDefault environment_threads() {
  static const ThreadDefault threads = read_environment_threads();
  return threads;
}

}  // namespace bnfast
