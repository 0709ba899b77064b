#include "bindings/arrays.hpp"

#include <algorithm>

#include "bindings/outputs.hpp"
#include "bindings/overlap.hpp"
#include "bindings/register.hpp"
#include "core/collapse.hpp"

namespace bnfast {
namespace {

constexpr const char* kAsArray = R"(as_array(x, name)
--

An input as a NumPy array, without copying the elements: an array itself, or what an object with a
buffer, ``__array_interface__`` or a CPU ``__dlpack__`` holds. Raises TypeError, which calls it
`name`, for anything else and for masked arrays.
)";

py::array from_dlpack(const py::object& object, const char* name) {
  try {
    return py::module_::import("numpy").attr("from_dlpack")(object);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) throw;
    type_error(std::string(name) + " could not be read by DLPack: " + text_of(error.value()));
  }
}

int checked_axis(const py::object& axis, const char* name, py::ssize_t rank) {
  const long long channel_axis = integer(axis, "channel_axis");
  if (rank == 0) value_error(std::string(name) + " must have at least 1 axis, got a 0-d array");
  if (channel_axis < -rank || channel_axis >= rank) {
    value_error("channel_axis must lie in [-" + std::to_string(rank) + ", " + std::to_string(rank) +
                ") for a " + std::to_string(rank) + "-d " + name + ", got " +
                std::to_string(channel_axis));
  }
  return static_cast<int>(channel_axis < 0 ? channel_axis + rank : channel_axis);
}

Operand viewed(const py::array& array, DType dtype, int channel_axis) {
  Operand operand(array);
  operand.shape.rank = static_cast<int>(array.ndim());
  operand.shape.channel_axis = channel_axis;
  operand.array.data = static_cast<char*>(const_cast<void*>(array.data()));
  operand.array.dtype = dtype;
  std::copy_n(array.shape(), array.ndim(), operand.shape.size.begin());
  std::copy_n(array.strides(), array.ndim(), operand.array.stride.begin());
  return operand;
}

// An array of `like`'s shape whose axes lie in the order of like's strides, without gaps.
py::array new_like(const Operand& like, DType dtype) {
  const Shape& shape = like.shape;
  const auto order = axes_by_stride(shape, like.array);
  std::array<py::ssize_t, kMaxRank> strides;
  py::ssize_t stride = size_of(dtype);
  for (int i = shape.rank - 1; i >= 0; --i) {
    const auto axis = static_cast<size_t>(order[static_cast<size_t>(i)]);
    strides[axis] = stride;
    stride *= std::max<py::ssize_t>(shape.size[axis], 1);
  }
  return new_array(numpy_dtype(dtype), {shape.rank, shape.size.data(), strides.data()},
                   shape.elements() * size_of(dtype));
}

py::array checked_output(const py::object& out, const Operand& like, const OutputRules& rules) {
  const py::array array = output_array(out);
  if (known_dtype(array) != rules.dtype) {
    type_error(std::string("out must be ") + dtype_name(rules.dtype) + ", got " +
               text_of(array.dtype()));
  }
  if (!same_shape(array, like.object)) {
    value_error("out must have shape " + text_of_shape(like.object) + ", got " +
                text_of_shape(array));
  }
  check_writeable(array);
  return array;
}

}  // namespace

py::array output_array(const py::object& out) {
  if (!py::isinstance<py::array>(out)) {
    type_error("out must be a numpy.ndarray, got " + type_name(out));
  }
  return py::reinterpret_borrow<py::array>(out);
}

void check_writeable(const py::array& array) {
  if (!array.writeable()) value_error("out must be writeable, got a read-only array");
  if (array.size() > 0 && !apart_from_itself(array)) {
    value_error("out must not overlap itself: its strides make elements share memory");
  }
}

py::array as_array(const py::object& object, const char* name) {
  if (py::isinstance<py::array>(object)) {
    auto array = py::reinterpret_borrow<py::array>(object);
    const bool subclass = Py_TYPE(array.ptr()) != py::detail::npy_api::get().PyArray_Type_;
    if (subclass && py::hasattr(array, "mask")) {
      type_error(std::string(name) + " must be a plain array, got a masked array");
    }
    return array;
  }
  if (PyObject_CheckBuffer(object.ptr()) || py::hasattr(object, "__array_interface__")) {
    return py::module_::import("numpy").attr("asarray")(object);
  }
  if (py::hasattr(object, "__dlpack__")) return from_dlpack(object, name);
  type_error(std::string(name) + " must be an array, got " + type_name(object));
}

std::string text_of_shape(const py::array& array) { return text_of(array.attr("shape")); }

Operand input(const py::object& x, const char* name, const py::object& channel_axis,
              Accepted accepted) {
  const py::array array = as_array(x, name);
  const DType dtype = dtype_of(array, name, accepted);
  return viewed(array, dtype, checked_axis(channel_axis, name, array.ndim()));
}

Operand input_like(const py::object& x, const char* name, const Operand& first,
                   const char* first_name) {
  const py::array array = as_array(x, name);
  const DType dtype = dtype_of(array, name, Accepted::floats);
  if (dtype != first.array.dtype) {
    type_error(std::string(name) + " must have the dtype of " + first_name + ", " +
               dtype_name(first.array.dtype) + ", got " + dtype_name(dtype));
  }
  if (!same_shape(array, first.object)) {
    value_error(std::string(name) + " must have the shape of " + first_name + ", " +
                text_of_shape(first.object) + ", got " + text_of_shape(array));
  }
  return viewed(array, dtype, first.shape.channel_axis);
}

Operand output(const py::object& out, const Operand& like, const OutputRules& rules) {
  if (out.is_none()) {
    return viewed(new_like(like, rules.dtype), rules.dtype, like.shape.channel_axis);
  }
  const py::array array = checked_output(out, like, rules);
  for (const Operand* input : rules.overwritable) {
    if (input && !same_place(array, input->object) && share_memory(array, input->object)) {
      value_error("out must be an input itself or share no memory with it, got a partial overlap");
    }
  }
  return viewed(array, rules.dtype, like.shape.channel_axis);
}

void check_features(const Operand& x, py::ssize_t features) {
  if (x.shape.channels() == features) return;
  value_error("x must have " + std::to_string(features) + " channels on axis " +
              std::to_string(x.shape.channel_axis) + ", got shape " + text_of_shape(x.object));
}

void register_arrays(py::module_& m) {
  m.def("as_array", as_array, kAsArray, py::arg("x"), py::arg("name"));
}

}  // namespace bnfast
