#include <numeric>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/overlap.hpp"
#include "bindings/register.hpp"
#include "core/parallel.hpp"
#include "core/pieces.hpp"
#include "dispatch/dispatch.hpp"

namespace bnfast {
namespace {

constexpr const char* kRead = R"(probe_read(x, num_threads)
--

Sum a contiguous float32 array: the machine's reading speed.
)";
constexpr const char* kCopy = R"(probe_copy(x, out, streaming, num_threads)
--

Copy a contiguous float32 array through the caches or, streaming, past them.
)";
constexpr const char* kAdd = R"(probe_add(x, z, out, streaming, num_threads)
--

Add two contiguous float32 arrays: two reads and one write.
)";

// A contiguous array of float32.
struct Buffer {
  py::array object;
  float* data;
  ptrdiff_t floats;
};

Buffer buffer(const py::object& x, const char* name) {
  const Operand operand = input(x, name, py::int_(0));
  if (operand.array.dtype != DType::float32) type_error(std::string(name) + " must be float32");
  const bool contiguous = (operand.object.flags() & py::array::c_style) != 0;
  if (!contiguous) value_error(std::string(name) + " must be C-contiguous");
  return {operand.object, reinterpret_cast<float*>(operand.array.data), operand.object.size()};
}

Buffer like(const Buffer& first, const py::object& x, const char* name) {
  const Buffer other = buffer(x, name);
  if (other.floats != first.floats) value_error(std::string(name) + " must have x's size");
  return other;
}

Buffer writeable(const Buffer& buffer) {
  if (!buffer.object.writeable()) value_error("out must be writeable, got a read-only array");
  return buffer;
}

// Runs part(begin, end) over floats cut at multiples of 4 KB.
template <class Part>
void divide(ptrdiff_t floats, int threads, const Part& part) {
  constexpr ptrdiff_t page = 1024;
  const ptrdiff_t pages = ceil_div(floats, page);
  run_team(threads, [&](const Team& team) {
    part(team.rank, team.begin(pages) * page, std::min(floats, team.end(pages) * page));
  });
}

double probe_read(const py::object& x_, const py::object& num_threads) {
  const Buffer x = buffer(x_, "x");
  const int threads = checked_threads(num_threads);
  std::vector<double> sums(static_cast<size_t>(threads));
  without_gil(x.floats, [&] {
    divide(x.floats, threads, [&](int rank, ptrdiff_t begin, ptrdiff_t end) {
      sums[static_cast<size_t>(rank)] = active_kernels().probes.read(x.data + begin, end - begin);
    });
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

void write(const Buffer& x, const Buffer& z, const Buffer& out, int threads,
           void (*kernel)(const float*, const float*, float*, ptrdiff_t)) {
  without_gil(x.floats, [&] {
    divide(x.floats, threads, [&](int, ptrdiff_t begin, ptrdiff_t end) {
      kernel(x.data + begin, z.data + begin, out.data + begin, end - begin);
    });
  });
}

void probe_copy(const py::object& x_, const py::object& out_, const py::object& streaming,
                const py::object& num_threads) {
  const Buffer x = buffer(x_, "x"), out = writeable(like(x, out_, "out"));
  check_apart(out.object, "out", x.object, "x");
  const Probes& probes = active_kernels().probes;
  write(x, x, out, checked_threads(num_threads),
        boolean(streaming, "streaming") ? probes.copy_streaming : probes.copy);
}

void probe_add(const py::object& x_, const py::object& z_, const py::object& out_,
               const py::object& streaming, const py::object& num_threads) {
  const Buffer x = buffer(x_, "x"), z = like(x, z_, "z"), out = writeable(like(x, out_, "out"));
  check_apart(out.object, "out", x.object, "x");
  check_apart(out.object, "out", z.object, "z");
  const Probes& probes = active_kernels().probes;
  write(x, z, out, checked_threads(num_threads),
        boolean(streaming, "streaming") ? probes.add_streaming : probes.add);
}

}  // namespace

void register_probes(py::module_& m) {
  m.def("probe_read", probe_read, kRead, py::arg("x"), py::arg("num_threads"));
  m.def("probe_copy", probe_copy, kCopy, py::arg("x"), py::arg("out"), py::arg("streaming"),
        py::arg("num_threads"));
  m.def("probe_add", probe_add, kAdd, py::arg("x"), py::arg("z"), py::arg("out"),
        py::arg("streaming"), py::arg("num_threads"));
}

}  // namespace bnfast
