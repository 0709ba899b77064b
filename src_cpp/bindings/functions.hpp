// Python functions by CPython's fast calling convention. A docstring's first line is the signature:
// names, order and defaults are written once.
#pragma once

#include <pybind11/eval.h>
#include <pybind11/pybind11.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace bnfast {

namespace py = pybind11;

// What a function takes. Reads the arguments of a call, or throws the TypeError that Python would:
// bnfast.wrong_calls words it.
class Signature {
 public:
  static constexpr size_t kMost = 16;  // parameters
  using Values = std::array<PyObject*, kMost>;

  // doc: begins "name(a, b=1, *, c=None)\n"; a `self` does not count. type: whose method it is.
  explicit Signature(const char* doc, const std::string& type = "");

  const char* name() const { return name_.c_str(); }
  size_t size() const { return parameters_.size(); }

  // The convention of METH_FASTCALL | METH_KEYWORDS. The values are borrowed.
  Values read(PyObject* const* arguments, Py_ssize_t positional, PyObject* keywords) const;
  // The convention of tp_call.
  Values read(PyObject* arguments, PyObject* keywords) const;

 private:
  struct Parameter {
    PyObject* name;       // interned; never freed, like all of a signature
    PyObject* otherwise;  // null: required
  };

  void add(const std::string& parameter);
  // Each is false where the arguments do not fit.
  bool take_positional(PyObject* const* arguments, Py_ssize_t count, Values& values) const;
  bool take_keyword(PyObject* name, PyObject* value, Values& values) const;
  bool fill(Values& values) const;
  [[noreturn]] void refuse(const py::tuple& arguments, const py::dict& keywords) const;

  std::string name_, qualified_name_, text_;
  std::vector<Parameter> parameters_;
  size_t positional_ = 0;  // those that may be given by position
};

namespace functions {

// Of what is called: a function, or how a method is applied.
template <auto called>
const Signature* signature = nullptr;

template <class Function, size_t... i>
PyObject* apply(Function&& function, const Signature::Values& values, std::index_sequence<i...>) {
  py::object result = function(py::reinterpret_borrow<py::object>(values[i])...);
  return result.release().ptr();
}

template <class Body>
PyObject* translating_errors(Body&& body) {
  try {
    return body();
#if defined(__GLIBCXX__)
  } catch (abi::__forced_unwind&) {  // the thread is being ended
    throw;
#endif
  } catch (...) {
    py::detail::try_translate_exceptions();
    return nullptr;
  }
}

template <class... Taken, class Result>
constexpr size_t arity(Result (*)(Taken...)) {
  return sizeof...(Taken);
}
template <class Self, class... Taken, class Result>
constexpr size_t arity(Result (Self::*)(Taken...)) {
  return sizeof...(Taken);
}
template <class Self, class... Taken, class Result>
constexpr size_t arity(Result (Self::*)(Taken...) const) {
  return sizeof...(Taken);
}

template <auto function>
PyObject* call(PyObject*, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  return translating_errors([&] {
    return apply(function, signature<function>->read(arguments, count, keywords),
                 std::make_index_sequence<arity(function)>{});
  });
}

template <class Self, auto method>
PyObject* apply_method(PyObject* self, const Signature::Values& values) {
  auto& object = py::handle(self).cast<Self&>();
  const auto call = [&object](const auto&... taken) { return (object.*method)(taken...); };
  return apply(call, values, std::make_index_sequence<arity(method)>{});
}

// The three ways in which Python calls what belongs to an object: a bound method, an object, and an
// object of a type that does not know the fast convention.
template <auto called>
PyObject* call_bound(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                     PyObject* keywords) {
  return translating_errors(
      [&] { return called(self, signature<called>->read(arguments, count, keywords)); });
}

template <auto called>
PyObject* call_vector(PyObject* self, PyObject* const* arguments, size_t count,
                      PyObject* keywords) {
  return call_bound<called>(self, arguments, PyVectorcall_NARGS(count), keywords);
}

template <auto called>
PyObject* call_object(PyObject* self, PyObject* arguments, PyObject* keywords) {
  return translating_errors(
      [&] { return called(self, signature<called>->read(arguments, keywords)); });
}

inline vectorcallfunc& vectorcall_of(PyObject* self) {
  return *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(self) +
                                            Py_TYPE(self)->tp_vectorcall_offset);
}

// An object's first call, which sees to it that the next ones are vectorcalls.
template <auto called>
PyObject* first_call(PyObject* self, PyObject* arguments, PyObject* keywords) {
  vectorcall_of(self) = call_vector<called>;
  return call_object<called>(self, arguments, keywords);
}

// As a PyMethodDef holds a function of METH_FASTCALL | METH_KEYWORDS.
inline PyCFunction as_defined(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t,
                                                    PyObject*)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace functions

// Adds function, whose parameters are all py::object, to the module.
template <auto function>
void define(py::module_& m, const char* doc) {
  static const Signature& signature = *new Signature(doc);
  static PyMethodDef definition = {signature.name(),
                                   functions::as_defined(functions::call<function>),
                                   METH_FASTCALL | METH_KEYWORDS, doc};
  functions::signature<function> = &signature;
  const py::object module_name = m.attr("__name__");
  m.attr(signature.name()) =
      py::reinterpret_steal<py::object>(PyCFunction_NewEx(&definition, m.ptr(), module_name.ptr()));
}

// Adds a property to the class: the method, bound to the object, by the fast convention.
template <class Self, auto method>
void define_bound(py::class_<Self>& type, const char* doc) {
  constexpr auto apply = functions::apply_method<Self, method>;
  static const Signature& signature = *new Signature(doc, py::str(type.attr("__name__")));
  static PyMethodDef definition = {signature.name(),
                                   functions::as_defined(functions::call_bound<apply>),
                                   METH_FASTCALL | METH_KEYWORDS, doc};
  functions::signature<apply> = &signature;
  type.def_property_readonly(signature.name(), [](const py::object& self) {
    return py::reinterpret_steal<py::object>(PyCFunction_New(&definition, self.ptr()));
  });
}

// An argument of py::class_ whose objects `define_call` makes callable: room in each for the
// function that calls it, behind what pybind11 keeps.
inline py::custom_type_setup callable() {
  return py::custom_type_setup([](PyHeapTypeObject* made) {
    PyTypeObject& type = made->ht_type;
    type.tp_vectorcall_offset = type.tp_basicsize;
    type.tp_basicsize += static_cast<Py_ssize_t>(sizeof(vectorcallfunc));
  });
}

// Makes objects of the class callable by method, whose parameters are all py::object.
template <class Self, auto method>
void define_call(py::class_<Self>& made, const char* doc) {
  constexpr auto apply = functions::apply_method<Self, method>;
  functions::signature<apply> = new Signature(doc, py::str(made.attr("__name__")));
  auto* type = reinterpret_cast<PyTypeObject*>(made.ptr());
  type->tp_call = functions::first_call<apply>;
  type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  PyType_Modified(type);
}

// Of a class that is complete: before Python 3.12 vectorcalls would not notice a new `__call__`, so
// setting it is an error.
inline void refuse_another_call(const py::handle& made) {
#if PY_VERSION_HEX < 0x030C0000
  auto* type = reinterpret_cast<PyTypeObject*>(made.ptr());
  type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
  PyType_Modified(type);
#else
  static_cast<void>(made);
#endif
}

}  // namespace bnfast
