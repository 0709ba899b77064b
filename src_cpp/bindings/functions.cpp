#include "bindings/functions.hpp"

#include <cstring>

#include "bindings/scalars.hpp"

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

std::string quoted(PyObject* name) { return "'" + text_of(name) + "'"; }

}  // namespace

Signature::Signature(const char* doc) {
  const std::string line(doc, std::strcspn(doc, "\n"));
  const size_t open = line.find('('), close = line.rfind(')');
  name_ = line.substr(0, open);
  bool by_position = true;
  for (const std::string& part : split(line.substr(open + 1, close - open - 1))) {
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

void Signature::fail(const std::string& what) const { type_error(name_ + "() " + what); }

size_t Signature::find(PyObject* name) const {
  for (size_t i = 0; i < size(); ++i) {
    if (parameters_[i].name == name) return i;
  }
  for (size_t i = 0; i < size(); ++i) {
    if (PyUnicode_Compare(parameters_[i].name, name) == 0) return i;
  }
  fail("got an unexpected keyword argument " + quoted(name));
}

void Signature::take_positional(PyObject* const* arguments, Py_ssize_t count,
                                Values& values) const {
  const auto given = static_cast<size_t>(count);
  if (given > positional_) {
    fail("takes at most " + std::to_string(positional_) + " positional arguments but " +
         std::to_string(given) + " were given");
  }
  for (size_t i = 0; i < given; ++i) values[i] = arguments[i];
  for (size_t i = given; i < size(); ++i) values[i] = nullptr;
}

void Signature::take_keyword(PyObject* name, PyObject* value, Values& values) const {
  PyObject*& slot = values[find(name)];
  if (slot) fail("got multiple values for argument " + quoted(name));
  slot = value;
}

void Signature::fill(Values& values) const {
  for (size_t i = 0; i < size(); ++i) {
    if (values[i]) continue;
    values[i] = parameters_[i].otherwise;
    if (!values[i]) fail("missing required argument " + quoted(parameters_[i].name));
  }
}

Signature::Values Signature::read(PyObject* const* arguments, Py_ssize_t positional,
                                  PyObject* keywords) const {
  Values values;
  take_positional(arguments, positional, values);
  const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < named; ++i) {
    take_keyword(PyTuple_GET_ITEM(keywords, i), arguments[positional + i], values);
  }
  fill(values);
  return values;
}

Signature::Values Signature::read(PyObject* arguments, PyObject* keywords) const {
  Values values;
  take_positional(&PyTuple_GET_ITEM(arguments, 0), PyTuple_GET_SIZE(arguments), values);
  PyObject *name, *value;
  Py_ssize_t place = 0;
  while (keywords && PyDict_Next(keywords, &place, &name, &value)) {
    take_keyword(name, value, values);
  }
  fill(values);
  return values;
}

}  // namespace bnfast
