#include "core/pass.hpp"

namespace bnfast {

Outcome Pass::run() const {
  return geometry.walk == Walk::rows ? run_rows(*this) : run_planes(*this);
}

}  // namespace bnfast
