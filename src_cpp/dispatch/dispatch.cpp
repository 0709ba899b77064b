#include "dispatch/dispatch.hpp"

#include <atomic>
#include <cstring>

#include "dispatch/environment.hpp"

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
[[maybe_unused]] bool has_v2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}
[[maybe_unused]] bool has_v3() {
  return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] bool has_v4() {
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

// Null: unknown, or not for this CPU.
const Isa* isa_named(const char* name) {
  for (const Isa* isa = isas; isa->name; ++isa) {
    if (std::strcmp(name, isa->name) == 0 && isa->runs_here()) return isa;
  }
  return nullptr;
}

const Isa* best_isa() {
  for (const Isa* isa = isas; isa->name; ++isa) {
    if (isa->runs_here()) return isa;
  }
  return nullptr;
}

}  // namespace

IsaNames built_isas() {
  IsaNames names;
  for (const Isa* isa = isas; isa->name; ++isa) names.add(isa->name);
  return names;
}

IsaNames available_isas() {
  IsaNames names;
  for (const Isa* isa = isas; isa->name; ++isa) {
    if (isa->runs_here()) names.add(isa->name);
  }
  return names;
}

bool use_isa(const char* name) {
  const Isa* const found = isa_named(name);
  if (found) active = found;
  return found != nullptr;
}

IsaChoice choose_isa() {
  if (active.load()) return IsaChoice::chosen;
  const char* const wanted = environment_wish("BNFAST_ISA");
  const Isa* const found = wanted ? isa_named(wanted) : best_isa();
  if (!found) return wanted ? IsaChoice::unknown_wish : IsaChoice::none_runs;
  const Isa* none = nullptr;  // another thread, or use_isa, may have been faster
  active.compare_exchange_strong(none, found);
  return IsaChoice::chosen;
}

const char* active_isa() { return active.load()->name; }

const KernelTable& active_kernels() { return *active.load()->kernels; }

}  // namespace bnfast
