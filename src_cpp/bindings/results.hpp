// The named tuples that functions return; their classes are Python's (bnfast/results.py).
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

namespace bnfast {

// bnfast.results as it is now. Importing it, even again, takes as long as a small batch.
inline pybind11::object results_module() {
  static PyObject* const name = PyUnicode_InternFromString("bnfast.results");
  PyObject* const found = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
  if (found) return pybind11::reinterpret_borrow<pybind11::object>(found);
  if (PyErr_Occurred()) throw pybind11::error_already_set();
  return pybind11::module_::import("bnfast.results");
}

class ResultClass {
 public:
  explicit ResultClass(const char* name) : name_(name) {}

  template <class... Members>
  pybind11::object operator()(Members&&... members) {
    if (!interned_) interned_ = PyUnicode_InternFromString(name_);
    return results_module().attr(interned_)(std::forward<Members>(members)...);
  }

 private:
  const char* name_;
  pybind11::handle interned_;
};

}  // namespace bnfast
