// From C's arguments to the core's, checked before anything is computed.
#pragma once

#include "core/batch_norm.hpp"
#include "include/bnfast.h"

namespace bnfast {

enum class Types { numbers, floats };

// The arguments that most calls share. Whatever is wrong is noted, and told by status().
class Arguments {
 public:
  Arguments(const bnf_shape* shape, int num_threads);

  const Shape& shape() const { return shape_; }
  ptrdiff_t channels() const { return shape_.channels(); }
  bool empty() const { return shape_.elements() == 0; }
  int threads() const { return threads_; }

  void require(bool holds) { holds_ = holds_ && holds; }
  // Refuses NULL, unless there are no channels.
  void require_channels(const double* values);
  void require_eps(double eps);

  Array input(const bnf_input* input, Types types);
  // inputs: those that it may be itself.
  Array output(const bnf_output* output, std::initializer_list<const Array*> inputs);
  // residual: where the epilogue's array is to be kept.
  Epilogue epilogue(const bnf_epilogue* epilogue, Array& residual);

  // BNF_OK: all arguments hold, and the call can be computed.
  bnf_status status() const;

 private:
  Array array(const void* data, bnf_dtype dtype, const ptrdiff_t* strides);
  void read_shape(const bnf_shape* shape);
  void read_strides(const ptrdiff_t* strides, Array& array);
  bool has_kernels() const;
  bool same_strides(const Array& a, const Array& b) const;

  Shape shape_;
  int threads_;
  bool holds_ = true;
  unsigned dtypes_ = 0;  // a bit for each that an array has
};

// Where an array is NULL, 1 and 0.
Parameters parameters_of(const double* weight, const double* bias);

// Statistics of no values are NaN; an array may be NULL.
void set_nan(ptrdiff_t channels, std::initializer_list<double*> statistics);

// Chooses the instruction set, if none is chosen.
bnf_status ready();

inline bnf_status status_of(Outcome outcome) {
  return outcome == Outcome::done ? BNF_OK : BNF_OUT_OF_MEMORY;
}

}  // namespace bnfast
