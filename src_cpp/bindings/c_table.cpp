#include "bindings/register.hpp"
#include "include/bnfast.h"

namespace bnfast {
namespace {

// The functions of bnfast.h as they lie in this module, for modules that are compiled apart from
// it: one copy of the kernels, one number of threads and one instruction set for the process.
// Another member or order is another version; cython_bnfast.pyx reads the same.
struct Table {
  int version = 1;
  decltype(&bnf_status_text) status_text = bnf_status_text;
  decltype(&bnf_version) library_version = bnf_version;
  decltype(&bnf_version_text) version_text = bnf_version_text;
  decltype(&bnf_moments) moments = bnf_moments;
  decltype(&bnf_merge) merge = bnf_merge;
  decltype(&bnf_update_running) update_running = bnf_update_running;
  decltype(&bnf_affine) affine = bnf_affine;
  decltype(&bnf_normalize) normalize = bnf_normalize;
  decltype(&bnf_inference) inference = bnf_inference;
  decltype(&bnf_forward) forward = bnf_forward;
  decltype(&bnf_backward) backward = bnf_backward;
  decltype(&bnf_set_num_threads) set_num_threads = bnf_set_num_threads;
  decltype(&bnf_get_num_threads) get_num_threads = bnf_get_num_threads;
  decltype(&bnf_isa) isa = bnf_isa;
  decltype(&bnf_use_isa) use_isa = bnf_use_isa;
};

constexpr Table kTable;

}  // namespace

void register_c_table(pybind11::module_& m) {
  m.attr("_c_api") = pybind11::capsule(&kTable, "bnfast._core._c_api");
}

}  // namespace bnfast
