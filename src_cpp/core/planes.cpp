// The planes walk: a channel's slab is reduced, folded and mapped while it lies in cache.
#include <vector>

#include "core/parallel.hpp"
#include "core/pass.hpp"
#include "core/pieces.hpp"
#include "dispatch/machine.hpp"

namespace bnfast {
namespace {

constexpr ptrdiff_t kShiftValues = 16;        // values whose mean is the shift
constexpr ptrdiff_t kShortPlaneBytes = 1024;  // shorter planes are taken several channels at a time
constexpr ptrdiff_t kMapRunElements = 16384;  // a map alone hands out at most so much of a plane

// Shifts of a group of channels, in a kernel's compute type.
class GroupShift {
 public:
  explicit GroupShift(DType compute) : compute_(compute) {}
  double set(ptrdiff_t i, double value) {
    if (compute_ == DType::float32) return floats_[i] = static_cast<float>(value);
    return doubles_[i] = value;
  }
  const void* data() const {
    return compute_ == DType::float32 ? static_cast<const void*>(floats_) : doubles_;
  }

 private:
  DType compute_;
  float floats_[kMaxGroup] = {};
  double doubles_[kMaxGroup] = {};
};

constexpr ptrdiff_t kNone = -1;

class PlanesWalk {
 public:
  explicit PlanesWalk(const Pass& pass)
      : pass_(pass),
        g_(pass.geometry),
        pieces_(g_.outer, g_.inner),
        group_(std::clamp(kShortPlaneBytes / (g_.inner * pass.operands.in_item[0]), ptrdiff_t{1},
                          std::min(kMaxGroup / 2, g_.channels))) {}

  void run() {
    if (!pass_.reduction) {
      run_team(pass_.threads, [&](const Team& team) {
        map_alone(team);
        fence();
      });
    } else if (pass_.threads > 1 && shared()) {
      group_ = 1;
      partial_.resize(static_cast<size_t>(pieces_.size()));
      run_team(pass_.threads, [&](const Team& team) {
        share_channels(team);
        fence();
      });
    } else {
      run_team(pass_.threads, [&](const Team& team) {
        own_channels(team);
        fence();
      });
    }
  }

 private:
  // Threads share each channel where its slab does not fit one core's cache, or where whole
  // channels would leave threads idle.
  bool shared() const {
    const auto& item = pass_.operands.in_item;
    const ptrdiff_t slab = g_.values_per_channel() * (item[0] + item[1]);
    return ceil_div(g_.channels, group_) < 2 * pass_.threads || slab > cache_sizes().l2 * 3 / 4;
  }

  // A piece of a group of channels.
  struct Place {
    ptrdiff_t group, piece;
  };
  static constexpr Place kNowhere = {kNone, 0};

  Operands at(const Piece& piece, ptrdiff_t channel) const {
    return pass_.operands.at(piece.outer_begin, channel, piece.inner_begin);
  }

  double first_mean(ptrdiff_t channel) const {
    const ptrdiff_t inner = std::min(g_.inner, kShiftValues);
    const ptrdiff_t outer = std::min(g_.outer, ceil_div(kShiftValues, inner));
    const double zero = 0;
    Sums sums;
    const Operands here = pass_.operands.at(0, channel, 0);
    pass_.reduction->exact.planes({outer, 1, inner}, here.in.data(), &zero, &sums.first,
                                  &sums.second);
    return sums.first / static_cast<double>(outer * inner);
  }

  double shift_of(ptrdiff_t channel) const {
    const double* given = pass_.reduction->shift;
    return given ? given[channel] : usable_shift(first_mean(channel));
  }

  // wanted: what will be reduced next; given where a map follows that prefetches the other half.
  void add_piece(ReduceKernel kernel, ptrdiff_t piece_index, ptrdiff_t channel, ptrdiff_t channels,
                 const GroupShift& shift, const Place& wanted, Sums* sums) const {
    const Piece piece = pieces_[piece_index];
    Operands here = at(piece, channel);
    look_ahead(here, wanted);
    double first[kMaxGroup], second[kMaxGroup];
    kernel({piece.outer_size, channels, piece.inner_size}, here.in.data(), shift.data(), first,
           second);
    for (ptrdiff_t i = 0; i < channels; ++i) sums[i].add(first[i], second[i]);
  }

  void look_ahead(Operands& here, const Place& wanted) const {
    if (wanted.group == kNone) return;
    const Operands next = at(pieces_[wanted.piece], wanted.group * group_);
    for (size_t i = 0; i < here.in.size(); ++i) {
      here.in[i].ahead = next.in[i].data - here.in[i].data;
    }
  }

  ptrdiff_t channels_of(ptrdiff_t group) const {
    return std::min(group_, g_.channels - group * group_);
  }

  // wanted: what will be reduced next, if any; it is prefetched.
  void map_piece(const Place& place, const Place& wanted) const {
    const Piece piece = pieces_[place.piece];
    const ptrdiff_t channel = place.group * group_;
    Operands here = at(piece, channel);
    look_ahead(here, wanted);
    map_block({piece.outer_size, channels_of(place.group), piece.inner_size}, here, channel);
  }

  void fence() const {
    if (pass_.mapping) pass_.mapping->fence();
  }

  void map_block(const Block& block, const Operands& here, ptrdiff_t channel) const {
    const Mapping& mapping = *pass_.mapping;
    const void* coefficients[4];
    for (int a = 0; a < mapping.coefficients->arrays(); ++a) {
      coefficients[a] = mapping.coefficients->at(a, channel);
    }
    mapping.kernel.planes(block, here.in.data(), here.out, coefficients, mapping.store);
  }

  // Whole channels, a group at a time, by one thread each. While a group is reduced, piece by
  // piece, the group before it is mapped: memory is read and written at the same time.
  void own_channels(const Team& team) {
    const ptrdiff_t groups = ceil_div(g_.channels, group_), end = team.end(groups);
    ptrdiff_t before = kNone;
    for (ptrdiff_t group = team.begin(groups); group < end; ++group) {
      own_group(before, group, group + 1 < end ? group + 1 : kNone);
      if (pass_.mapping) before = group;
    }
    if (before == kNone) return;
    for (ptrdiff_t p = pieces_.size() - 1; p >= 0; --p) map_piece({before, p}, kNowhere);
  }

  void own_group(ptrdiff_t before, ptrdiff_t group, ptrdiff_t after) const {
    const Reduction& reduction = *pass_.reduction;
    const ptrdiff_t channel = group * group_, channels = channels_of(group);
    const ptrdiff_t last = pieces_.size() - 1;
    GroupShift shift(reduction.first_compute);
    double used[kMaxGroup];
    Sums sums[kMaxGroup];
    for (ptrdiff_t i = 0; i < channels; ++i) used[i] = shift.set(i, shift_of(channel + i));
    for (ptrdiff_t p = 0; p <= last; ++p) {
      const Place wanted = p < last ? Place{group, p + 1} : Place{after, 0};
      add_piece(reduction.first_try.planes, p, channel, channels, shift,
                before == kNone ? kNowhere : wanted, sums);
      if (before != kNone) map_piece({before, last - p}, wanted);
    }
    for (ptrdiff_t i = 0; i < channels; ++i) {
      if (!reduction.fold->take(channel + i, used[i], sums[i], false)) {
        take_exact(channel + i, reduction.fold->better_shift(used[i], sums[i]));
      }
    }
  }

  void take_exact(ptrdiff_t channel, double shift_value) const {
    GroupShift shift(DType::float64);
    shift.set(0, shift_value);
    Sums sums;
    for (ptrdiff_t p = 0; p < pieces_.size(); ++p) {
      add_piece(pass_.reduction->exact.planes, p, channel, 1, shift, kNowhere, &sums);
    }
    pass_.reduction->fold->take(channel, shift_value, sums, true);
  }

  // One channel at a time, its pieces divided among all threads: each maps what it has read, again
  // while it reads of the next channel.
  void share_channels(const Team& team) {
    for (ptrdiff_t c = 0; c < g_.channels; ++c) {
      const double shift = reduce_shared(team, c, shift_of(c), pass_.reduction->first_try.planes,
                                         pass_.reduction->first_compute, c > 0);
      if (team.rank == 0) fold_shared(c, shift);
      team.barrier();
      if (!wants_exact_) continue;
      const double better = better_shift_;
      reduce_shared(team, c, better, pass_.reduction->exact.planes, DType::float64, false);
      if (team.rank == 0) pass_.reduction->fold->take(c, better, sum_of_pieces(), true);
      team.barrier();
    }
    if (!pass_.mapping) return;
    for (ptrdiff_t p = team.end(pieces_.size()) - 1; p >= team.begin(pieces_.size()); --p) {
      map_piece({g_.channels - 1, p}, kNowhere);
    }
  }

  double reduce_shared(const Team& team, ptrdiff_t channel, double shift_value, ReduceKernel kernel,
                       DType compute, bool map_before) {
    GroupShift shift(compute);
    const double used = shift.set(0, shift_value);
    const ptrdiff_t begin = team.begin(pieces_.size()), end = team.end(pieces_.size());
    for (ptrdiff_t p = begin; p < end; ++p) {
      partial_[static_cast<size_t>(p)] = Sums{};
      const bool maps = map_before && pass_.mapping;
      const Place wanted = maps && p + 1 < end ? Place{channel, p + 1} : kNowhere;
      add_piece(kernel, p, channel, 1, shift, wanted, &partial_[static_cast<size_t>(p)]);
      if (maps) map_piece({channel - 1, begin + end - 1 - p}, wanted);
    }
    team.barrier();
    return used;
  }

  Sums sum_of_pieces() const {
    Sums sums;
    for (const Sums& piece : partial_) sums.add(piece.first, piece.second);
    return sums;
  }

  void fold_shared(ptrdiff_t channel, double shift) {
    const Sums sums = sum_of_pieces();
    wants_exact_ = !pass_.reduction->fold->take(channel, shift, sums, false);
    if (wants_exact_) better_shift_ = pass_.reduction->fold->better_shift(shift, sums);
  }

  // Without a reduction the planes are walked as they lie in memory, whole where they are small.
  void map_alone(const Team& team) const {
    const ptrdiff_t parts = ceil_div(g_.inner, kMapRunElements);
    const ptrdiff_t step = ceil_div(g_.inner, parts);
    const ptrdiff_t runs = g_.outer * g_.channels * parts;
    for (ptrdiff_t run = team.begin(runs); run < team.end(runs);) {
      const ptrdiff_t plane = run / parts, part = run % parts;
      const ptrdiff_t outer = plane / g_.channels, channel = plane % g_.channels;
      const ptrdiff_t inner = part * step;
      const Operands here = pass_.operands.at(outer, channel, inner);
      const ptrdiff_t planes =
          parts > 1 ? 1 : std::min(g_.channels - channel, team.end(runs) - run);
      map_block({1, planes, std::min(step, g_.inner - inner)}, here, channel);
      run += planes;
    }
  }

  const Pass& pass_;
  const Geometry& g_;
  PlanePieces pieces_;
  ptrdiff_t group_;
  std::vector<Sums> partial_;
  bool wants_exact_ = false;
  double better_shift_ = 0;
};

}  // namespace

void run_planes(const Pass& pass) { PlanesWalk(pass).run(); }

}  // namespace bnfast
