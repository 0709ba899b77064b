// What the control groups of this process allow, in both versions of control groups.
#pragma once

namespace bnfast {

// CPUs' worth of time; 0: no limit.
double cgroup_cpu_quota();

// Bytes; 0: no limit.
double cgroup_memory_limit();

// The lesser of two limits, of which 0 is none.
inline double tighter(double a, double b) {
  if (a > 0 && b > 0) return a < b ? a : b;
  return a > b ? a : b;
}

}  // namespace bnfast
