// Scalar arguments: checked, with errors that name the argument, what was expected and what came.
#pragma once

#include <pybind11/pybind11.h>

#include <new>
#include <string>
#include <utility>

#include "core/memory.hpp"

namespace bnfast {

namespace py = pybind11;

[[noreturn]] void type_error(const std::string& message);
[[noreturn]] void value_error(const std::string& message);

std::string text_of(const py::handle& object);
std::string type_name(const py::handle& object);

long long integer(const py::object& value, const char* name);
double number(const py::object& value, const char* name);
bool boolean(const py::object& value, const char* name);

// MemoryError where a call found too little memory.
inline void check_memory(Outcome outcome) {
  if (outcome == Outcome::out_of_memory) throw std::bad_alloc();
}
// The same for what owns memory.
template <class Owner>
Owner allocated(Owner owner) {
  if (owner.failed()) throw std::bad_alloc();
  return owner;
}

double checked_eps(const py::object& eps);
int checked_threads(const py::object& num_threads);

}  // namespace bnfast
