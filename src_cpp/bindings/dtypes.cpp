#include "bindings/dtypes.hpp"

#include <array>
#include <string>

namespace bnfast {
namespace {

using NumPy = py::detail::npy_api;

constexpr int kHalf = 23;           // NPY_HALF
constexpr int kFirstOfUsers = 256;  // NPY_USERDEF: numbers of registered types begin here

// The number under which bfloat16 is registered; met last, for several packages may register one.
int bfloat16_number = -1;

bool is_bfloat16(const py::handle& descriptor, int number) {
  if (number == bfloat16_number) return true;
  if (number < kFirstOfUsers) return false;
  const auto dtype = py::reinterpret_borrow<py::dtype>(descriptor);
  if (dtype.itemsize() != 2 || text_of(dtype.attr("name")) != "bfloat16") return false;
  bfloat16_number = number;
  return true;
}

std::optional<DType> known_descriptor(PyObject* object) {
  const auto* descriptor = py::detail::array_descriptor1_proxy(object);
  if (descriptor->byteorder != '=' && descriptor->byteorder != '|') return std::nullopt;
  const int number = descriptor->type_num;
  if (number == NumPy::NPY_FLOAT_) return DType::float32;
  if (number == NumPy::NPY_DOUBLE_) return DType::float64;
  if (number == kHalf) return DType::float16;
  if (number == NumPy::NPY_UBYTE_) return DType::uint8;
  if (number == NumPy::NPY_BYTE_) return DType::int8;
  if (number == NumPy::NPY_USHORT_) return DType::uint16;
  if (number == NumPy::NPY_SHORT_) return DType::int16;
  if (is_bfloat16(object, number)) return DType::bfloat16;
  return std::nullopt;
}

bool accepts(Accepted accepted, DType dtype) {
  if (accepted == Accepted::numbers) return true;
  if (accepted == Accepted::floats) return !is_integer(dtype);
  return dtype == DType::float32 || dtype == DType::float64;
}

const char* names(Accepted accepted) {
  if (accepted == Accepted::parameters) return "float32 or float64";
  if (accepted == Accepted::floats) return "float16, bfloat16, float32 or float64";
  return "float16, bfloat16, float32, float64, uint8, int8, uint16 or int16";
}

}  // namespace

const char* dtype_name(DType dtype) {
  constexpr std::array<const char*, 8> names = {"float32", "float64", "float16", "bfloat16",
                                                "uint8",   "int8",    "uint16",  "int16"};
  return names[static_cast<size_t>(dtype)];
}

std::optional<DType> known_dtype(const py::array& array) {
  return known_descriptor(py::detail::array_proxy(array.ptr())->descr);
}

DType dtype_of(const py::array& array, const char* name, Accepted accepted) {
  const auto dtype = known_dtype(array);
  if (dtype && accepts(accepted, *dtype)) return *dtype;
  type_error(std::string(name) + " must be " + names(accepted) + " in native byte order, got " +
             text_of(array.dtype()));
}

DType result_dtype(const py::object& dtype, DType input) {
  if (dtype.is_none()) return is_integer(input) ? DType::float32 : input;
  const py::dtype wanted = py::dtype::from_args(dtype);
  const auto known = known_descriptor(wanted.ptr());
  if (known && accepts(Accepted::floats, *known)) return *known;
  type_error(std::string("dtype must be ") + names(Accepted::floats) + ", got " + text_of(wanted));
}

py::dtype numpy_dtype(DType dtype) {
  const std::array<int, 8> numbers = {NumPy::NPY_FLOAT_,  NumPy::NPY_DOUBLE_, kHalf,
                                      bfloat16_number,    NumPy::NPY_UBYTE_,  NumPy::NPY_BYTE_,
                                      NumPy::NPY_USHORT_, NumPy::NPY_SHORT_};
  return py::dtype(numbers[static_cast<size_t>(dtype)]);
}

}  // namespace bnfast
