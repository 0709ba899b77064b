#include "bindings/wrong_calls.hpp"

#include <optional>
#include <string>

#include "bindings/scalars.hpp"

namespace bnfast {
namespace {

// A function's name in messages, and its parameters as they stand in its signature.
struct Documented {
  std::string name, parameters;
};

// Nothing where the docstring does not begin with a signature.
std::optional<Documented> signature_of(const std::string& name, const py::handle& documented,
                                       const char* first = "") {
  const py::object found = documented.attr("__text_signature__");
  if (found.is_none()) return std::nullopt;
  const std::string text = text_of(found);
  return Documented{name, first + text.substr(1, text.size() - 2)};
}

py::dict members_of(const py::handle& scope) { return scope.attr("__dict__").attr("copy")(); }

// Where the arguments do fit, their types do not, which pybind11 explains.
void refuse_overload(const Documented& signature, const py::tuple& args, const py::dict& keywords) {
  refuse_call(signature.name, signature.parameters, args, keywords);
  throw py::reference_cast_error();
}

// An overload that takes anything is reached by calls that fit no other.
template <class... Extra>
void add_refusal(const py::handle& scope, const char* name, const Documented& signature,
                 const Extra&... extra) {
  py::cpp_function(
      [signature](const py::args& args, const py::kwargs& keywords) {
        refuse_overload(signature, args, keywords);
      },
      py::name(name), py::scope(scope), py::sibling(scope.attr(name)), extra...);
}

void add_refusal_of_init(const py::handle& type, const Documented& signature) {
  py::cpp_function(
      [signature](py::detail::value_and_holder&, const py::args& args, const py::kwargs& keywords) {
        refuse_overload(signature, py::tuple(py::make_tuple(py::none()) + args), keywords);
      },
      py::name("__init__"), py::scope(type), py::sibling(type.attr("__init__")),
      py::is_method(type), py::detail::is_new_style_constructor());
}

void explain_wrong_calls_of(const py::handle& type) {
  const std::string type_name = text_of(type.attr("__name__"));
  for (const auto& [key, value] : members_of(type)) {
    const std::string name = text_of(key), full_name = type_name + "." + name;
    if (!PyInstanceMethod_Check(value.ptr())) continue;
    if (name == "__init__") {
      if (const auto signature = signature_of(full_name, type, "self, ")) {
        add_refusal_of_init(type, *signature);
      }
    } else if (const auto signature = signature_of(full_name, type.attr(key))) {
      add_refusal(type, name.c_str(), *signature, py::is_method(type));
    }
  }
}

}  // namespace

void refuse_call(const std::string& name, const std::string& parameters, const py::tuple& arguments,
                 const py::dict& keywords) {
  py::module_::import("bnfast.wrong_calls").attr("refuse")(name, parameters, arguments, keywords);
}

void explain_wrong_calls(const py::module_& m) {
  for (const auto& [key, value] : members_of(m)) {
    const std::string name = text_of(key);
    if (PyType_Check(value.ptr())) explain_wrong_calls_of(value);
    if (!PyCFunction_Check(value.ptr()) || PyCFunction_GET_SELF(value.ptr()) == m.ptr()) continue;
    if (const auto signature = signature_of(name, value)) add_refusal(m, name.c_str(), *signature);
  }
}

}  // namespace bnfast
