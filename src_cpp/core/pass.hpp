// A pass over the data: reduce, fold, map. What a call asks for, in the terms of the walk.
#pragma once

#include <atomic>
#include <cmath>

#include "core/channel_values.hpp"
#include "core/coefficients.hpp"
#include "core/schedule.hpp"
#include "kernels/contract.hpp"

namespace bnfast {

// The arrays of a pass at their first element, with their item sizes in bytes.
struct Operands {
  std::array<Input, kMaxInputs> in{};
  std::array<ptrdiff_t, kMaxInputs> in_item{};
  DType x_type = DType::float32;
  std::array<Output, kMaxOutputs> out{};
  std::array<ptrdiff_t, kMaxOutputs> out_item{};

  // What is only read, which is all that a reduction needs.
  std::array<Input, kMaxInputs> inputs_at(ptrdiff_t outer, ptrdiff_t channel,
                                          ptrdiff_t inner) const {
    std::array<Input, kMaxInputs> moved = in;
    for (size_t i = 0; i < in.size(); ++i) {
      moved[i].data += outer * in[i].outer + channel * in[i].channel + inner * in_item[i];
    }
    return moved;
  }
  Operands at(ptrdiff_t outer, ptrdiff_t channel, ptrdiff_t inner) const {
    Operands moved = *this;
    moved.in = inputs_at(outer, channel, inner);
    for (size_t i = 0; i < out.size(); ++i) {
      moved.out[i].data += outer * out[i].outer + channel * out[i].channel + inner * out_item[i];
    }
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

// Neighbouring channels that are taken together, at most kMaxGroup.
struct Group {
  ptrdiff_t channel;  // the first one
  ptrdiff_t channels;
};

// Calls f(group) for all channels of [begin, end) in turn.
template <class F>
void for_groups(ptrdiff_t begin, ptrdiff_t end, F&& f) {
  for (ptrdiff_t c = begin; c < end; c += kMaxGroup) f(Group{c, std::min(kMaxGroup, end - c)});
}

// The sums of a group, whose values were shifted.
struct GroupSums : Group {
  double shift[kMaxGroup] = {};
  double first[kMaxGroup] = {}, second[kMaxGroup] = {};

  Sums sums(ptrdiff_t i) const { return {first[i], second[i]}; }
};

inline GroupSums sums_of_one(ptrdiff_t channel, double shift, const Sums& sums) {
  return {{channel, 1}, {shift}, {sums.first}, {sums.second}};
}

// What becomes of the channels' sums. Called from any thread, once per channel, and once more where
// exact sums are wanted.
class Fold {
 public:
  // Returns a bit for each channel of the group whose sums are not accurate enough: its exact sums
  // are wanted, about better_shift. None of exact sums.
  virtual unsigned take(const GroupSums& group, bool exact) = 0;
  virtual double better_shift(double shift, const Sums& sums) const = 0;

 protected:
  ~Fold() = default;  // owned by nobody through this type
};

struct Reduction {
  Reduce first_try;
  DType first_compute;
  Reduce exact;
  const ChannelValues* shift;  // wanted; null: the mean of the first values
  Fold* fold;
  ReduceMapKernel first_try_and_map;  // null: there is none for this pair
  // The kernels' coefficients behind the shift, by their compute type; null: they have none.
  const Coefficients* first_coefficients;
  const Coefficients* exact_coefficients;
};

// Sets the coefficients of a map alone: the threads that map divide the channels.
class Preparation {
 public:
  virtual void set(ptrdiff_t begin, ptrdiff_t end) = 0;

 protected:
  ~Preparation() = default;  // owned by nobody through this type
};

using CoefficientPointers = std::array<const void*, kMaxCoefficients>;

// The coefficients from a channel on; null: none.
inline void point_at(const Coefficients* from, ptrdiff_t channel, const void** to) {
  if (from) from->point_at(channel, to);
}

struct Mapping {
  Map kernel;
  const Coefficients* coefficients;    // the fold may write them during the pass
  void (*fence)();                     // to be called by each thread after its last store
  Preparation* preparation = nullptr;  // null: the coefficients are set, or the fold's

  CoefficientPointers coefficients_at(ptrdiff_t channel) const {
    CoefficientPointers at{};
    point_at(coefficients, channel, at.data());
    return at;
  }
};

// Looks at x before it is mapped, a piece at a time that then lies in cache. The result is mapped
// whole in any case.
struct FiniteCheck {
  FiniteKernel kernel;
  std::atomic<bool> passed{true};

  // rows of n elements
  void read(const Input& x, ptrdiff_t item, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t stride) {
    if (!passed.load(std::memory_order_relaxed)) return;
    const bool one_run = stride == n * item;
    if (!kernel(x.data, one_run ? 1 : rows, stride, one_run ? rows * n : n)) {
      passed.store(false, std::memory_order_relaxed);
    }
  }
};

// Either of reduction and mapping may be null. The bits of the result depend on the geometry alone.
struct Pass {
  const Geometry& geometry;
  Operands operands{};
  const Reduction* reduction = nullptr;
  const Mapping* mapping = nullptr;
  FiniteCheck* check = nullptr;  // wanted of a mapping alone; null: none
  Activation activation{};       // read by the kernels that have one
  Schedule schedule{};

  Outcome run() const;

  // Maps a block of planes that begins in a channel.
  void map_planes(const Block& block, const Operands& here, ptrdiff_t channel, Store store) const {
    mapping->kernel.planes(block, here.in.data(), here.out.data(),
                           mapping->coefficients_at(channel).data(), activation, store);
  }
};

Outcome run_planes(const Pass& pass);      // with a reduction
Outcome run_planes_map(const Pass& pass);  // a map alone
Outcome run_rows(const Pass& pass);

// What to shift by where this is wanted: an infinite shift would turn the finite values of the
// channel into NaN as well.
inline double usable_shift(double wanted) { return std::isfinite(wanted) ? wanted : 0; }

}  // namespace bnfast
