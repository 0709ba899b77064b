// Calls whose arguments are too few, too many or misnamed.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace bnfast {

// Throws the TypeError of a Python function of these parameters, if it would refuse the call.
// arguments: `self` first, where the parameters begin with it.
void refuse_call(const std::string& name, const std::string& parameters,
                 const pybind11::tuple& arguments, const pybind11::dict& keywords);

// Makes the functions and classes of the module, and the methods of its classes, refuse such calls
// in Python's own words; pybind11 would show each argument, arrays too. The parameters are those of
// the signature at the head of the docstring; what has none is left as it is. What
// bindings/functions.hpp defines does so by itself.
void explain_wrong_calls(const pybind11::module_& m);

}  // namespace bnfast
