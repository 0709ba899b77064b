#include "core/collapse.hpp"

#include <cstdint>
#include <cstdlib>

namespace bnfast {
namespace {

// A run of merged axes: its length, and its stride in each array.
struct Axis {
  ptrdiff_t size;
  bool channel;
  std::array<ptrdiff_t, kMaxArrays> stride;
};

// True where walking `slow` and then `fast` is one walk of slow.size * fast.size steps.
bool merge(Axis& slow, const Axis& fast, int count) {
  if (slow.channel || fast.channel) return false;
  for (int a = 0; a < count; ++a) {
    if (slow.stride[a] != fast.stride[a] * fast.size) return false;
  }
  slow.size *= fast.size;
  for (int a = 0; a < count; ++a) slow.stride[a] = fast.stride[a];
  return true;
}

struct Axes {
  std::array<Axis, kMaxRank> axis;
  int size = 0;
};

Axes merged_axes(const Shape& shape, const Array* const* arrays, int count) {
  const auto order = axes_by_stride(shape, *arrays[0]);
  Axes axes;
  for (int i = 0; i < shape.rank; ++i) {
    Axis& next = axes.axis[axes.size];
    next.size = shape.size[order[i]];
    next.channel = order[i] == shape.channel_axis;
    if (next.size == 1) continue;
    for (int a = 0; a < count; ++a) next.stride[a] = arrays[a]->stride[order[i]];
    if (axes.size == 0 || !merge(axes.axis[axes.size - 1], next, count)) ++axes.size;
  }
  return axes;
}

bool side_by_side(const Axis& axis, const Array* const* arrays, int count) {
  for (int a = 0; a < count; ++a) {
    if (axis.stride[a] != size_of(arrays[a]->dtype)) return false;
  }
  return true;
}

// Shorter planes leave much of the widest vector empty: where they lie end to end, they are a row.
// But each element of a plane takes sums and coefficients of its own there, so planes must be many
// (docs/experiments.md).
constexpr ptrdiff_t kLeastPlane = 12;

bool planes_form_a_row(const Geometry& g, const Array* const* arrays, int count) {
  bool found = g.channels > 1 && g.inner < kLeastPlane && g.inner * g.inner <= 2 * g.outer;
  for (int a = 0; a < count; ++a) {
    found &= g.stride[a].channel == g.inner * size_of(arrays[a]->dtype);
  }
  return found;
}

// A broadcast axis, of stride 0, is walked as the widest: any place serves it.
size_t width(ptrdiff_t stride) {
  return stride == 0 ? SIZE_MAX : static_cast<size_t>(std::abs(stride));
}

}  // namespace

std::array<int, kMaxRank> axes_by_stride(const Shape& shape, const Array& array) {
  std::array<int, kMaxRank> order;
  for (int axis = 0; axis < shape.rank; ++axis) {
    int place = axis;  // insertion: stable, without memory of its own, and axes are few
    for (; place > 0 && width(array.stride[order[place - 1]]) < width(array.stride[axis]);
         --place) {
      order[place] = order[place - 1];
    }
    order[place] = axis;
  }
  return order;
}

bool collapse(const Shape& shape, const Array* const* arrays, int count, Geometry& g) {
  g = {};
  if (shape.elements() == 0) {
    g.channels = shape.channels();
    g.outer = shape.values_per_channel();
    g.walk = Walk::rows;
    return true;
  }
  const Axes axes = merged_axes(shape, arrays, count);
  int next = axes.size - 1;
  if (next >= 0 && !axes.axis[next].channel && side_by_side(axes.axis[next], arrays, count)) {
    g.inner = axes.axis[next--].size;
  }
  // What is left: at most one outer axis and the channels, in either order.
  bool channels_side_by_side = shape.channels() == 1;
  for (; next >= 0; --next) {
    const Axis& axis = axes.axis[next];
    if (axis.channel) {
      g.channels = axis.size;
      channels_side_by_side = side_by_side(axis, arrays, count);
    } else if (g.outer == 1) {
      g.outer = axis.size;
    } else {
      return false;
    }
    for (int a = 0; a < count; ++a) {
      (axis.channel ? g.stride[a].channel : g.stride[a].outer) = axis.stride[a];
    }
  }
  if (g.inner > 1) {
    if (planes_form_a_row(g, arrays, count)) g.walk = Walk::rows;
    return true;
  }
  // Single elements: a walk along the rows, or none worth taking.
  const bool lone_column = g.channels == 1 && g.outer > 1;
  if (!channels_side_by_side || lone_column) return false;
  g.walk = Walk::rows;
  return true;
}

}  // namespace bnfast
