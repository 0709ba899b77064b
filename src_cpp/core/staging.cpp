#include "core/staging.hpp"

#include <algorithm>
#include <cstring>

namespace bnfast {
namespace {

bool same_strides(const Shape& shape, const Array& a, const Array& b) {
  for (int axis = 0; axis < shape.rank; ++axis) {
    if (shape.size[axis] > 1 && a.stride[axis] != b.stride[axis]) return false;
  }
  return true;
}

void copy_elements(const Shape& shape, int axis, const char* from, const Array& source, char* to,
                   const Array& target) {
  if (axis == shape.rank) {
    std::memcpy(to, from, static_cast<size_t>(size_of(source.dtype)));
    return;
  }
  for (ptrdiff_t i = 0; i < shape.size[axis]; ++i) {
    copy_elements(shape, axis + 1, from + i * source.stride[axis], source,
                  to + i * target.stride[axis], target);
  }
}

void copy(const Shape& shape, const Array& source, const Array& target) {
  copy_elements(shape, 0, source.data, source, target.data, target);
}

}  // namespace

Array dense(const Shape& shape, const std::array<int, kMaxRank>& order, DType dtype) {
  Array array;
  array.dtype = dtype;
  ptrdiff_t stride = size_of(dtype);
  for (int i = shape.rank - 1; i >= 0; --i) {
    array.stride[order[i]] = stride;
    stride *= shape.size[order[i]];
  }
  return array;
}

Staging::Staging(const Shape& shape, std::initializer_list<const Array*> inputs,
                 std::initializer_list<const Array*> outputs)
    : shape_(shape) {
  for (const Array* input : inputs) {
    if (input) given_[count_++] = input;
  }
  inputs_ = count_;
  for (const Array* output : outputs) {
    if (output) given_[count_++] = output;
  }
  arrays_ = given_;
  if (collapse(shape_, arrays_.data(), count_, geometry_)) return;
  for (int a = count_ - 1; a >= 0 && !failed_; --a) make_dense(a);
  if (!failed_) collapse(shape_, arrays_.data(), count_, geometry_);
}

void Staging::make_dense(int array) {
  const Array& given = *given_[array];
  Array& copied = dense_[array];
  copied = dense(shape_, axes_by_stride(shape_, *given_[0]), given.dtype);
  if (same_strides(shape_, given, copied)) return;
  buffers_[array] = Memory<char>(shape_.elements() * size_of(given.dtype));
  failed_ = buffers_[array].failed();
  if (failed_) return;
  copied.data = buffers_[array].data();
  if (array < inputs_) copy(shape_, given, copied);
  arrays_[array] = &copied;
}

void Staging::finish() {
  for (int a = inputs_; a < count_; ++a) {
    if (arrays_[a] != given_[a]) copy(shape_, *arrays_[a], *given_[a]);
  }
}

}  // namespace bnfast
