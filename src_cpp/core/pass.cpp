#include "core/pass.hpp"

namespace bnfast {

Outcome Pass::run() const {
  if (geometry.walk == Walk::rows) return run_rows(*this);
  return reduction ? run_planes(*this) : run_planes_map(*this);
}

}  // namespace bnfast
