#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "bindings/wrong_calls.hpp"

PYBIND11_MODULE(_core, m) {
  pybind11::options options;
  options.disable_function_signatures();  // each docstring begins with its own
  m.doc() = "The compiled half of bnfast.";
  bnfast::start();
  bnfast::register_arrays(m);
  bnfast::register_forward(m);
  bnfast::register_backward(m);
  bnfast::register_affine(m);
  bnfast::register_frozen(m);
  bnfast::register_layer_call(m);
  bnfast::register_statistics(m);
  bnfast::register_channel_stats(m);
  bnfast::register_plans(m);
  bnfast::register_preprocess(m);
  bnfast::register_outputs(m);
  bnfast::register_runtime(m);
  bnfast::register_probes(m);
  bnfast::register_c_table(m);
  bnfast::explain_wrong_calls(m);
  bnfast::refuse_another_call(m.attr("Affine"));
}
