// The rows walk: all channels side by side, so all rows are reduced, then all channels folded, then
// all rows mapped, last rows first: those lie in cache.
#include <atomic>
#include <vector>

#include "core/parallel.hpp"
#include "core/pass.hpp"
#include "core/pieces.hpp"

namespace bnfast {
namespace {

constexpr ptrdiff_t kMostShiftRows = 16;       // rows whose mean is the shift
constexpr ptrdiff_t kMapElements = 32 * 1024;  // handed to a map at a time

// A column j of a long row belongs to channel j % channels. The rows that do not fill a long row,
// the rest, are one more row of fewer columns.
class RowsWalk {
 public:
  explicit RowsWalk(const Pass& pass)
      : pass_(pass),
        channels_(pass.geometry.channels),
        fold_(end_to_end() ? rows_per_long_row(pass.geometry.outer, channels_) : 1),
        columns_(fold_ * channels_),
        rows_(pass.geometry.outer / fold_),
        rest_(pass.geometry.outer % fold_ * channels_),
        blocks_(rows_, columns_) {}

  void run() {
    if (!pass_.reduction) {
      if (fold_ > 1) spread_coefficients(0, channels_);
      run_team(pass_.threads, [&](const Team& team) { map(team); });
      return;
    }
    find_shift();
    first_.resize(static_cast<size_t>((blocks_.size() + 1) * columns_));
    second_.resize(first_.size());
    wants_exact_.resize(static_cast<size_t>(channels_));
    run_team(pass_.threads, [&](const Team& team) { reduce_fold_map(team); });
  }

 private:
  // An absent array has no strides and item size 0: it is end to end with anything.
  bool end_to_end() const {
    const Operands& o = pass_.operands;
    return o.in[0].outer == channels_ * o.in_item[0] && o.in[1].outer == channels_ * o.in_item[1] &&
           o.out.outer == channels_ * o.out_item;
  }

  Operands at_row(ptrdiff_t row) const { return pass_.operands.at(row * fold_, 0, 0); }

  // Strides from one long row to the next.
  Operands long_rows_at(ptrdiff_t row) const {
    Operands here = at_row(row);
    for (Input& in : here.in) in.outer *= fold_;
    here.out.outer *= fold_;
    return here;
  }

  void find_shift() {
    const Reduction& reduction = *pass_.reduction;
    shift_.assign(static_cast<size_t>(channels_), 0);
    if (reduction.shift) {
      std::copy(reduction.shift, reduction.shift + channels_, shift_.begin());
    } else {
      shift_from_first_rows();
    }
    Coefficients typed(reduction.first_compute, 1, columns_);
    for (ptrdiff_t c = 0; c < channels_; ++c) {
      shift_[static_cast<size_t>(c)] = typed.rounded(shift_[static_cast<size_t>(c)]);
      for (ptrdiff_t j = c; j < columns_; j += channels_) {
        typed.set(0, j, shift_[static_cast<size_t>(c)]);
      }
    }
    typed_shift_ = std::move(typed);
  }

  void shift_from_first_rows() {
    const ptrdiff_t wanted = std::clamp<ptrdiff_t>(pass_.geometry.outer / 8, 4, kMostShiftRows);
    const ptrdiff_t rows = std::min(rows_, ceil_div(wanted, fold_));
    const std::vector<double> zero(static_cast<size_t>(columns_));
    std::vector<double> first(zero.size()), second(zero.size());
    pass_.reduction->exact.rows({rows, columns_, 1}, long_rows_at(0).in.data(), zero.data(),
                                first.data(), second.data());
    for (ptrdiff_t c = 0; c < channels_; ++c) {
      double sum = 0;
      for (ptrdiff_t j = c; j < columns_; j += channels_) sum += first[static_cast<size_t>(j)];
      shift_[static_cast<size_t>(c)] = usable_shift(sum / static_cast<double>(rows * fold_));
    }
  }

  void reduce_fold_map(const Team& team) {
    reduce(team, pass_.reduction->first_try.rows, typed_shift_);
    fold(team, false);
    if (any_wants_exact_) {
      if (team.rank == 0) take_better_shifts();
      team.barrier();
      reduce(team, pass_.reduction->exact.rows, typed_shift_);
      fold(team, true);
    }
    if (!pass_.mapping) return;
    if (fold_ > 1) {
      spread_coefficients(team.begin(channels_), team.end(channels_));
      team.barrier();
    }
    map(team);
  }

  void reduce(const Team& team, ReduceKernel kernel, const Coefficients& shift) {
    for (ptrdiff_t b = team.begin(blocks_.size()); b < team.end(blocks_.size()); ++b) {
      const RowRange range = blocks_[b];
      kernel({range.end - range.begin, columns_, 1}, long_rows_at(range.begin).in.data(),
             shift.at(0, 0), &first_[static_cast<size_t>(b * columns_)],
             &second_[static_cast<size_t>(b * columns_)]);
    }
    if (rest_ > 0 && team.rank == 0) {
      const auto rest = static_cast<size_t>(blocks_.size() * columns_);
      kernel({1, rest_, 1}, at_row(rows_).in.data(), shift.at(0, 0), &first_[rest], &second_[rest]);
    }
    team.barrier();
  }

  Sums sums_of(ptrdiff_t channel) const {
    Sums sums;
    const ptrdiff_t all = blocks_.size() * columns_ + rest_;
    for (ptrdiff_t j = channel; j < all; j += channels_) {
      sums.add(first_[static_cast<size_t>(j)], second_[static_cast<size_t>(j)]);
    }
    return sums;
  }

  void fold(const Team& team, bool exact) {
    for (ptrdiff_t c = team.begin(channels_); c < team.end(channels_); ++c) {
      const auto i = static_cast<size_t>(c);
      if (exact && !wants_exact_[i]) continue;
      const Sums sums = sums_of(c);
      if (pass_.reduction->fold->take(c, shift_[i], sums, exact)) continue;
      wants_exact_[i] = true;
      shift_[i] = pass_.reduction->fold->better_shift(shift_[i], sums);
      any_wants_exact_ = true;
    }
    team.barrier();
  }

  void take_better_shifts() {
    typed_shift_ = Coefficients(DType::float64, 1, columns_);
    for (ptrdiff_t j = 0; j < columns_; ++j) {
      typed_shift_.set(0, j, shift_[static_cast<size_t>(j % channels_)]);
    }
  }

  void spread_coefficients(ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t c = begin; c < end; ++c) {
      for (ptrdiff_t j = c; j < columns_; j += channels_) {
        long_coefficients_.copy(j, *pass_.mapping->coefficients, c);
      }
    }
  }

  void map(const Team& team) const {
    const ptrdiff_t begin = blocks_[team.begin(blocks_.size())].begin;
    const ptrdiff_t end = blocks_[team.end(blocks_.size()) - 1].end;
    if (rest_ > 0 && team.rank == team.size - 1) map_block({1, rest_, 1}, at_row(rows_));
    const ptrdiff_t step = std::max<ptrdiff_t>(1, kMapElements / columns_);
    for (ptrdiff_t last = end; last > begin; last -= step) {
      const ptrdiff_t first = std::max(begin, last - step);
      map_block({last - first, columns_, 1}, long_rows_at(first));
    }
  }

  void map_block(const Block& block, const Operands& here) const {
    const Mapping& mapping = *pass_.mapping;
    const Coefficients& from = fold_ > 1 ? long_coefficients_ : *mapping.coefficients;
    const void* coefficients[4];
    for (int a = 0; a < from.arrays(); ++a) coefficients[a] = from.at(a, 0);
    mapping.kernel.rows(block, here.in.data(), here.out, coefficients, mapping.store);
  }

  const Pass& pass_;
  ptrdiff_t channels_, fold_, columns_, rows_, rest_;
  RowBlocks blocks_;
  std::vector<double> shift_;  // per channel, as used
  Coefficients typed_shift_{DType::float64, 1, 0};
  std::vector<double> first_, second_;  // per block and column, the rest's last
  std::vector<char> wants_exact_;
  std::atomic<bool> any_wants_exact_{false};
  Coefficients long_coefficients_{
      pass_.mapping ? pass_.mapping->coefficients->compute() : DType::float64,
      pass_.mapping ? pass_.mapping->coefficients->arrays() : 0, fold_ > 1 ? columns_ : 0};
};

}  // namespace

void run_rows(const Pass& pass) { RowsWalk(pass).run(); }

}  // namespace bnfast
