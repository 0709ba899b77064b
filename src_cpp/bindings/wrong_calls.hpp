// Calls whose arguments are too few, too many or misnamed.
#pragma once

#include <pybind11/pybind11.h>

namespace bnfast {

// Makes the functions and classes of the module, and the methods of its classes, refuse such calls
// in Python's own words; pybind11 would show each argument, arrays too. The parameters are those of
// the signature at the head of the docstring; what has none is left as it is. What
// bindings/functions.hpp defines does so by itself.
void explain_wrong_calls(const pybind11::module_& m);

}  // namespace bnfast
