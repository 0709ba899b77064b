// Planes that are mapped alone, as they lie in memory.
#include "core/parallel.hpp"
#include "core/pass.hpp"
#include "core/pieces.hpp"
#include "core/shares.hpp"

namespace bnfast {
namespace {

constexpr ptrdiff_t kPieceElements = 16384;  // at most, of one plane
constexpr ptrdiff_t kWholeLines = 16;        // so many planes are whole lines

// How the planes are cut: into runs of neighbouring planes, or into parts of a plane. What is
// checked is mapped out of the nearest cache, so piece by piece; and so is what is stored in two
// ways.
class MapPieces {
 public:
  explicit MapPieces(const Pass& pass)
      : planes_(pass.geometry.outer * pass.geometry.channels),
        one_by_one_(pass.check || pass.schedule.mixes_stores() ||
                    pass.geometry.inner > kPieceElements),
        inner_(pass.geometry.inner),
        most_(pass.schedule.mixes_stores() && !pass.check ? kMixedPieceElements : kPieceElements),
        parts_(ceil_div(inner_, most_)),
        step_(ceil_div(inner_, parts_)),
        run_(planes_of_run(
            one_by_one_ ? most_
                        : elements_of_task(pass.geometry.elements(), pass.schedule.threads))) {}
  ptrdiff_t size() const { return ceil_div(planes_, run_) * parts_; }

  struct Run {
    ptrdiff_t plane, planes;
    ptrdiff_t inner_begin, inner_size;
  };
  ptrdiff_t at_once() const { return one_by_one_ ? 1 : size(); }
  // So many pieces from one on, at once at most.
  Run run(ptrdiff_t piece, ptrdiff_t pieces) const {
    const ptrdiff_t plane = piece / parts_ * run_, inner = piece % parts_ * step_;
    return {plane, std::min(pieces * run_, planes_ - plane), inner,
            std::min(step_, inner_ - inner)};
  }

 private:
  ptrdiff_t planes_of_run(ptrdiff_t elements) const {
    if (parts_ > 1) return 1;
    const ptrdiff_t planes = ceil_div(elements, inner_);
    return planes < 8 * kWholeLines ? planes : ceil_div(planes, kWholeLines) * kWholeLines;
  }

  ptrdiff_t planes_;
  bool one_by_one_;
  ptrdiff_t inner_, most_, parts_, step_, run_;
};

class PlanesMap {
 public:
  explicit PlanesMap(const Pass& pass)
      : pass_(pass),
        channels_(pass.geometry.channels),
        pieces_(pass),
        shares_(pieces_.size(), pass.schedule.threads, kSmallTasks) {}

  void run(const Team& team) {
    if (Preparation* const preparation = pass_.mapping->preparation) {
      preparation->set(team.begin(channels_), team.end(channels_));
      team.barrier();
    }
    for_claimed(shares_, team.rank, team.size, pieces_.at_once(),
                [&](ptrdiff_t piece, ptrdiff_t n) {
                  map_run(pieces_.run(piece, n), pass_.schedule.store_of(piece));
                });
    pass_.mapping->fence();
  }

 private:
  // The planes of one outer index at a time.
  void map_run(const MapPieces::Run& run, Store store) const {
    const ptrdiff_t end = run.plane + run.planes;
    for (ptrdiff_t plane = run.plane; plane < end;) {
      const ptrdiff_t outer = plane / channels_, channel = plane % channels_;
      const ptrdiff_t planes = std::min(end - plane, channels_ - channel);
      map_planes({1, planes, run.inner_size}, outer, channel, run.inner_begin, store);
      plane += planes;
    }
  }

  void map_planes(const Block& block, ptrdiff_t outer, ptrdiff_t channel, ptrdiff_t inner,
                  Store store) const {
    const Operands here = pass_.operands.at(outer, channel, inner);
    if (pass_.check) {
      pass_.check->read(here.in[0], here.in_item[0], block.channels, block.inner,
                        here.in[0].channel);
    }
    pass_.map_planes(block, here, channel, store);
  }

  const Pass& pass_;
  ptrdiff_t channels_;
  MapPieces pieces_;
  Shares shares_;
};

}  // namespace

Outcome run_planes_map(const Pass& pass) {
  PlanesMap map(pass);
  run_team(pass.schedule.threads, [&](const Team& team) { map.run(team); });
  return Outcome::done;
}

}  // namespace bnfast
