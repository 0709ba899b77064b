#include "c_api/arguments.hpp"
#include "core/parallel.hpp"
#include "dispatch/dispatch.hpp"

const char* bnf_status_text(bnf_status status) {
  switch (status) {
    case BNF_OK:
      return "done";
    case BNF_INVALID_ARGUMENT:
      return "an argument is NULL, out of range, or does not fit the others";
    case BNF_UNSUPPORTED:
      return "not available on this machine or in this build, or the environment asks for what is "
             "not";
    case BNF_OUT_OF_MEMORY:
      return "out of memory";
    default:
      return "no status of bnfast";
  }
}

int bnf_version(void) { return BNF_VERSION; }

const char* bnf_version_text(void) { return BNF_VERSION_TEXT; }

bnf_status bnf_set_num_threads(int num_threads) {
  constexpr int most = 65535;
  if (num_threads < 0 || num_threads > most) return BNF_INVALID_ARGUMENT;
  bnfast::set_default_threads(num_threads);
  return BNF_OK;
}

int bnf_get_num_threads(void) { return bnfast::default_threads(); }

const char* bnf_isa(void) { return bnfast::ready() == BNF_OK ? bnfast::active_isa() : nullptr; }

bnf_status bnf_use_isa(const char* name) {
  if (!name) return BNF_INVALID_ARGUMENT;
  return bnfast::use_isa(name) ? BNF_OK : BNF_UNSUPPORTED;
}
