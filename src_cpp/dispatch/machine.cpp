#include "dispatch/machine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
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

double read_cgroup_cpus() {
  std::ifstream groups("/proc/self/cgroup");
  double limit = 0;
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers.empty()) limit = tighter(limit, tightest("/sys/fs/cgroup", group, quota_v2));
    if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      limit = tighter(limit, tightest("/sys/fs/cgroup/cpu", group, quota_v1));
    }
  }
  return limit;
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
  static const double cpus = read_cgroup_cpus();
  return cpus;
}

ThreadDefault environment_threads() {
  static const ThreadDefault threads = read_environment_threads();
  return threads;
}

}  // namespace bnfast
