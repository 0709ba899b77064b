// How a call would be run: to print and to test, without running it.
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "core/collapse.hpp"
#include "core/schedule.hpp"

namespace bnfast {
namespace {

constexpr const char* kWalk = R"(describe_walk(*arrays, channel_axis=1)
--

How arrays of one call would be walked together: a dict with ``walk`` ("planes" or "rows"),
``outer``, ``channels``, ``inner``, and ``copied``, whether any of them must be copied first.
)";

constexpr const char* kSchedule =
    R"(schedule(shape, walk="planes", *, inputs=1, outputs=1, itemsize=4, reduces=True, end_to_end=True, in_place=False, images=False, num_threads=2, l2=2097152, l3=33554432)
--

How a pass over arrays of shape (outer, channels, inner) would be run on a machine with these caches:
a dict with ``threads``, ``streaming`` (whether the output bypasses the caches), ``pieces_per_streamed``
(of so many pieces one does, the others do not), ``near`` (whether it goes through caches that are
near), ``group`` (channels taken together), ``shared``
(whether threads share each channel), ``interleaved`` (whether one slab is mapped while the next is
reduced), ``held`` (of planes, whether near caches hold all) and ``map_reads_ahead`` (whether what will
be reduced is prefetched, where planes are streamed with AVX2, by the map, not by the reduction).
)";

py::dict describe_walk(const py::args& arrays, const py::object& channel_axis) {
  if (arrays.empty() || arrays.size() > kMaxArrays) {
    value_error("describe_walk takes 1 to " + std::to_string(kMaxArrays) + " arrays, got " +
                std::to_string(arrays.size()));
  }
  std::vector<Operand> operands;
  std::vector<const Array*> views;
  for (const auto& array : arrays) {
    const auto object = py::reinterpret_borrow<py::object>(array);
    operands.push_back(operands.empty()
                           ? input(object, "arrays[0]", channel_axis, Accepted::numbers)
                           : input_like(object, "array", operands[0], "arrays[0]"));
  }
  for (const Operand& operand : operands) views.push_back(&operand.array);
  Geometry joint;
  const bool walked =
      collapse(operands[0].shape, views.data(), static_cast<int>(views.size()), joint);
  py::dict result;
  result["copied"] = !walked;
  if (!walked) return result;
  result["walk"] = joint.walk == Walk::rows ? "rows" : "planes";
  result["outer"] = joint.outer;
  result["channels"] = joint.channels;
  result["inner"] = joint.inner;
  return result;
}

Walk walk_named(const py::object& name) {
  const std::string text = text_of(name);
  if (text == "planes") return Walk::planes;
  if (text == "rows") return Walk::rows;
  value_error("walk must be 'planes' or 'rows', got " + text_of(py::repr(name)));
}

ptrdiff_t at_least(ptrdiff_t least, const py::object& value, const char* name) {
  const long long number = integer(value, name);
  if (number < least) {
    value_error(std::string(name) + " must be at least " + std::to_string(least) + ", got " +
                std::to_string(number));
  }
  return number;
}

py::dict schedule(const py::object& shape, const py::object& walk, const py::object& inputs,
                  const py::object& outputs, const py::object& itemsize, const py::object& reduces,
                  const py::object& end_to_end, const py::object& in_place,
                  const py::object& images, const py::object& num_threads, const py::object& l2,
                  const py::object& l3) {
  const py::tuple sizes(shape);
  if (sizes.size() != 3) value_error("shape must have 3 sizes, got " + text_of(sizes));
  const ptrdiff_t item = at_least(1, itemsize, "itemsize");
  const Work work{walk_named(walk),
                  at_least(0, sizes[0], "shape"),
                  at_least(0, sizes[1], "shape"),
                  at_least(0, sizes[2], "shape"),
                  at_least(1, inputs, "inputs") * item,
                  at_least(0, outputs, "outputs") * item,
                  boolean(reduces, "reduces"),
                  boolean(end_to_end, "end_to_end"),
                  boolean(in_place, "in_place"),
                  boolean(images, "images")};
  const CacheSizes caches{0, integer(l2, "l2"), integer(l3, "l3")};
  const Schedule found = schedule_for(work, caches, checked_threads(num_threads));
  py::dict result;
  result["threads"] = found.threads;
  result["streaming"] = found.store == Store::streaming;
  result["pieces_per_streamed"] = found.pieces_per_streamed;
  result["near"] = found.store == Store::near;
  result["group"] = found.group;
  result["shared"] = found.shared;
  result["interleaved"] = found.interleaved;
  result["held"] = found.held;
  result["map_reads_ahead"] = found.map_reads_ahead;
  return result;
}

}  // namespace

void register_plans(py::module_& m) {
  m.def("describe_walk", describe_walk, kWalk, py::arg("channel_axis") = 1);
  define<schedule>(m, kSchedule);
}

}  // namespace bnfast
