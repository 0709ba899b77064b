#include "core/integer_moments.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "core/pieces.hpp"
#include "core/schedule.hpp"
#include "core/shares.hpp"
#include "core/staging.hpp"
#include "dispatch/dispatch.hpp"

namespace bnfast {
namespace {

constexpr ptrdiff_t kBlockElements = 65536;  // handed to a kernel at a time, about
constexpr ptrdiff_t kLeastRows = 64;         // of a block: its columns are added up one by one
constexpr ptrdiff_t kShortPlane = 1024;
constexpr ptrdiff_t kLineBytes = 64;
static_assert(kBlockElements <= kExactIntegers);

// What one thread of the team works with.
struct Member {
  IntegerSums* sums;       // one for each channel
  double *first, *second;  // of a kernel's call

  // What a kernel has summed in float64 is an integer.
  void add(ptrdiff_t channel, ptrdiff_t column) const {
    sums[channel].add(
        {static_cast<std::int64_t>(first[column]), static_cast<std::uint64_t>(second[column])});
  }
};

// The members of a team, each with cache lines of its own.
class Members {
 public:
  Members(int count, ptrdiff_t channels, ptrdiff_t columns)
      : count_(count),
        sums_lines_(lines(channels * static_cast<ptrdiff_t>(sizeof(IntegerSums)))),
        column_lines_(lines(columns * static_cast<ptrdiff_t>(sizeof(double)))),
        memory_(count * (sums_lines_ + 2 * column_lines_), Fill::zeros) {}
  bool failed() const { return memory_.failed(); }
  int count() const { return count_; }
  Member operator[](ptrdiff_t rank) {
    Line* const own = &memory_[rank * (sums_lines_ + 2 * column_lines_)];
    Line* const first = own + sums_lines_;
    return {reinterpret_cast<IntegerSums*>(own), reinterpret_cast<double*>(first),
            reinterpret_cast<double*>(first + column_lines_)};
  }
  // What all members have added up for a channel.
  IntegerSums total(ptrdiff_t channel) {
    IntegerSums sums{0, 0};
    for (ptrdiff_t m = 0; m < count_; ++m) sums.add((*this)[m].sums[channel]);
    return sums;
  }

 private:
  struct alignas(kLineBytes) Line {
    char bytes[kLineBytes];
  };
  static ptrdiff_t lines(ptrdiff_t bytes) { return ceil_div(bytes, kLineBytes); }

  int count_;
  ptrdiff_t sums_lines_, column_lines_;
  Memory<Line> memory_;
};

// An array of integers ready to be walked.
struct Source {
  const Geometry& geometry;
  Input in;
  ptrdiff_t item;
  ptrdiff_t columns;  // of a kernel's call at most
  const Reduce& kernel;
  Memory<double> no_shift;

  Source(const Geometry& g, char* data, DType type)
      : geometry(g),
        in{data, g.stride[0].outer, g.stride[0].channel},
        item(size_of(type)),
        columns(g.walk == Walk::rows ? fold() * width() : kMaxGroup),
        kernel(integer_kernels(type).sums),
        no_shift(columns, Fill::zeros) {}
  bool failed() const { return no_shift.failed(); }

  // The columns of a row.
  ptrdiff_t width() const { return geometry.channels * geometry.inner; }

  Input at(ptrdiff_t outer, ptrdiff_t channel, ptrdiff_t inner) const {
    return {in.data + outer * in.outer + channel * in.channel + inner * item, in.outer, in.channel};
  }
  void sum(ReduceKernel reduce, const Block& block, const Input& here, const Member& member) const {
    const void* shift = no_shift.data();
    reduce(block, &here, &shift, {}, member.first, member.second);
  }

 private:
  ptrdiff_t fold() const {
    const bool end_to_end = width() * item == in.outer;
    return end_to_end ? rows_per_long_row(geometry.outer, width(), kLineBytes / item) : 1;
  }
};

// Piece by piece, of several channels together where planes are short.
class PlanesSum {
 public:
  explicit PlanesSum(const Source& x)
      : x_(x),
        pieces_(x.geometry.outer, x.geometry.inner, kBlockElements),
        group_(x.geometry.inner < kShortPlane ? kMaxGroup : 1) {}
  ptrdiff_t tasks() const { return ceil_div(x_.geometry.channels, group_) * pieces_.size(); }

  void run(ptrdiff_t task, const Member& member) const {
    const Piece piece = pieces_[task % pieces_.size()];
    const ptrdiff_t channel = task / pieces_.size() * group_;
    const ptrdiff_t channels = std::min(group_, x_.geometry.channels - channel);
    x_.sum(x_.kernel.planes, {piece.outer_size, channels, piece.inner_size},
           x_.at(piece.outer_begin, channel, piece.inner_begin), member);
    for (ptrdiff_t c = 0; c < channels; ++c) member.add(channel + c, c);
  }

 private:
  const Source& x_;
  PlanePieces pieces_;
  ptrdiff_t group_;
};

// Block by block of rows, several as one long row where they lie end to end. What does not fill a
// long row is the last task.
class RowsSum {
 public:
  explicit RowsSum(const Source& x)
      : x_(x),
        fold_(x.columns / x.width()),
        rows_(x.geometry.outer / fold_),
        rest_(x.geometry.outer % fold_ * x.width()),
        step_(std::max(kBlockElements / x.columns, kLeastRows)),
        blocks_(ceil_div(rows_, step_)) {}
  ptrdiff_t tasks() const { return blocks_ + (rest_ > 0 ? 1 : 0); }

  void run(ptrdiff_t task, const Member& member) const {
    if (task == blocks_) return add(rows_, 1, rest_, member);
    const ptrdiff_t row = task * step_;
    add(row, std::min(step_, rows_ - row), x_.columns, member);
  }

 private:
  void add(ptrdiff_t row, ptrdiff_t count, ptrdiff_t columns, const Member& member) const {
    Input here = x_.at(row * fold_, 0, 0);
    here.outer *= fold_;
    x_.sum(x_.kernel.rows, {count, columns, 1}, here, member);
    for (ptrdiff_t j = 0; j < columns; j += x_.width()) {
      for (ptrdiff_t k = 0; k < x_.width(); ++k) member.add(k / x_.geometry.inner, j + k);
    }
  }

  const Source& x_;
  ptrdiff_t fold_, rows_, rest_, step_, blocks_;
};

template <class Sum>
void run_tasks(const Sum& sum, Members& members) {
  Shares shares(sum.tasks(), members.count(), kLargeTasks);
  run_team(members.count(), [&](const Team& team) {
    for_claimed(shares, team.rank, team.size, 1,
                [&](ptrdiff_t task, ptrdiff_t) { sum.run(task, members[team.rank]); });
  });
}

int threads_for(const Source& x, int threads) {
  const Geometry& g = x.geometry;
  const Work work{g.walk, g.outer, g.channels, g.inner, x.item, 0, true, true};
  return schedule_for(work, cache_sizes(), threads).threads;
}

// nan of no values.
double mean_of(const IntegerSums& sums, ptrdiff_t count) {
  return static_cast<double>(static_cast<long double>(sums.values) /
                             static_cast<long double>(count));
}

double var_of(const IntegerSums& sums, ptrdiff_t count) {
  const auto n = static_cast<unsigned __int128>(count);
  const auto values = static_cast<__int128>(sums.values);
  const auto above = sums.squares * n - static_cast<unsigned __int128>(values * values);
  return static_cast<double>(static_cast<long double>(above) / static_cast<long double>(n * n));
}

// Hands the sums of each channel to store(c, sums).
template <class Store>
Outcome sum(const Shape& shape, const Array& x, int threads, Store&& store) {
  Staging arrays(shape, {&x}, {});
  if (arrays.failed()) return Outcome::out_of_memory;
  const Geometry& g = arrays.geometry();
  if (g.elements() == 0) {
    for (ptrdiff_t c = 0; c < g.channels; ++c) store(c, IntegerSums{0, 0});
    return Outcome::done;
  }
  const Source source(g, arrays.data(0), x.dtype);
  Members members(threads_for(source, threads), g.channels, source.columns);
  if (source.failed() || members.failed()) return Outcome::out_of_memory;
  if (g.walk == Walk::rows) {
    run_tasks(RowsSum(source), members);
  } else {
    run_tasks(PlanesSum(source), members);
  }
  for (ptrdiff_t c = 0; c < g.channels; ++c) store(c, members.total(c));
  return Outcome::done;
}

}  // namespace

const IntegerKernels& integer_kernels(DType type) {
  const KernelTable& table = active_kernels();
  if (type == DType::uint8) return *table.uint8;
  if (type == DType::int8) return *table.int8;
  return type == DType::uint16 ? *table.uint16 : *table.int16;
}

Outcome integer_sums(const Shape& shape, const Array& x, int threads, IntegerSums* sums) {
  return sum(shape, x, threads, [&](ptrdiff_t c, const IntegerSums& found) { sums[c] = found; });
}

Outcome integer_moments(const Shape& shape, const Array& x, int threads, double* mean,
                        double* var) {
  const ptrdiff_t count = shape.values_per_channel();
  return sum(shape, x, threads, [&](ptrdiff_t c, const IntegerSums& sums) {
    mean[c] = mean_of(sums, count);
    var[c] = var_of(sums, count);
  });
}

}  // namespace bnfast
