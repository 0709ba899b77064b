// Which instruction set runs: the ordered list, what this CPU has, and the choice by name.
#pragma once

#include <string>
#include <vector>

#include "kernels/contract.hpp"

namespace bnfast {

// Names of the instruction sets this library was built with, best first.
std::vector<std::string> built_isas();

// Those that this CPU can run, best first.
std::vector<std::string> available_isas();

// The one in use. Unless use_isa() was called: BNFAST_ISA, or the best.
std::string active_isa();
const KernelTable& active_kernels();

// Throws std::invalid_argument for a name that is unknown or that this CPU cannot run.
void use_isa(const std::string& name);

// Chooses the first one. Throws std::invalid_argument for a bad BNFAST_ISA, std::runtime_error
// where this CPU runs none of the built ones.
void choose_isa();

}  // namespace bnfast
