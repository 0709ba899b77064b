// What bnfast.ChannelStats is made of: the statistics of one array, and putting two together.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/functions.hpp"
#include "bindings/register.hpp"
#include "core/batch_norm.hpp"
#include "core/integer_moments.hpp"

namespace bnfast {
namespace {

constexpr const char* kChannelSums = R"(channel_sums(x, channel_axis, num_threads)
--

What `merge_moments` or, of integers, `add_sums` puts together: the values per channel, int64 of
shape (C,); and four rows. Of floats: the mean, what float64 could not hold of it, the sum of squared
differences from it and the same of that. Of integers, as int64: the lower and the upper 64 bits of
their sum, and of the sum of their squares.
)";
constexpr const char* kMergeMoments =
    R"(merge_moments(count, moments, other_count, other_moments)
--

Put the values of the second part into the first, in place. Both may be the same.
)";
constexpr const char* kAddSums = R"(add_sums(count, sums, other_count, other_sums)
--

Put the integers of the second part into the first, in place. Both may be the same.
)";
constexpr const char* kScaledMoments = R"(scaled_moments(moments, factor)
--

The moments of all values times a factor.
)";

constexpr py::ssize_t kRows = 4;

template <class T>
using RowsArray = py::array_t<T, py::array::c_style>;
using Counts = py::array_t<std::int64_t, py::array::c_style>;

template <class T>
RowsArray<T> new_rows(py::ssize_t channels) {
  return RowsArray<T>({kRows, channels});
}

RowsArray<double> moments_of(const Operand& x, int threads) {
  auto rows = new_rows<double>(x.shape.channels());
  double* const to = rows.mutable_data();
  std::fill_n(to, rows.size(), 0.0);
  without_gil(x.shape.elements(), [&] {
    check_memory(
        partial_moments(x.shape, x.array, threads, ChannelMoments(to, x.shape.channels())));
  });
  return rows;
}

// The rows of exact sums, each of 128 bits in two's complement.
struct SumRows {
  std::int64_t *values, *values_high, *squares, *squares_high;

  SumRows(std::int64_t* rows, py::ssize_t channels)
      : values(rows),
        values_high(rows + channels),
        squares(rows + 2 * channels),
        squares_high(rows + 3 * channels) {}
};

void store(unsigned __int128 sum, std::int64_t& low, std::int64_t& high) {
  low = static_cast<std::int64_t>(sum);
  high = static_cast<std::int64_t>(sum >> 64);
}

void add(std::int64_t& low, std::int64_t& high, std::int64_t other_low, std::int64_t other_high) {
  const auto wide = [](std::int64_t l, std::int64_t h) {
    return static_cast<unsigned __int128>(static_cast<std::uint64_t>(h)) << 64 |
           static_cast<std::uint64_t>(l);
  };
  store(wide(low, high) + wide(other_low, other_high), low, high);
}

RowsArray<std::int64_t> sums_of(const Operand& x, int threads) {
  const py::ssize_t channels = x.shape.channels();
  std::vector<IntegerSums> sums(static_cast<size_t>(channels));
  without_gil(x.shape.elements(),
              [&] { check_memory(integer_sums(x.shape, x.array, threads, sums.data())); });
  auto rows = new_rows<std::int64_t>(channels);
  const SumRows to(rows.mutable_data(), channels);
  for (py::ssize_t c = 0; c < channels; ++c) {
    const IntegerSums& found = sums[static_cast<size_t>(c)];
    store(static_cast<unsigned __int128>(static_cast<__int128>(found.values)), to.values[c],
          to.values_high[c]);
    store(found.squares, to.squares[c], to.squares_high[c]);
  }
  return rows;
}

py::tuple channel_sums(const py::object& x_, const py::object& channel_axis,
                       const py::object& num_threads) {
  const Operand x = input(x_, "x", channel_axis, Accepted::numbers);
  const int threads = checked_threads(num_threads);
  Counts count(x.shape.channels());
  std::fill_n(count.mutable_data(), count.size(), x.shape.values_per_channel());
  if (is_integer(x.array.dtype)) return py::make_tuple(count, sums_of(x, threads));
  return py::make_tuple(count, moments_of(x, threads));
}

// An array of the module's own making, as it came from Python.
template <class Expected>
Expected own_array(const py::object& object, const char* name, py::ssize_t rank) {
  if (!py::isinstance<Expected>(object)) {
    type_error(std::string(name) + " must be an array that channel_sums has returned, got " +
               type_name(object));
  }
  auto array = py::reinterpret_borrow<Expected>(object);
  if (array.ndim() != rank || (rank == 2 && array.shape(0) != kRows)) {
    value_error(std::string(name) + " must have a shape that channel_sums returns, got " +
                text_of_shape(array));
  }
  return array;
}

template <class T>
struct Part {
  Counts count;
  RowsArray<T> rows;

  Part(const py::object& count_, const py::object& rows_)
      : count(own_array<Counts>(count_, "count", 1)),
        rows(own_array<RowsArray<T>>(rows_, "rows", 2)) {
    if (rows.shape(1) != count.shape(0)) value_error("count and rows must be of the same channels");
  }
  py::ssize_t channels() const { return count.shape(0); }
};

template <class T>
void check_same_channels(const Part<T>& a, const Part<T>& b) {
  if (a.channels() != b.channels()) value_error("both parts must be of the same channels");
}

py::none merge_moments(const py::object& count, const py::object& moments,
                       const py::object& other_count, const py::object& other_moments) {
  Part<double> a(count, moments), b(other_count, other_moments);
  check_same_channels(a, b);
  const auto counted = [](Part<double>& part) {
    return CountedMoments{part.count.mutable_data(),
                          ChannelMoments(part.rows.mutable_data(), part.channels())};
  };
  merge(counted(a), counted(b), a.channels());
  return {};
}

py::none add_sums(const py::object& count, const py::object& sums, const py::object& other_count,
                  const py::object& other_sums) {
  Part<std::int64_t> a(count, sums), b(other_count, other_sums);
  check_same_channels(a, b);
  const SumRows to(a.rows.mutable_data(), a.channels()), from(b.rows.mutable_data(), a.channels());
  for (py::ssize_t c = 0; c < a.channels(); ++c) {
    a.count.mutable_data()[c] += b.count.data()[c];
    add(to.values[c], to.values_high[c], from.values[c], from.values_high[c]);
    add(to.squares[c], to.squares_high[c], from.squares[c], from.squares_high[c]);
  }
  return {};
}

py::array scaled_moments(const py::object& moments, const py::object& factor) {
  const auto from = own_array<RowsArray<double>>(moments, "moments", 2);
  auto to = new_rows<double>(from.shape(1));
  std::copy_n(from.data(), from.size(), to.mutable_data());
  scale(ChannelMoments(to.mutable_data(), to.shape(1)), number(factor, "factor"), to.shape(1));
  return to;
}

}  // namespace

void register_channel_stats(py::module_& m) {
  define<channel_sums>(m, kChannelSums);
  define<merge_moments>(m, kMergeMoments);
  define<add_sums>(m, kAddSums);
  define<scaled_moments>(m, kScaledMoments);
}

}  // namespace bnfast
