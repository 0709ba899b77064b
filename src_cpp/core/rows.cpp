// The rows walk: all channels side by side, `inner` columns each, so all rows are reduced, then all
// channels folded, then all rows mapped, last rows first: those lie in cache.
#include <atomic>
#include <cstdint>

#include "core/parallel.hpp"
#include "core/pass.hpp"
#include "core/pieces.hpp"
#include "core/shares.hpp"
#include "dispatch/dispatch.hpp"

namespace bnfast {
namespace {

// Rows whose mean is the shift. One channel of a poor shift has all rows read again, so they are
// many, and they lie apart: neighbours in an image are alike.
constexpr ptrdiff_t kMostShiftRows = 32;
constexpr ptrdiff_t kPiecesBack = 4;  // mapped at a time behind a reduction
constexpr ptrdiff_t kLineBytes = 64;
constexpr ptrdiff_t kLeastRowsOfRun = 64;

// The columns of a row.
ptrdiff_t width_of(const Pass& pass) { return pass.geometry.channels * pass.geometry.inner; }

// An absent array has no strides and item size 0: it is end to end with anything.
bool end_to_end(const Pass& pass) {
  const Operands& o = pass.operands;
  const ptrdiff_t width = width_of(pass);
  bool all = true;
  for (size_t i = 0; i < o.in.size(); ++i) all &= o.in[i].outer == width * o.in_item[i];
  for (size_t i = 0; i < o.out.size(); ++i) all &= o.out[i].outer == width * o.out_item[i];
  return all;
}

// Whether all long rows of the outputs, of `fold` rows each, begin with a vector, as the kernels
// would store it.
bool begin_vectors(const Pass& pass, ptrdiff_t fold) {
  const ptrdiff_t vector = active_kernels().vector_bytes;
  const auto begins = [&](const Output& out) {
    return reinterpret_cast<intptr_t>(out.data) % vector == 0 && fold * out.outer % vector == 0;
  };
  const auto& out = pass.operands.out;
  return std::all_of(out.begin(), out.end(), begins);
}

ptrdiff_t fold_of(const Pass& pass) {
  const Operands& o = pass.operands;
  const ptrdiff_t item = o.out_item[0] > 0 ? o.out_item[0] : o.in_item[0];
  return end_to_end(pass)
             ? rows_per_long_row(pass.geometry.outer, width_of(pass), kLineBytes / item)
             : 1;
}

// Maps all rows. Rows that lie end to end are one run of elements in which the channels recur: it
// is cut into long rows, and what is left is a short one.
class RowsMap {
 public:
  explicit RowsMap(const Pass& pass)
      : pass_(pass),
        channels_(pass.geometry.channels),
        width_(width_of(pass)),
        columns_(fold_of(pass) * width_),
        rows_(pass.geometry.elements() / columns_),
        tail_(pass.geometry.elements() % columns_),
        begin_vectors_(begin_vectors(pass, columns_ / width_)),
        store_(store()),
        length_(columns_ + (one_run() ? line() : 0)),
        long_coefficients_(pass.mapping->coefficients->compute(),
                           pass.mapping->coefficients->arrays(), own_row() ? 0 : length_),
        step_(rows_of_piece()),
        pieces_(ceil_div(rows_, step_)),
        shares_(pieces_, pass.schedule.threads,
                columns_ > kSmallTaskElements ? kLargeTasks : kSmallTasks) {}

  bool failed() const { return long_coefficients_.failed(); }

  // Before `run`: each thread sets the coefficients of some channels, if they are not set yet, and
  // repeats them along the long row.
  void prepare(const Team& team) {
    Preparation* const preparation = pass_.mapping->preparation;
    if (!preparation && own_row()) return;
    const ptrdiff_t begin = team.begin(channels_), end = team.end(channels_);
    if (preparation) preparation->set(begin, end);
    if (!own_row()) spread(begin, end);
    team.barrier();
  }

  void run(const Team& team) {
    if (tail_ > 0 && team.rank == team.size - 1) map_block(rows_, 1, tail_, store_);
    // Behind a reduction last rows first: those lie in cache. Alone as they lie in memory.
    const bool back = pass_.reduction;
    for_claimed(shares_, back ? team.size - 1 - team.rank : team.rank, team.size, at_once(),
                [&](ptrdiff_t piece, ptrdiff_t pieces) {
                  map_pieces(back ? pieces_ - piece - pieces : piece, pieces);
                });
    pass_.mapping->fence();
  }

 private:
  ptrdiff_t line() const { return kLineBytes / pass_.operands.out_item[0]; }

  // Rows that lie end to end, but begin within vectors, are one run, if they are streamed or not
  // few of them: copying the coefficients would take as long as that spares.
  Store store() const {
    const Store planned = pass_.schedule.store;
    if (planned == Store::streaming || begin_vectors_) return planned;
    const bool few = columns_ == channels_ && rows_ < kLeastRowsOfRun;
    if (few || !end_to_end(pass_)) return Store::ordinary;
    return planned == Store::near ? Store::near : Store::row_run;
  }
  bool one_run() const { return store_ != Store::ordinary && !begin_vectors_; }

  bool own_row() const { return length_ == channels_; }  // then inner is 1, too

  ptrdiff_t rows_of_piece() const {
    // What is looked at is then mapped out of the nearest cache.
    if (pass_.reduction || pass_.check) return ceil_div(kSmallTaskElements, columns_);
    if (pass_.schedule.mixes_stores()) return ceil_div(kMixedPieceElements, columns_);
    return ceil_div(elements_of_task(rows_ * columns_, pass_.schedule.threads), columns_);
  }

  ptrdiff_t at_once() const {
    if (pass_.reduction) return kPiecesBack;
    return pass_.check || pass_.schedule.mixes_stores() ? 1 : pieces_;
  }

  void spread(ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t inner = pass_.geometry.inner;
    for (int a = 0; a < long_coefficients_.arrays(); ++a) {
      long_coefficients_.repeat(a, *pass_.mapping->coefficients, a, begin, end, inner);
      long_coefficients_.recur(a, begin * inner, (end - begin) * inner, width_);
    }
  }

  void map_pieces(ptrdiff_t piece, ptrdiff_t pieces) const {
    const ptrdiff_t row = piece * step_;
    map_block(row, std::min(pieces * step_, rows_ - row), columns_,
              pass_.schedule.mixes_stores() ? pass_.schedule.store_of(piece) : store_);
  }

  void map_block(ptrdiff_t row, ptrdiff_t rows, ptrdiff_t columns, Store store) const {
    const ptrdiff_t fold = columns_ / width_;
    Operands here = pass_.operands.at(row * fold, 0, 0);
    for (Input& in : here.in) in.outer *= fold;
    for (Output& out : here.out) out.outer *= fold;
    const Mapping& mapping = *pass_.mapping;
    const Coefficients& from = own_row() ? *mapping.coefficients : long_coefficients_;
    CoefficientPointers coefficients;
    from.point_at(0, coefficients.data());
    if (pass_.check) {
      pass_.check->read(here.in[0], here.in_item[0], rows, columns, here.in[0].outer);
    }
    mapping.kernel.rows({rows, columns, 1}, here.in.data(), here.out.data(), coefficients.data(),
                        pass_.activation, store);
  }

  const Pass& pass_;
  ptrdiff_t channels_, width_, columns_, rows_, tail_;
  bool begin_vectors_;
  Store store_;
  ptrdiff_t length_;  // of the coefficients
  Coefficients long_coefficients_;
  ptrdiff_t step_, pieces_;
  Shares shares_;  // of the pieces
};

// Reduces all rows and folds all channels. A column j of a long row belongs to channel
// j % width / inner. The rows that do not fill a long row, the rest, are one more row of fewer
// columns.
class RowsReduction {
 public:
  explicit RowsReduction(const Pass& pass)
      : pass_(pass),
        channels_(pass.geometry.channels),
        inner_(pass.geometry.inner),
        width_(width_of(pass)),
        fold_(fold_of(pass)),
        columns_(fold_ * width_),
        rows_(pass.geometry.outer / fold_),
        rest_(pass.geometry.outer % fold_ * width_),
        blocks_(rows_, columns_),
        shift_(channels_),
        first_coefficients_(pass.reduction->first_compute,
                            1 + arrays_of(pass.reduction->first_coefficients), columns_),
        exact_coefficients_(DType::float64, 1 + arrays_of(pass.reduction->exact_coefficients),
                            columns_),
        sums_(2 * sums()),
        wants_exact_(channels_, Fill::zeros),
        shares_(blocks_.size(), pass.schedule.threads, kLargeTasks) {}

  bool failed() const {
    return shift_.failed() || first_coefficients_.failed() || exact_coefficients_.failed() ||
           sums_.failed() || wants_exact_.failed();
  }

  void run(const Team& team) {
    const Reduction& reduction = *pass_.reduction;
    // Rows that are taken as one have few columns: one thread is enough for them.
    const bool alone = fold_ > 1;
    if (!alone || team.rank == 0) {
      const ptrdiff_t begin = alone ? 0 : team.begin(channels_);
      find_shift(begin, alone ? channels_ : team.end(channels_));
    }
    team.barrier();
    reduce(team, reduction.first_try.rows, first_coefficients_);
    fold(team);
    if (!any_wants_exact_) return;
    if (team.rank == 0) shares_.refill();
    set_shift(exact_coefficients_, reduction.exact_coefficients, team.begin(channels_),
              team.end(channels_));
    team.barrier();
    reduce(team, reduction.exact.rows, exact_coefficients_);
    fold_exact(team);
  }

 private:
  static int arrays_of(const Coefficients* behind_shift) {
    return behind_shift ? behind_shift->arrays() : 0;
  }

  // How many there are of each of the two sums: one per range and column, the rest's last.
  ptrdiff_t sums() const { return blocks_.ranges() * columns_ + rest_; }
  double* first(ptrdiff_t at) { return sums_.data() + at; }
  double* second(ptrdiff_t at) { return sums_.data() + sums() + at; }

  // Strides from one long row to the next.
  std::array<Input, kMaxInputs> long_rows_at(ptrdiff_t row, ptrdiff_t column) const {
    std::array<Input, kMaxInputs> in = pass_.operands.inputs_at(row * fold_, 0, column);
    for (Input& one : in) one.outer *= fold_;
    return in;
  }

  // Of channels [begin, end): all, where a long row holds each more than once.
  void find_shift(ptrdiff_t begin, ptrdiff_t end) {
    const Reduction& reduction = *pass_.reduction;
    if (reduction.shift) {
      reduction.shift->read(begin, end - begin, &shift_[begin]);
    } else {
      shift_from_some_rows(begin, end);
    }
    set_shift(first_coefficients_, reduction.first_coefficients, begin, end);
  }

  // The kernels' coefficients along the long row: the shifts, as used from now on, and others.
  void set_shift(Coefficients& all, const Coefficients* others, ptrdiff_t begin, ptrdiff_t end) {
    if (all.compute() == DType::float32) {
      round_shift(all.row<float>(0, 0), begin, end);
    } else {
      round_shift(all.row<double>(0, 0), begin, end);
    }
    for (int a = 0; a < all.arrays(); ++a) {
      if (a > 0) all.repeat(a, *others, a - 1, begin, end, inner_);
      all.recur(a, begin * inner_, (end - begin) * inner_, width_);
    }
  }

  template <class C>
  void round_shift(C* along_row, ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t c = begin; c < end; ++c) {
      shift_[c] = usable_shift(static_cast<double>(static_cast<C>(shift_[c])));
    }
    repeat_each(&shift_[begin], end - begin, inner_, along_row + begin * inner_);
  }

  void shift_from_some_rows(ptrdiff_t begin, ptrdiff_t end) {
    if (begin == end) return;  // more threads than channels: kernels take a column at least
    const ptrdiff_t rows = std::min(rows_, std::clamp<ptrdiff_t>(rows_ / 8, 4, kMostShiftRows));
    const ptrdiff_t from = begin * inner_, last = columns_ - width_ + end * inner_;
    Input apart = long_rows_at(0, from)[0];
    apart.outer *= rows_ / rows;
    double* const zeros = exact_coefficients_.row<double>(0, from);
    std::fill(zeros, zeros + (last - from), 0.0);
    const void* about_zero = zeros;
    pass_.reduction->exact.rows({rows, last - from, 1}, &apart, &about_zero, pass_.activation,
                                first(from), second(from));
    const double share = 1 / static_cast<double>(rows * fold_ * inner_);
    for (ptrdiff_t c = begin; c < end; ++c) {
      shift_[c] = 0;
      for (ptrdiff_t j = c * inner_; j < columns_; j += width_) {
        for (ptrdiff_t i = 0; i < inner_; ++i) shift_[c] += *first(j + i) * share;
      }
    }
  }

  void reduce(const Team& team, ReduceKernel kernel, const Coefficients& along_row) {
    for_claimed(shares_, team.rank, team.size, 1, [&](ptrdiff_t block, ptrdiff_t) {
      reduce_block(blocks_[block], kernel, along_row);
    });
    if (rest_ > 0 && team.rank == 0) {
      reduce_block({blocks_.ranges(), rows_, 1, 0, rest_}, kernel, along_row);
    }
    team.barrier();
  }

  void reduce_block(const RowBlock& block, ReduceKernel kernel, const Coefficients& along_row) {
    CoefficientPointers coefficients;
    along_row.point_at(block.column, coefficients.data());
    const ptrdiff_t at = block.range * columns_ + block.column;
    kernel({block.rows, block.columns, 1}, long_rows_at(block.row, block.column).data(),
           coefficients.data(), pass_.activation, first(at), second(at));
  }

  void fold(const Team& team) {
    for_groups(team.begin(channels_), team.end(channels_), [&](const Group& group) {
      const GroupSums sums = sums_of(group);
      const unsigned wanted = pass_.reduction->fold->take(sums, false);
      for (ptrdiff_t i = 0; wanted >> i; ++i) {
        if (wanted >> i & 1) want_exact(group.channel + i, sums.sums(i));
      }
    });
    team.barrier();
  }

  void fold_exact(const Team& team) {
    for (ptrdiff_t c = team.begin(channels_); c < team.end(channels_); ++c) {
      if (wants_exact_[c]) pass_.reduction->fold->take(sums_of({c, 1}), true);
    }
    team.barrier();
  }

  void add_columns(const double* sums, ptrdiff_t channels, double* to) const {
    if (inner_ == 1) {  // the compiler adds in vectors
      for (ptrdiff_t i = 0; i < channels; ++i) to[i] += sums[i];
    } else {
      for (ptrdiff_t i = 0; i < channels; ++i) {
        for (ptrdiff_t k = 0; k < inner_; ++k) to[i] += *sums++;
      }
    }
  }

  GroupSums sums_of(const Group& group) {
    const auto [channel, channels] = group;
    GroupSums of{group};
    std::copy_n(shift_.data() + channel, channels, of.shift);
    const ptrdiff_t all = sums();
    for (ptrdiff_t j = channel * inner_; j < all; j += width_) {
      add_columns(first(j), channels, of.first);
      add_columns(second(j), channels, of.second);
    }
    return of;
  }

  void want_exact(ptrdiff_t channel, const Sums& sums) {
    double& shift = shift_[channel];
    shift = pass_.reduction->fold->better_shift(shift, sums);
    wants_exact_[channel] = true;
    any_wants_exact_ = true;
  }

  const Pass& pass_;
  ptrdiff_t channels_, inner_, width_, fold_, columns_, rows_, rest_;
  RowBlocks blocks_;
  Memory<double> shift_;  // per channel, as used
  Coefficients first_coefficients_, exact_coefficients_;
  Memory<double> sums_;
  Memory<bool> wants_exact_;
  std::atomic<bool> any_wants_exact_{false};
  Shares shares_;  // of the blocks
};

Outcome run_map(const Pass& pass) {
  RowsMap map(pass);
  if (map.failed()) return Outcome::out_of_memory;
  run_team(pass.schedule.threads, [&](const Team& team) {
    map.prepare(team);
    map.run(team);
  });
  return Outcome::done;
}

Outcome run_both(const Pass& pass) {
  RowsReduction reduction(pass);
  RowsMap map(pass);
  if (reduction.failed() || map.failed()) return Outcome::out_of_memory;
  run_team(pass.schedule.threads, [&](const Team& team) {
    reduction.run(team);
    map.prepare(team);
    map.run(team);
  });
  return Outcome::done;
}

Outcome run_reduction(const Pass& pass) {
  RowsReduction reduction(pass);
  if (reduction.failed()) return Outcome::out_of_memory;
  run_team(pass.schedule.threads, [&](const Team& team) { reduction.run(team); });
  return Outcome::done;
}

}  // namespace

Outcome run_rows(const Pass& pass) {
  if (!pass.reduction) return run_map(pass);
  return pass.mapping ? run_both(pass) : run_reduction(pass);
}

}  // namespace bnfast
