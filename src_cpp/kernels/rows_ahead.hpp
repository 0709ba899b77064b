// Where the rows lie that short planes' reduction will read later.
#pragma once

#include "kernels/reduced.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// How far ahead a block's rows are read: so many rows, of this block or, from its end on, of the
// next one; at most a block.
template <class Op>
class RowsAhead {
 public:
  template <class T>
  RowsAhead(const Reduced<Op, T>& of, ptrdiff_t rows)
      : left_(rows < of.block.outer ? of.block.outer - rows : 0) {
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      const ptrdiff_t row = of.in.in[k].outer;
      here_.bytes[k] = (of.block.outer - left_) * row;
      next_.bytes[k] = of.next.in[k].data - of.in.in[k].data - left_ * row;
    }
  }
  __attribute__((always_inline)) const ReadAhead<Op>& from(ptrdiff_t row) const {
    return row < left_ ? here_ : next_;
  }
  template <class T>
  __attribute__((always_inline)) Inputs<Op, T> from(ptrdiff_t row, const Inputs<Op, T>& at) const {
    Inputs<Op, T> ahead;
#pragma GCC unroll 4
    for (int k = 0; k < Op::inputs; ++k) {
      ahead.at[k] =
          reinterpret_cast<const T*>(reinterpret_cast<const char*>(at.at[k]) + from(row).bytes[k]);
    }
    return ahead;
  }

 private:
  ptrdiff_t left_;  // rows whose rows ahead are of this block
  ReadAhead<Op> here_, next_;
};

// The same for steps, which are planes of a row each.
template <class Op>
struct StepsAhead {
  RowsAhead<Op> rows;
  ptrdiff_t begin;
  template <class T>
  __attribute__((always_inline)) void touch(ptrdiff_t step, const T* const* at) const {
    rows.from(begin + step).touch(step, at);
  }
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
