#include "bindings/functions.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "bindings/scalars.hpp"
#include "bindings/wrong_calls.hpp"

namespace bnfast {
namespace {

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

// The parts between commas that stand in no parentheses.
std::vector<std::string> split(const std::string& parameters) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : parameters) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

Signature::Signature(const char* doc, const std::string& type) {
  const std::string line(doc, std::strcspn(doc, "\n"));
  const size_t open = line.find('('), close = line.rfind(')');
  name_ = line.substr(0, open);
  qualified_name_ = type.empty() ? name_ : type + "." + name_;
  const size_t begin = open + (line.compare(open + 1, 1, "$") == 0 ? 2 : 1);  // CPython's `$self`
  text_ = line.substr(begin, close - begin);
  bool by_position = true;
  for (const std::string& part : split(text_)) {
    const std::string parameter = trimmed(part);
    if (parameter == "*") {
      by_position = false;
    } else if (!parameter.empty() && parameter != "self") {
      add(parameter);
      positional_ += by_position ? 1 : 0;
    }
  }
}

void Signature::add(const std::string& parameter) {
  if (size() == kMost) throw std::length_error(name_ + " has too many parameters");
  const size_t equals = parameter.find('=');
  PyObject* otherwise = nullptr;
  if (equals != std::string::npos) {
    otherwise = py::eval(parameter.substr(equals + 1)).release().ptr();
  }
  parameters_.push_back(
      {PyUnicode_InternFromString(parameter.substr(0, equals).c_str()), otherwise});
}

void Signature::refuse(const py::tuple& arguments, const py::dict& keywords) const {
  const bool bound = text_.rfind("self", 0) == 0;
  const py::tuple given = bound ? py::tuple(py::make_tuple(py::none()) + arguments) : arguments;
  refuse_call(qualified_name_, text_, given, keywords);
  type_error(qualified_name_ + "() was called with arguments that do not fit");
}

bool Signature::take_positional(PyObject* const* arguments, Py_ssize_t count,
                                Values& values) const {
  const auto given = static_cast<size_t>(count);
  if (given > positional_) return false;
  for (size_t i = 0; i < given; ++i) values[i] = arguments[i];
  for (size_t i = given; i < size(); ++i) values[i] = nullptr;
  return true;
}

bool Signature::take_keyword(PyObject* name, PyObject* value, Values& values) const {
  if (!PyUnicode_Check(name)) return false;
  const auto same = [name](const Parameter& parameter) { return parameter.name == name; };
  const auto equal = [name](const Parameter& parameter) {
    return PyUnicode_Compare(parameter.name, name) == 0;
  };
  auto found = std::find_if(parameters_.begin(), parameters_.end(), same);
  if (found == parameters_.end()) {
    found = std::find_if(parameters_.begin(), parameters_.end(), equal);
  }
  if (found == parameters_.end()) return false;
  PyObject*& slot = values[static_cast<size_t>(found - parameters_.begin())];
  if (slot) return false;
  slot = value;
  return true;
}

bool Signature::fill(Values& values) const {
  for (size_t i = 0; i < size(); ++i) {
    if (!values[i]) values[i] = parameters_[i].otherwise;
    if (!values[i]) return false;
  }
  return true;
}

Signature::Values Signature::read(PyObject* const* arguments, Py_ssize_t positional,
                                  PyObject* keywords) const {
  Values values;
  bool fits = take_positional(arguments, positional, values);
  const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < named && fits; ++i) {
    fits = take_keyword(PyTuple_GET_ITEM(keywords, i), arguments[positional + i], values);
  }
  if (fits && fill(values)) return values;
  py::tuple given(static_cast<size_t>(positional));
  for (Py_ssize_t i = 0; i < positional; ++i) {
    given[static_cast<size_t>(i)] = py::handle(arguments[i]);
  }
  py::dict by_name;
  for (Py_ssize_t i = 0; i < named; ++i) {
    by_name[PyTuple_GET_ITEM(keywords, i)] = py::handle(arguments[positional + i]);
  }
  refuse(given, by_name);
}

Signature::Values Signature::read(PyObject* arguments, PyObject* keywords) const {
  Values values;
  bool fits = take_positional(&PyTuple_GET_ITEM(arguments, 0), PyTuple_GET_SIZE(arguments), values);
  PyObject *name, *value;
  Py_ssize_t place = 0;
  while (fits && keywords && PyDict_Next(keywords, &place, &name, &value)) {
    fits = take_keyword(name, value, values);
  }
  if (fits && fill(values)) return values;
  refuse(py::reinterpret_borrow<py::tuple>(arguments),
         keywords ? py::reinterpret_borrow<py::dict>(keywords) : py::dict());
}

}  // namespace bnfast
