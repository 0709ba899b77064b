// What cannot be walked where it lies is copied once.
#pragma once

#include "core/collapse.hpp"
#include "core/memory.hpp"

namespace bnfast {

// The dense array of this shape whose axes lie in `order`, widest first. It has no data yet.
Array dense(const Shape& shape, const std::array<int, kMaxRank>& order, DType dtype);

// The arrays of one call, ready to be walked. Where they have no joint geometry, every array that
// is not dense in the first array's axis order is replaced by a dense copy; the outputs' copies are
// written back by finish().
class Staging {
 public:
  // The arrays must outlive the staging. Null: left out.
  Staging(const Shape& shape, std::initializer_list<const Array*> inputs,
          std::initializer_list<const Array*> outputs);

  Staging(const Staging&) = delete;  // arrays_ may point into dense_
  Staging& operator=(const Staging&) = delete;

  // There was no memory for the copies: of no use but to be destroyed.
  bool failed() const { return failed_; }
  const Geometry& geometry() const { return geometry_; }
  char* data(int array) const { return arrays_[array]->data; }
  DType dtype(int array) const { return arrays_[array]->dtype; }
  void finish();

 private:
  void make_dense(int array);

  const Shape& shape_;
  int inputs_, count_ = 0;
  std::array<const Array*, kMaxArrays> given_{};
  std::array<const Array*, kMaxArrays> arrays_;  // the same, or what replaces them
  std::array<Array, kMaxArrays> dense_;          // what replaces them, where it must
  std::array<Memory<char>, kMaxArrays> buffers_;
  bool failed_ = false;
  Geometry geometry_;
};

}  // namespace bnfast
