// Which instruction set runs: the ordered list, what this CPU has, and the choice by name.
#pragma once

#include "kernels/contract.hpp"

namespace bnfast {

// Names of instruction sets, best first.
class IsaNames {
 public:
  void add(const char* name) { names_[count_++] = name; }
  const char* const* begin() const { return names_; }
  const char* const* end() const { return names_ + count_; }

 private:
  static constexpr int kMost = 8;
  const char* names_[kMost] = {};
  int count_ = 0;
};

// Those this library was built with, and those of them that this CPU can run.
IsaNames built_isas();
IsaNames available_isas();

// The one in use; one must have been chosen. Unless use_isa() was called: BNFAST_ISA, or the best.
const char* active_isa();
const KernelTable& active_kernels();

// False for a name that is unknown or that this CPU cannot run.
bool use_isa(const char* name);

// Chooses the first one, unless one is chosen already. From any thread.
//   unknown_wish: BNFAST_ISA names none that is available here
//   none_runs:    this CPU runs none of the built ones
enum class IsaChoice { chosen, unknown_wish, none_runs };
IsaChoice choose_isa();

}  // namespace bnfast
