// The planes walk with a reduction: a channel's slab is reduced, folded and mapped while it lies in
// cache.
#include <optional>

#include "core/parallel.hpp"
#include "core/pass.hpp"
#include "core/pieces.hpp"
#include "core/shares.hpp"
#include "core/values.hpp"

namespace bnfast {
namespace {

// Shifts of a group of channels, in a kernel's compute type.
class GroupShift {
 public:
  explicit GroupShift(DType compute) : compute_(compute) {}
  double set(ptrdiff_t i, double value) {
    if (compute_ == DType::float64) return doubles_[i] = usable_shift(value);
    return floats_[i] = static_cast<float>(usable_shift(static_cast<float>(value)));
  }
  const void* data() const {
    return compute_ == DType::float32 ? static_cast<const void*>(floats_) : doubles_;
  }

 private:
  DType compute_;
  float floats_[kMaxGroup];
  double doubles_[kMaxGroup];
};

// The values of a channel whose mean is its shift. They lie apart, for neighbours in an image are
// alike, and a poor shift has the channel read again.
class Samples {
 public:
  explicit Samples(const Pass& pass) : x_(pass.operands.in[0]), type_(pass.operands.x_type) {
    const Geometry& g = pass.geometry;
    const Operands& o = pass.operands;
    const ptrdiff_t values = g.values_per_channel();
    count_ = std::min(values, std::clamp(values / 512, kMost / 2, kMost));
    for (ptrdiff_t k = 0; k < count_; ++k) {
      const ptrdiff_t outer = k * g.outer / count_, inner = (2 * k + 1) * g.inner / (2 * count_);
      offset_[k] = outer * x_.outer + inner * o.in_item[0];
    }
  }

  void means(const Group& group, double* to) const {
    const char* const first = x_.data + group.channel * x_.channel;
    sum_channels(first, group.channels, {type_, x_.channel, offset_, count_}, to);
    for (ptrdiff_t i = 0; i < group.channels; ++i) to[i] /= static_cast<double>(count_);
  }

 private:
  static constexpr ptrdiff_t kMost = 16;

  const Input& x_;
  DType type_;
  ptrdiff_t count_;
  ptrdiff_t offset_[kMost];  // in bytes
};

class PlanesWalk {
 public:
  explicit PlanesWalk(const Pass& pass)
      : pass_(pass),
        g_(pass.geometry),
        schedule_(pass.schedule),
        pieces_(g_.outer, g_.inner),
        samples_(pass),
        partial_(schedule_.shared ? pieces_.size() : 0) {}

  Outcome run() {
    if (partial_.failed()) return Outcome::out_of_memory;
    Shares groups(ceil_div(g_.channels, schedule_.group), schedule_.threads, kLargeTasks);
    run_team(schedule_.threads, [&](const Team& team) {
      if (schedule_.shared) {
        share_channels(team);
      } else {
        own_channels(team, groups);
      }
      if (pass_.mapping) pass_.mapping->fence();
    });
    return Outcome::done;
  }

 private:
  Operands at(const Piece& piece, ptrdiff_t channel) const {
    return pass_.operands.at(piece.outer_begin, channel, piece.inner_begin);
  }

  std::array<Input, kMaxInputs> inputs_at(const Piece& piece, ptrdiff_t channel) const {
    return pass_.operands.inputs_at(piece.outer_begin, channel, piece.inner_begin);
  }

  // What is wanted of the shifts: GroupShift says what is used.
  void find_shifts(const Group& group, double* wanted) const {
    if (const ChannelValues* given = pass_.reduction->shift) {
      return given->read(group.channel, group.channels, wanted);
    }
    samples_.means(group, wanted);
  }

  // Reduces a piece of a group of channels and, besides, maps the same piece of the group before.
  // next: what will be reduced after this.
  void add_piece(const Group& group, ptrdiff_t piece_index, const GroupShift& shift,
                 const Group* before, const Input* next, GroupSums& sums) const {
    const Piece piece = pieces_[piece_index];
    const auto here = inputs_at(piece, group.channel);
    const Block block = {piece.outer_size, group.channels, piece.inner_size};
    const Reduction& reduction = *pass_.reduction;
    CoefficientPointers of_group{shift.data()};
    point_at(reduction.first_coefficients, group.channel, of_group.data() + 1);
    double first[kMaxGroup], second[kMaxGroup];
    if (before && before->channels == group.channels && reduction.first_try_and_map) {
      const CoefficientPointers coefficients = pass_.mapping->coefficients_at(before->channel);
      const Operands there = at(piece, before->channel);
      reduction.first_try_and_map(block, here.data(), of_group.data(), pass_.activation, first,
                                  second,
                                  {block, there.in.data(), there.out.data(), coefficients.data(),
                                   schedule_.store, schedule_.held, schedule_.map_reads_ahead},
                                  next);
    } else {
      reduction.first_try.planes(block, here.data(), of_group.data(), pass_.activation, first,
                                 second);
      if (before) map_piece(*before, piece_index);
    }
    for (ptrdiff_t i = 0; i < group.channels; ++i) {
      sums.first[i] += first[i];
      sums.second[i] += second[i];
    }
  }

  Group group_at(ptrdiff_t index) const {
    const ptrdiff_t channel = index * schedule_.group;
    return {channel, std::min(schedule_.group, g_.channels - channel)};
  }

  void map_piece(const Group& group, ptrdiff_t piece_index) const {
    const Piece piece = pieces_[piece_index];
    pass_.map_planes({piece.outer_size, group.channels, piece.inner_size}, at(piece, group.channel),
                     group.channel, schedule_.store);
  }

  // Maps in reverse what was reduced last: that lies in cache.
  void map_back(const Group& group, ptrdiff_t begin, ptrdiff_t end) const {
    for (ptrdiff_t p = end - 1; p >= begin; --p) map_piece(group, p);
  }

  // Whole channels, a group at a time.
  void own_channels(const Team& team, Shares& groups) const {
    std::optional<Group> before;
    for (ptrdiff_t i = groups.claim_one(team.rank, team.size); i != Shares::kNone;) {
      const Group group = group_at(i);
      const ptrdiff_t next = groups.claim_one(team.rank, team.size);
      own_group(group, before ? &*before : nullptr, next == Shares::kNone ? i : next);
      if (pass_.mapping && schedule_.interleaved) before = group;
      if (pass_.mapping && !schedule_.interleaved) map_back(group, 0, pieces_.size());
      i = next;
    }
    if (before) map_back(*before, 0, pieces_.size());
  }

  void own_group(const Group& group, const Group* before, ptrdiff_t next) const {
    GroupShift shift(pass_.reduction->first_compute);
    GroupSums sums{group};
    find_shifts(group, sums.shift);
    for (ptrdiff_t i = 0; i < group.channels; ++i) sums.shift[i] = shift.set(i, sums.shift[i]);
    for (ptrdiff_t p = 0; p < pieces_.size(); ++p) {
      const bool last = p + 1 == pieces_.size();
      const auto after = last ? inputs_at(pieces_[0], group_at(next).channel)
                              : inputs_at(pieces_[p + 1], group.channel);
      add_piece(group, p, shift, before, after.data(), sums);
    }
    const unsigned wanted = pass_.reduction->fold->take(sums, false);
    for (ptrdiff_t i = 0; wanted >> i; ++i) {
      if (wanted >> i & 1) take_exactly(group.channel + i, sums.shift[i], sums.sums(i));
    }
  }

  void take_exactly(ptrdiff_t channel, double shift, const Sums& sums) const {
    const double better = pass_.reduction->fold->better_shift(shift, sums);
    Sums exact;
    for (ptrdiff_t p = 0; p < pieces_.size(); ++p) exact.add(exact_sums(channel, p, better));
    pass_.reduction->fold->take(sums_of_one(channel, better, exact), true);
  }

  Sums exact_sums(ptrdiff_t channel, ptrdiff_t piece_index, double shift) const {
    const Piece piece = pieces_[piece_index];
    CoefficientPointers coefficients{&shift};
    point_at(pass_.reduction->exact_coefficients, channel, coefficients.data() + 1);
    Sums sums;
    pass_.reduction->exact.planes({piece.outer_size, 1, piece.inner_size},
                                  inputs_at(piece, channel).data(), coefficients.data(),
                                  pass_.activation, &sums.first, &sums.second);
    return sums;
  }

  // One channel at a time, its pieces divided among all threads: each maps what it has read.
  void share_channels(const Team& team) {
    const ptrdiff_t begin = team.begin(pieces_.size()), end = team.end(pieces_.size());
    const bool interleaved = pass_.mapping && schedule_.interleaved;
    for (ptrdiff_t c = 0; c < g_.channels; ++c) {
      GroupShift shift(pass_.reduction->first_compute);
      double used;
      find_shifts({c, 1}, &used);
      used = shift.set(0, used);
      const Group before{c - 1, 1};
      for (ptrdiff_t p = begin; p < end; ++p) {
        GroupSums sums = sums_of_one(c, used, {});
        const auto after = p + 1 < end
                               ? inputs_at(pieces_[p + 1], c)
                               : inputs_at(pieces_[begin], std::min(c + 1, g_.channels - 1));
        add_piece({c, 1}, p, shift, c > 0 && interleaved ? &before : nullptr, after.data(), sums);
        partial_[p] = sums.sums(0);
      }
      team.barrier();
      if (team.rank == 0) fold_shared(c, used);
      team.barrier();
      if (wants_exact_) share_exact(team, c, better_shift_);
      if (pass_.mapping && !interleaved) map_back({c, 1}, begin, end);
    }
    if (interleaved) map_back({g_.channels - 1, 1}, begin, end);
  }

  void share_exact(const Team& team, ptrdiff_t channel, double shift) {
    for (ptrdiff_t p = team.begin(pieces_.size()); p < team.end(pieces_.size()); ++p) {
      partial_[p] = exact_sums(channel, p, shift);
    }
    team.barrier();
    if (team.rank == 0)
      pass_.reduction->fold->take(sums_of_one(channel, shift, sum_of_pieces()), true);
    team.barrier();
  }

  Sums sum_of_pieces() const {
    Sums sums;
    for (const Sums& piece : partial_) sums.add(piece);
    return sums;
  }

  void fold_shared(ptrdiff_t channel, double shift) {
    const Sums sums = sum_of_pieces();
    wants_exact_ = pass_.reduction->fold->take(sums_of_one(channel, shift, sums), false) != 0;
    if (wants_exact_) better_shift_ = pass_.reduction->fold->better_shift(shift, sums);
  }

  const Pass& pass_;
  const Geometry& g_;
  const Schedule& schedule_;
  PlanePieces pieces_;
  Samples samples_;
  Memory<Sums> partial_;
  bool wants_exact_ = false;
  double better_shift_ = 0;
};

}  // namespace

Outcome run_planes(const Pass& pass) { return PlanesWalk(pass).run(); }

}  // namespace bnfast
