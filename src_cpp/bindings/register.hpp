// What makes the module: one registering function per subject.
#pragma once

#include <pybind11/pybind11.h>

namespace bnfast {

// Chooses the instruction set, and refuses wishes of the environment that cannot be met.
void start();

void register_arrays(pybind11::module_& m);
void register_forward(pybind11::module_& m);
void register_backward(pybind11::module_& m);
void register_affine(pybind11::module_& m);
void register_frozen(pybind11::module_& m);
void register_layer_call(pybind11::module_& m);
void register_statistics(pybind11::module_& m);
void register_channel_stats(pybind11::module_& m);
void register_plans(pybind11::module_& m);
void register_preprocess(pybind11::module_& m);
void register_outputs(pybind11::module_& m);
void register_runtime(pybind11::module_& m);
void register_probes(pybind11::module_& m);
void register_c_table(pybind11::module_& m);

}  // namespace bnfast
