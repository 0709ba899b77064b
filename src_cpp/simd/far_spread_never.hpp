// Numbers that lie far apart, for instruction sets that cannot choose among several vectors.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

class FarSpread {
 public:
  static bool serves(ptrdiff_t, ptrdiff_t) { return false; }
  FarSpread(ptrdiff_t, ptrdiff_t) {}
  __attribute__((always_inline)) bool reaches(const char*, const char*) const { return false; }
  __attribute__((always_inline)) I32 load(const char*) const { return I32{}; }
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
