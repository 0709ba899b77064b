#include "bindings/overlap.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace bnfast {

Extent extent(const py::array& array) {
  const char* begin = static_cast<const char*>(array.data());
  const char* end = begin + array.itemsize();
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    const py::ssize_t reach = (array.shape(axis) - 1) * array.strides(axis);
    (reach < 0 ? begin : end) += reach;
  }
  return {begin, end};
}

bool same_shape(const py::array& a, const py::array& b) {
  return a.ndim() == b.ndim() && std::equal(a.shape(), a.shape() + a.ndim(), b.shape());
}

bool same_place(const py::array& a, const py::array& b) {
  if (a.data() != b.data() || !same_shape(a, b) || !a.dtype().equal(b.dtype())) return false;
  for (py::ssize_t axis = 0; axis < a.ndim(); ++axis) {
    if (a.shape(axis) > 1 && a.strides(axis) != b.strides(axis)) return false;
  }
  return true;
}

bool share_memory(const py::array& a, const py::array& b) {
  if (a.size() == 0 || b.size() == 0) return false;
  if (!extent(a).meets(extent(b))) return false;
  constexpr int most_work = 10000;  // interleaved views that take longer to tell apart are refused
  try {
    return py::module_::import("numpy").attr("shares_memory")(a, b, most_work).cast<bool>();
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_RuntimeError)) throw;  // NumPy's TooHardError is one
    return true;
  }
}

bool apart_from_itself(const py::array& array) {
  if (array.flags() & py::array::c_style) return true;
  std::vector<std::pair<py::ssize_t, py::ssize_t>> axes;  // stride, steps
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (array.shape(axis) > 1)
      axes.emplace_back(std::abs(array.strides(axis)), array.shape(axis) - 1);
  }
  std::sort(axes.begin(), axes.end());
  py::ssize_t within = array.itemsize();
  for (const auto& [stride, steps] : axes) {
    if (stride < within) return false;
    within += stride * steps;
  }
  return true;
}

void check_apart(const py::array& output, const char* output_name, const py::object& other,
                 const char* other_name) {
  if (other.is_none() || !py::isinstance<py::array>(other)) return;
  if (share_memory(output, py::reinterpret_borrow<py::array>(other))) {
    value_error(std::string(output_name) + " must share no memory with " + other_name);
  }
}

}  // namespace bnfast
