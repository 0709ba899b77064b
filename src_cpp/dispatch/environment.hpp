// Wishes in the process's environment.
#pragma once

#include <cstdlib>

namespace bnfast {

// What the variable holds; null where it is absent or empty.
inline const char* environment_wish(const char* variable) {
  const char* const text = std::getenv(variable);
  return text && *text ? text : nullptr;
}

}  // namespace bnfast
