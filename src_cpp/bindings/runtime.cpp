#include "bindings/arrays.hpp"
#include "bindings/register.hpp"
#include "core/parallel.hpp"
#include "dispatch/dispatch.hpp"
#include "dispatch/environment.hpp"
#include "dispatch/machine.hpp"

#define BNFAST_TEXT_OF(x) #x
#define BNFAST_TEXT(x) BNFAST_TEXT_OF(x)

namespace bnfast {
namespace {

constexpr const char* kSetThreads = R"(set_num_threads(n)
--

Set the default number of threads for this process.

Parameters
----------
n : int or None
    At least 1. None returns to the environment's default: ``BNFAST_NUM_THREADS``, else
    ``OMP_NUM_THREADS``, else the CPUs this process may use, by affinity and control-group quota.

Raises
------
TypeError, ValueError
    `n` is not a positive integer.

Examples
--------
>>> import bnfast
>>> bnfast.set_num_threads(1)
>>> bnfast.get_num_threads()
1
>>> bnfast.set_num_threads(None)
)";

constexpr const char* kGetThreads = R"(get_num_threads()
--

The number of threads that calls use by default. Small calls use fewer.

Examples
--------
>>> import bnfast
>>> bnfast.get_num_threads() >= 1
True
)";

constexpr const char* kIsa = R"(isa()
--

The name of the instruction set in use: "v4" (AVX-512), "v3" (AVX2 and FMA), "v2" (SSE4.2), "neon"
or "portable". The best available, unless ``BNFAST_ISA`` or `use_isa` chose.

Examples
--------
>>> import bnfast
>>> bnfast.isa() in bnfast.available_isas()
True
)";

constexpr const char* kAvailable = R"(available_isas()
--

The instruction sets that this library was built with and this CPU can run, best first.

Examples
--------
>>> import bnfast
>>> len(bnfast.available_isas()) > 0
True
)";

constexpr const char* kUse = R"(use_isa(name)
--

Use this instruction set from now on, in the whole process.

Parameters
----------
name : str
    One of `available_isas`.

Raises
------
ValueError
    The name is unknown, or this CPU cannot run it.

Examples
--------
>>> import bnfast
>>> best = bnfast.isa()
>>> bnfast.use_isa(bnfast.available_isas()[-1])
>>> bnfast.use_isa(best)
)";

constexpr const char* kBuild = R"(build_info()
--

How this library was built.
)";

constexpr const char* kDefaultThreads = R"(default_threads()
--

The number of `get_num_threads`, what decided it, and what this process may use.
)";

constexpr const char* kCaches = R"(cache_sizes()
--

The caches of this CPU in bytes; 0: none, or unknown.
)";

constexpr const char* kAssumeCaches = R"(assume_cache_sizes(l2, l3)
--

Run passes as on a machine with caches of so many bytes; `l2` 0: with this machine's again. No bit
of a result depends on it.
)";

py::list listed(const IsaNames& names) {
  py::list list;
  for (const char* name : names) list.append(name);
  return list;
}

py::list available() { return listed(available_isas()); }

std::string with_commas(const IsaNames& names) {
  std::string text;
  for (const char* name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text.empty() ? "none" : text;
}

[[noreturn]] void refuse_isa(const char* argument, const std::string& name) {
  value_error(std::string(argument) + " must be one of the instruction sets available here (" +
              with_commas(available_isas()) + "), got '" + name + "'");
}

py::dict build_info() {
  py::dict info;
  info["version"] = BNFAST_TEXT(BNFAST_VERSION);
#if defined(__clang__)
  info["compiler"] = "Clang " __clang_version__;
#else
  info["compiler"] = "GCC " __VERSION__;
#endif
  info["isas_built"] = listed(built_isas());
  info["isas_available"] = available();
  info["isa"] = active_isa();
  info["openmp"] = openmp_version() > 0;
  info["openmp_version"] = openmp_version();
  info["build_type"] = BNFAST_TEXT(BNFAST_BUILD_TYPE);
  info["platform"] = BNFAST_TEXT(BNFAST_PLATFORM);
  return info;
}

py::dict default_threads_info() {
  const ThreadDefault environment = environment_threads();
  const double quota = cgroup_cpus();
  py::dict info;
  info["threads"] = default_threads();
  info["source"] = default_threads_set() ? "set_num_threads" : environment.source;
  info["affinity"] = affinity_cpus();
  info["cgroup_quota"] = quota > 0 ? py::object(py::float_(quota)) : py::none();
  return info;
}

py::dict cache_info() {
  const CacheSizes sizes = cache_sizes();
  py::dict info;
  info["l1d"] = sizes.l1d;
  info["l2"] = sizes.l2;
  info["l3"] = sizes.l3;
  return info;
}

void set_num_threads(const py::object& n) {
  set_default_threads(n.is_none() ? 0 : checked_threads(n));
}

void use_isa_named(const py::object& name) {
  if (!py::isinstance<py::str>(name)) type_error("name must be a str, got " + type_name(name));
  const auto wanted = name.cast<std::string>();
  const bool whole = wanted.find('\0') == std::string::npos;
  if (!whole || !use_isa(wanted.c_str())) refuse_isa("name", wanted);
}

void start_isa() {
  const IsaChoice choice = choose_isa();
  if (choice == IsaChoice::unknown_wish) refuse_isa("BNFAST_ISA", environment_wish("BNFAST_ISA"));
  if (choice == IsaChoice::chosen) return;
  throw py::import_error("this CPU runs none of the instruction sets bnfast was built with (" +
                         with_commas(built_isas()) + ")");
}

void refuse_wish(const char* variable, const char* expected) {
  value_error(std::string(variable) + " must be " + expected + ", got '" +
              environment_wish(variable) + "'");
}

}  // namespace

void start() {
  start_isa();
  if (environment_threads().threads == 0) refuse_wish("BNFAST_NUM_THREADS", "a positive integer");
  if (environment_output_cache().most_bytes < 0) {
    refuse_wish("BNFAST_OUTPUT_CACHE", "a number of bytes, as 268435456 or 256M");
  }
}

void register_runtime(py::module_& m) {
  m.def("set_num_threads", set_num_threads, kSetThreads, py::arg("n").none(true));
  m.def("get_num_threads", default_threads, kGetThreads);
  m.def("isa", active_isa, kIsa);
  m.def("available_isas", available, kAvailable);
  m.def("use_isa", use_isa_named, kUse, py::arg("name"));
  m.def("build_info", build_info, kBuild);
  m.def("default_threads", default_threads_info, kDefaultThreads);
  m.def("cache_sizes", cache_info, kCaches);
  m.def("assume_cache_sizes", assume_cache_sizes, kAssumeCaches, py::arg("l2"), py::arg("l3"));
}

}  // namespace bnfast
