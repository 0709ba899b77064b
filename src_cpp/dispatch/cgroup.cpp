#include "dispatch/cgroup.hpp"

#include <cstdlib>
#include <cstring>

#include "dispatch/system_files.hpp"

namespace bnfast {
namespace {

// Numbers at the head of a file of a control group; returns how many of the two there are.
int read_numbers(const char* folder, const char* file, double* first, double* second) {
  Text path, line;
  if (!print(path, "%s/%s", folder, file)) return 0;
  read_line(path, line);
  char *end = line, *after = line;
  *first = std::strtod(line, &end);
  if (end == line) return 0;
  *second = std::strtod(end, &after);
  return after == end ? 1 : 2;
}

double first_number(const char* folder, const char* file) {
  double value = 0, rest = 0;
  return read_numbers(folder, file, &value, &rest) > 0 ? value : 0;
}

// "quota period" of control groups 2; "max" is no limit.
double quota_v2(const char* folder) {
  double quota = 0, period = 0;
  const bool both = read_numbers(folder, "cpu.max", &quota, &period) == 2;
  return both && period > 0 ? quota / period : 0;
}

double quota_v1(const char* folder) {
  const double quota = first_number(folder, "cpu.cfs_quota_us");
  const double period = first_number(folder, "cpu.cfs_period_us");
  return quota > 0 && period > 0 ? quota / period : 0;
}

double memory_v2(const char* folder) { return first_number(folder, "memory.max"); }
double memory_v1(const char* folder) { return first_number(folder, "memory.limit_in_bytes"); }

// How a limit is read from a group's folder.
using Limit = double (*)(const char* folder);

// The tightest limit on the way from this process's group up to the root.
double tightest(const char* root, const char* group, Limit limit_of) {
  Text folder;
  double limit = limit_of(root);
  if (std::strcmp(group, "/") == 0 || !print(folder, "%s%s", root, group)) return limit;
  while (std::strlen(folder) > std::strlen(root)) {
    limit = tighter(limit, limit_of(folder));
    char* const last = std::strrchr(folder, '/');
    if (!last) break;
    *last = 0;
  }
  return limit;
}

// Whether a word is in a list with commas.
bool lists(const char* list, const char* word) {
  const size_t length = std::strlen(word);
  for (const char* at = list; at; at = std::strchr(at, ',')) {
    at += *at == ',';
    if (std::strncmp(at, word, length) == 0 && (at[length] == 0 || at[length] == ',')) return true;
  }
  return false;
}

// What a controller of this process's groups allows. Lines are "number:controllers:group".
double cgroup_limit(const char* controller, Limit limit_v2, Limit limit_v1) {
  double limit = 0;
  read_lines("/proc/self/cgroup", [&](Text& line) {
    char* const first = std::strchr(line, ':');
    char* const second = first ? std::strchr(first + 1, ':') : nullptr;
    if (!second) return;
    *second = 0;
    const char *const controllers = first + 1, *const group = second + 1;
    Text root;
    if (!*controllers) limit = tighter(limit, tightest("/sys/fs/cgroup", group, limit_v2));
    if (lists(controllers, controller) && print(root, "/sys/fs/cgroup/%s", controller)) {
      limit = tighter(limit, tightest(root, group, limit_v1));
    }
  });
  return limit;
}

}  // namespace

double cgroup_cpu_quota() { return cgroup_limit("cpu", quota_v2, quota_v1); }

double cgroup_memory_limit() { return cgroup_limit("memory", memory_v2, memory_v1); }

}  // namespace bnfast
