#include "core/pass.hpp"

#include <cmath>

namespace bnfast {

// An infinite shift would turn the finite values of the channel into NaN as well.
double usable_shift(double mean_of_first) {
  return std::isfinite(mean_of_first) ? mean_of_first : 0;
}

void Pass::run() const {
  if (geometry.walk == Walk::rows) {
    run_rows(*this);
  } else {
    run_planes(*this);
  }
}

}  // namespace bnfast
