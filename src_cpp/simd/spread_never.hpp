// Numbers that lie apart, for instruction sets without a byte shuffle: none are loaded so.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

class Spread {
 public:
  static bool serves(ptrdiff_t, ptrdiff_t) { return false; }
  Spread(ptrdiff_t, ptrdiff_t) {}
  __attribute__((always_inline)) bool reaches(const char*, const char*) const { return false; }
  __attribute__((always_inline)) I32 load(const char*) const { return I32{}; }
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
