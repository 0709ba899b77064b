#include "c_api/arguments.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "core/activations.hpp"
#include "core/parallel.hpp"
#include "dispatch/dispatch.hpp"

namespace bnfast {
namespace {

static_assert(static_cast<int>(DType::float32) == BNF_FLOAT32, "one order");
static_assert(static_cast<int>(DType::float64) == BNF_FLOAT64, "one order");
static_assert(static_cast<int>(DType::float16) == BNF_FLOAT16, "one order");
static_assert(static_cast<int>(DType::bfloat16) == BNF_BFLOAT16, "one order");
static_assert(static_cast<int>(DType::uint8) == BNF_UINT8, "one order");
static_assert(static_cast<int>(DType::int8) == BNF_INT8, "one order");
static_assert(static_cast<int>(DType::uint16) == BNF_UINT16, "one order");
static_assert(static_cast<int>(DType::int16) == BNF_INT16, "one order");

// So many elements that no size in bytes, of several arrays side by side, overflows.
constexpr ptrdiff_t kMostElements = PTRDIFF_MAX / 256;
constexpr int kMostThreads = 65535;

bool is_dtype(int dtype) { return dtype >= BNF_FLOAT32 && dtype <= BNF_INT16; }
bool is_activation(int activation) {
  return activation >= BNF_NO_ACTIVATION && activation <= BNF_SILU;
}

// Of the shape or of any part of it: axes of length 0 count as 1.
bool countable(const Shape& shape) {
  ptrdiff_t elements = 1;
  for (int axis = 0; axis < shape.rank; ++axis) {
    const ptrdiff_t size = std::max<ptrdiff_t>(shape.size[axis], 1);
    if (shape.size[axis] < 0 || __builtin_mul_overflow(elements, size, &elements)) return false;
  }
  return elements <= kMostElements;
}

// The distance from the first to the last index fits.
bool reachable(const Shape& shape, const Array& array) {
  ptrdiff_t above = 0, below = 0;
  for (int axis = 0; axis < shape.rank; ++axis) {
    ptrdiff_t reach = 0;
    const ptrdiff_t steps = std::max<ptrdiff_t>(shape.size[axis] - 1, 0);
    if (__builtin_mul_overflow(steps, array.stride[axis], &reach)) return false;
    ptrdiff_t& side = reach < 0 ? below : above;
    if (__builtin_add_overflow(side, reach, &side)) return false;
  }
  return true;
}

Activation activation_of(const bnf_epilogue& epilogue) {
  switch (epilogue.activation) {
    case BNF_RELU:
      return relu();
    case BNF_RELU6:
      return relu6();
    case BNF_LEAKY_RELU:
      return leaky_relu(epilogue.negative_slope);
    case BNF_HARDSWISH:
      return hardswish();
    case BNF_SILU:
      return silu();
    default:
      return identity();
  }
}

}  // namespace

Arguments::Arguments(const bnf_shape* shape, int num_threads)
    : threads_(num_threads == 0 ? default_threads() : num_threads) {
  require(num_threads >= 0 && num_threads <= kMostThreads);
  read_shape(shape);
}

void Arguments::read_shape(const bnf_shape* shape) {
  require(shape && shape->size && shape->rank >= 1 && shape->rank <= kMaxRank);
  require(holds_ && shape->channel_axis >= -shape->rank && shape->channel_axis < shape->rank);
  if (holds_) {
    shape_.rank = shape->rank;
    shape_.channel_axis = shape->channel_axis + (shape->channel_axis < 0 ? shape->rank : 0);
    std::copy_n(shape->size, shape->rank, shape_.size.begin());
    require(countable(shape_));
  }
  if (holds_) return;
  shape_.rank = 1;  // nothing is computed, but what follows may look at it
  shape_.channel_axis = 0;
  shape_.size[0] = 0;
}

void Arguments::require_channels(const double* values) { require(values || channels() == 0); }

void Arguments::require_eps(double eps) { require(std::isfinite(eps) && eps >= 0); }

void Arguments::read_strides(const ptrdiff_t* strides, Array& array) {
  if (strides) {
    std::copy_n(strides, shape_.rank, array.stride.begin());
    return require(reachable(shape_, array));
  }
  ptrdiff_t stride = size_of(array.dtype);
  for (int axis = shape_.rank - 1; axis >= 0; --axis) {
    array.stride[axis] = stride;
    stride *= std::max<ptrdiff_t>(shape_.size[axis], 1);
  }
}

Array Arguments::array(const void* data, bnf_dtype dtype, const ptrdiff_t* strides) {
  Array array;
  require((data || empty()) && is_dtype(dtype));
  if (!holds_) return array;
  array.data = static_cast<char*>(const_cast<void*>(data));
  array.dtype = static_cast<DType>(dtype);
  dtypes_ |= 1u << dtype;
  read_strides(strides, array);
  return array;
}

Array Arguments::input(const bnf_input* input, Types types) {
  require(input);
  if (!holds_) return {};
  const Array read = array(input->data, input->dtype, input->strides);
  require(types == Types::numbers || !is_integer(read.dtype));
  return read;
}

bool Arguments::same_strides(const Array& a, const Array& b) const {
  for (int axis = 0; axis < shape_.rank; ++axis) {
    if (shape_.size[axis] > 1 && a.stride[axis] != b.stride[axis]) return false;
  }
  return true;
}

Array Arguments::output(const bnf_output* output, std::initializer_list<const Array*> inputs) {
  require(output);
  if (!holds_) return {};
  const Array read = array(output->data, output->dtype, output->strides);
  require(!is_integer(read.dtype));
  for (int axis = 0; axis < shape_.rank && holds_; ++axis) {
    require(shape_.size[axis] <= 1 || std::abs(read.stride[axis]) >= size_of(read.dtype));
  }
  for (const Array* input : inputs) {
    const bool itself = holds_ && !empty() && input && input->data == read.data;
    if (itself) require(input->dtype == read.dtype && same_strides(*input, read));
  }
  return read;
}

Epilogue Arguments::epilogue(const bnf_epilogue* epilogue, Array& residual) {
  if (!epilogue) return {};
  require(is_activation(epilogue->activation));
  if (!holds_) return {};
  const bool present = epilogue->residual || epilogue->activation != BNF_NO_ACTIVATION;
  if (epilogue->residual) residual = input(epilogue->residual, Types::floats);
  return {present, activation_of(*epilogue), epilogue->residual ? &residual : nullptr};
}

bool Arguments::has_kernels() const {
  for (int dtype = BNF_FLOAT32; dtype <= BNF_INT16; ++dtype) {
    if ((dtypes_ >> dtype & 1u) && !is_built(static_cast<DType>(dtype))) return false;
  }
  return true;
}

bnf_status Arguments::status() const {
  if (!holds_) return BNF_INVALID_ARGUMENT;
  if (threads_ <= 0 || ready() != BNF_OK || !has_kernels()) return BNF_UNSUPPORTED;
  return BNF_OK;
}

Parameters parameters_of(const double* weight, const double* bias) {
  Parameters parameters;
  if (weight) parameters.weight = ChannelValues(weight);
  if (bias) parameters.bias = ChannelValues(bias);
  return parameters;
}

void set_nan(ptrdiff_t channels, std::initializer_list<double*> statistics) {
  for (double* values : statistics) {
    if (values) std::fill_n(values, channels, std::numeric_limits<double>::quiet_NaN());
  }
}

bnf_status ready() { return choose_isa() == IsaChoice::chosen ? BNF_OK : BNF_UNSUPPORTED; }

}  // namespace bnfast
