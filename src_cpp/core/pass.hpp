// A pass over the data: reduce, fold, map. What a call asks for, in the terms of the walk.
#pragma once

#include "core/coefficients.hpp"
#include "core/schedule.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// The arrays of a pass at their first element, with their item sizes in bytes.
struct Operands {
  std::array<Input, 2> in{};
  std::array<ptrdiff_t, 2> in_item{};
  Output out{};
  ptrdiff_t out_item = 0;

  Operands at(ptrdiff_t outer, ptrdiff_t channel, ptrdiff_t inner) const {
    Operands moved = *this;
    for (size_t i = 0; i < in.size(); ++i) {
      moved.in[i].data += outer * in[i].outer + channel * in[i].channel + inner * in_item[i];
    }
    moved.out.data += outer * out.outer + channel * out.channel + inner * out_item;
    return moved;
  }
};

// Two sums of a channel over all its values: see ReduceKernel.
struct Sums {
  double first = 0;
  double second = 0;

  void add(double f, double s) {
    first += f;
    second += s;
  }
  void add(const Sums& sums) { add(sums.first, sums.second); }
};

// What becomes of a channel's sums. Called from any thread, once per channel, and once
// more where exact sums are wanted.
class Fold {
 public:
  virtual ~Fold() = default;
  // Takes the sums of channel c, whose values were shifted by `shift`. False: they are not accurate
  // enough, and the exact sums are wanted, about this shift; not asked of exact sums.
  virtual bool take(ptrdiff_t c, double shift, const Sums& sums, bool exact) = 0;
  virtual double better_shift(double shift, const Sums& sums) const = 0;
};

struct Reduction {
  Reduce first_try;
  DType first_compute;
  Reduce exact;
  const double* shift;  // one value per channel; null: taken from the data's first values
  Fold* fold;
  ReduceMapKernel first_try_and_map;  // null: there is none for this pair
};

struct Mapping {
  Map kernel;
  const Coefficients* coefficients;  // the fold may write them during the pass
  void (*fence)();                   // to be called by each thread after its last store
};

// Either of reduction and mapping may be null. The bits of the result depend on the geometry alone.
struct Pass {
  Geometry geometry;
  Operands operands;
  const Reduction* reduction;
  const Mapping* mapping;
  Schedule schedule;

  void run() const;
};

void run_planes(const Pass& pass);
void run_rows(const Pass& pass);

// The shift to use where the first values have this mean.
double usable_shift(double mean_of_first);

}  // namespace bnfast
