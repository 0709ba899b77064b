#include "dispatch/dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace bnfast {

#if defined(BNFAST_HAS_V4)
namespace v4 {
extern const KernelTable kernels;
}
#endif
#if defined(BNFAST_HAS_V3)
namespace v3 {
extern const KernelTable kernels;
}
#endif
#if defined(BNFAST_HAS_V2)
namespace v2 {
extern const KernelTable kernels;
}
#endif
#if defined(BNFAST_HAS_NEON)
namespace neon {
extern const KernelTable kernels;
}
#endif
#if defined(BNFAST_HAS_PORTABLE)
namespace portable {
extern const KernelTable kernels;
}
#endif

namespace {

bool always() { return true; }

#if defined(__x86_64__)
bool has_v2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}
bool has_v3() {
  return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

struct Isa {
  const char* name;
  bool (*runs_here)();
  const KernelTable* kernels;
};

// Best first.
const Isa isas[] = {
#if defined(BNFAST_HAS_V4)
    {"v4", has_v4, &v4::kernels},
#endif
#if defined(BNFAST_HAS_V3)
    {"v3", has_v3, &v3::kernels},
#endif
#if defined(BNFAST_HAS_V2)
    {"v2", has_v2, &v2::kernels},
#endif
#if defined(BNFAST_HAS_NEON)
    {"neon", always, &neon::kernels},
#endif
#if defined(BNFAST_HAS_PORTABLE)
    {"portable", always, &portable::kernels},
#endif
    {nullptr, always, nullptr},
};

std::atomic<const Isa*> active{nullptr};

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

const Isa& isa_named(const std::string& name, const std::string& argument) {
  for (const Isa* isa = isas; isa->name; ++isa) {
    if (name == isa->name && isa->runs_here()) return *isa;
  }
  throw std::invalid_argument(argument + " must be one of the instruction sets available here (" +
                              listed(available_isas()) + "), got '" + name + "'");
}

}  // namespace

std::vector<std::string> built_isas() {
  std::vector<std::string> names;
  for (const Isa* isa = isas; isa->name; ++isa) names.emplace_back(isa->name);
  return names;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa* isa = isas; isa->name; ++isa) {
    if (isa->runs_here()) names.emplace_back(isa->name);
  }
  return names;
}

void use_isa(const std::string& name) { active = &isa_named(name, "name"); }

void choose_isa() {
  const char* wanted = std::getenv("BNFAST_ISA");
  if (wanted && *wanted) {
    active = &isa_named(wanted, "BNFAST_ISA");
    return;
  }
  for (const Isa* isa = isas; isa->name; ++isa) {
    if (!isa->runs_here()) continue;
    active = isa;
    return;
  }
  throw std::runtime_error("this CPU runs none of the instruction sets bnfast was built with (" +
                           listed(built_isas()) + ")");
}

std::string active_isa() { return active.load()->name; }

const KernelTable& active_kernels() { return *active.load()->kernels; }

}  // namespace bnfast
