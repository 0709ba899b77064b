#include "bindings/scalars.hpp"

#include <cmath>

#include "core/parallel.hpp"

namespace bnfast {
namespace {

[[noreturn]] void wrong_type(const py::object& value, const char* name, const char* expected) {
  type_error(std::string(name) + " must be " + expected + ", got " + text_of(py::repr(value)) +
             " of type " + type_name(value));
}

}  // namespace

void type_error(const std::string& message) { throw py::type_error(message); }
void value_error(const std::string& message) { throw py::value_error(message); }

std::string text_of(const py::handle& object) { return py::str(object).cast<std::string>(); }
std::string type_name(const py::handle& object) { return Py_TYPE(object.ptr())->tp_name; }

long long integer(const py::object& value, const char* name) {
  if (!PyIndex_Check(value.ptr())) wrong_type(value, name, "an integer");
  const auto index = PyLong_CheckExact(value.ptr())
                         ? value
                         : py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) throw py::error_already_set();
  int overflow = 0;
  const long long result = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0) value_error(std::string(name) + " is out of range, got " + text_of(index));
  return result;
}

double number(const py::object& value, const char* name) {
  const double result = PyNumber_Check(value.ptr()) ? PyFloat_AsDouble(value.ptr()) : -1;
  if (!PyNumber_Check(value.ptr()) || (result == -1 && PyErr_Occurred())) {
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_TypeError) &&
        !PyErr_ExceptionMatches(PyExc_ValueError)) {
      throw py::error_already_set();
    }
    PyErr_Clear();
    wrong_type(value, name, "a number");
  }
  return result;
}

bool boolean(const py::object& value, const char* name) {
  if (PyBool_Check(value.ptr())) return value.ptr() == Py_True;
  const bool numpys = type_name(value) == "numpy.bool" || type_name(value) == "numpy.bool_";
  if (!numpys) wrong_type(value, name, "True or False");
  return PyObject_IsTrue(value.ptr()) == 1;
}

double checked_eps(const py::object& eps) {
  const double value = number(eps, "eps");
  if (!(value >= 0) || std::isinf(value)) {
    value_error("eps must be finite and not negative, got " + text_of(eps));
  }
  return value;
}

int checked_threads(const py::object& num_threads) {
  if (num_threads.is_none()) return default_threads();
  constexpr long long most = 65535;
  const long long threads = integer(num_threads, "num_threads");
  if (threads < 1 || threads > most) {
    value_error("num_threads must lie in [1, " + std::to_string(most) + "], got " +
                std::to_string(threads));
  }
  return static_cast<int>(threads);
}

}  // namespace bnfast
