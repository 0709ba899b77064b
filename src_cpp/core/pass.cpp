#include "core/pass.hpp"

namespace bnfast {

void Pass::run() const {
  if (geometry.walk == Walk::rows) {
    run_rows(*this);
  } else {
    run_planes(*this);
  }
}

}  // namespace bnfast
