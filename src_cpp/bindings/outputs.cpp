#include "bindings/outputs.hpp"

#include <utility>
#include <vector>

#include "bindings/register.hpp"
#include "core/kept_memory.hpp"
#include "core/output_memory.hpp"
#include "dispatch/machine.hpp"

namespace bnfast {
namespace {

constexpr const char* kEmpty = R"(empty_cache()
--

Give memory that is kept for the next calls back to the system.

That is the memory of freed results of 16 MiB and more that were allocated without `out` (see
`set_output_cache`), and what calls themselves computed in: at most 16 pieces of 64 KiB to 2 MiB.

Returns
-------
int
    The bytes given back.

Examples
--------
>>> import numpy as np, bnfast
>>> bnfast.set_output_cache(2**28)
>>> y = bnfast.standardize(np.ones((2**20, 8)))
>>> del y
>>> bnfast.empty_cache() >= 2**26
True
>>> bnfast.set_output_cache(None)
)";

constexpr const char* kSet = R"(set_output_cache(max_bytes)
--

Set how much memory of freed results this process keeps for the next ones.

A result of 16 MiB or more that is allocated without `out` lies in memory of the library's own.
Once it is freed, that memory serves a following result that fills at least 8/9 of it, which saves
the system's work of handing out and zeroing fresh pages. NumPy says that such a result does not own
its data, and cannot resize it in place. At most 16 such results are kept, the
oldest being given back first. Where the system runs short of memory it may take back all but the
newest.

Parameters
----------
max_bytes : int or None
    At least 0; what is kept beyond it is given back at once. 0 keeps nothing, and leaves every
    result to NumPy's allocator. None returns to the environment's default:
    ``BNFAST_OUTPUT_CACHE`` (bytes, or as ``256M``), else 512 MiB, or an eighth of the memory that
    this process may use where that is less.

Raises
------
TypeError, ValueError
    `max_bytes` is not an integer, or negative.

Examples
--------
>>> import bnfast
>>> bnfast.set_output_cache(2**20 * 64)
>>> bnfast.get_output_cache()
67108864
>>> bnfast.set_output_cache(None)
)";

constexpr const char* kGet = R"(get_output_cache()
--

The most bytes of freed results that are kept for the next ones; see `set_output_cache`.

Examples
--------
>>> import bnfast
>>> bnfast.get_output_cache() >= 0
True
)";

constexpr const char* kInfo = R"(output_cache()
--

The bound of `get_output_cache`, what decided it, and the bytes held now.
)";

// Owns the block of one result, as that array's base. NumPy lets an array become writeable again
// only if its base exports a writeable buffer, as this does: of the result, not of the whole block.
class OutputMemory {
 public:
  explicit OutputMemory(py::ssize_t bytes) : block_(take_output_block(bytes)), bytes_(bytes) {}
  OutputMemory(OutputMemory&& other) noexcept
      : block_(std::exchange(other.block_, {})), bytes_(other.bytes_) {}
  OutputMemory& operator=(OutputMemory&&) = delete;
  ~OutputMemory() {
    if (block_.data) give_back(block_);
  }

  void* data() const { return block_.data; }  // null: to be allocated as any other array is
  py::buffer_info buffer() const {
    return py::buffer_info(static_cast<unsigned char*>(block_.data), bytes_);
  }

 private:
  OutputBlock block_;
  py::ssize_t bytes_;
};

// pybind11's own constructor copies sizes and strides to memory that it allocates.
py::array allocated_by_numpy(const py::dtype& dtype, const AxesOfNew& axes) {
  const auto& numpy = py::detail::npy_api::get();
  auto made = py::reinterpret_steal<py::array>(numpy.PyArray_NewFromDescr_(
      numpy.PyArray_Type_, dtype.inc_ref().ptr(), static_cast<int>(axes.rank), axes.size,
      axes.stride, nullptr, 0, nullptr));
  if (!made) throw py::error_already_set();
  return made;
}

py::ssize_t empty() { return empty_output_cache() + empty_kept_memory(); }

void set_cache(const py::object& max_bytes) {
  if (max_bytes.is_none()) return set_output_cache(-1);
  const long long bytes = integer(max_bytes, "max_bytes");
  if (bytes < 0) value_error("max_bytes must not be negative, got " + std::to_string(bytes));
  set_output_cache(static_cast<py::ssize_t>(bytes));
}

py::ssize_t get_cache() { return output_cache_state().most_bytes; }

py::dict cache_info() {
  const OutputCacheState state = output_cache_state();
  py::dict info;
  info["max_bytes"] = state.most_bytes;
  info["source"] = state.set ? "set_output_cache" : environment_output_cache().source;
  info["held_bytes"] = state.held_bytes;
  return info;
}

}  // namespace

py::array new_array(const py::dtype& dtype, const AxesOfNew& axes, py::ssize_t bytes) {
  OutputMemory memory(bytes);
  void* const data = memory.data();
  if (!data) return allocated_by_numpy(dtype, axes);
  return py::array(dtype, std::vector<py::ssize_t>(axes.size, axes.size + axes.rank),
                   std::vector<py::ssize_t>(axes.stride, axes.stride + axes.rank), data,
                   py::cast(std::move(memory)));
}

void register_outputs(py::module_& m) {
  const auto made_here_alone = [](PyHeapTypeObject* made) {
    made->ht_type.tp_flags |= Py_TPFLAGS_DISALLOW_INSTANTIATION;
  };
  py::class_<OutputMemory>(m, "_OutputMemory", py::buffer_protocol(),
                           py::custom_type_setup(made_here_alone))
      .def_buffer(&OutputMemory::buffer);
  m.def("empty_cache", empty, kEmpty);
  m.def("set_output_cache", set_cache, kSet, py::arg("max_bytes").none(true));
  m.def("get_output_cache", get_cache, kGet);
  m.def("output_cache", cache_info, kInfo);
}

}  // namespace bnfast
