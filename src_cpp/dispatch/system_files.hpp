// Small files in which Linux tells about a machine: one line of each.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace bnfast {

// A path, or a line, short enough for what the system has to tell.
using Text = char[512];

// True where it fits.
inline bool print(Text& to, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(to, sizeof to, format, arguments);
  va_end(arguments);
  return length >= 0 && length < static_cast<int>(sizeof to);
}

// Calls each(line) for every line, without its end; for none where there is no such file.
template <class Each>
void read_lines(const char* path, Each&& each) {
  std::FILE* const file = std::fopen(path, "re");
  if (!file) return;
  Text line;
  while (std::fgets(line, sizeof line, file)) {
    line[std::strcspn(line, "\n")] = 0;
    each(line);
  }
  std::fclose(file);
}

// The first line; empty where there is none.
inline void read_line(const char* path, Text& to) {
  bool first = true;
  to[0] = 0;
  read_lines(path, [&](const Text& line) {
    if (first) std::memcpy(to, line, sizeof to);
    first = false;
  });
}

}  // namespace bnfast
