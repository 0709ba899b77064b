// Which arrays share memory.
#pragma once

#include <pybind11/numpy.h>

#include "bindings/scalars.hpp"

namespace bnfast {

bool same_shape(const py::array& a, const py::array& b);

// The bytes between which an array's elements lie.
struct Extent {
  const char *begin, *end;

  bool meets(const Extent& other) const { return begin < other.end && other.begin < end; }
};
Extent extent(const py::array& array);

// The same elements in the same places.
bool same_place(const py::array& a, const py::array& b);

// Any element of one in any element of the other. What takes too long to tell counts as shared.
bool share_memory(const py::array& a, const py::array& b);

// True where no two elements share memory: each axis steps over all that lies within it.
bool apart_from_itself(const py::array& array);

// Refuses an output that shares memory with the object (what is no array shares none).
void check_apart(const py::array& output, const char* output_name, const py::object& other,
                 const char* other_name);

}  // namespace bnfast
