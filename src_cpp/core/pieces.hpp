// How the work on one array is cut: by its shape alone, so that sums taken piece by piece have the
// same bits on any machine with any number of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace bnfast {

using std::ptrdiff_t;

constexpr ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

// A part of one channel: whole planes, or a part of one plane.
struct Piece {
  ptrdiff_t outer_begin, outer_size;
  ptrdiff_t inner_begin, inner_size;
};

class PlanePieces {
 public:
  PlanePieces(ptrdiff_t outer, ptrdiff_t inner)
      : PlanePieces(outer, inner, std::max(kElements, ceil_div(outer * inner, kMostPieces))) {}
  // wanted: the most elements of a piece.
  PlanePieces(ptrdiff_t outer, ptrdiff_t inner, ptrdiff_t wanted)
      : outer_(outer),
        inner_(inner),
        outer_step_(std::max<ptrdiff_t>(1, std::min(outer, wanted / inner))),
        inner_step_(std::min(inner, wanted)),
        inner_parts_(ceil_div(inner, inner_step_)) {}
  ptrdiff_t size() const { return ceil_div(outer_, outer_step_) * inner_parts_; }
  Piece operator[](ptrdiff_t i) const {
    const ptrdiff_t o = i / inner_parts_ * outer_step_, k = i % inner_parts_ * inner_step_;
    return {o, std::min(outer_step_, outer_ - o), k, std::min(inner_step_, inner_ - k)};
  }

 private:
  static constexpr ptrdiff_t kElements = 8192;
  static constexpr ptrdiff_t kMostPieces = 4096;  // bounds the memory for their sums

  ptrdiff_t outer_, inner_, outer_step_, inner_step_, inner_parts_;
};

// A part of the rows: one of some ranges of rows, and of that a slice of columns.
struct RowBlock {
  ptrdiff_t range;
  ptrdiff_t row, rows;
  ptrdiff_t column, columns;
};

// Few ranges, for each has sums of all columns; slices where there would be fewer than 16 blocks.
class RowBlocks {
 public:
  RowBlocks(ptrdiff_t rows, ptrdiff_t columns) : rows_(rows), columns_(columns) {
    const ptrdiff_t by_size = ceil_div(rows * columns, kElements);
    const ptrdiff_t by_memory = std::max(kEnough, kMostSums / columns);
    ranges_ = std::max<ptrdiff_t>(1, std::min({by_size, by_memory, rows / kLeastRows}));
    if (ranges_ > kEnough) ranges_ -= ranges_ % kEven;
    slices_ = std::min(ceil_div(kEnough, ranges_), std::max<ptrdiff_t>(1, by_size / ranges_));
  }
  ptrdiff_t ranges() const { return ranges_; }
  ptrdiff_t size() const { return ranges_ * slices_; }
  RowBlock operator[](ptrdiff_t block) const {
    const ptrdiff_t range = block / slices_, slice = block % slices_;
    const ptrdiff_t row = part(rows_, range, ranges_), column = part(columns_, slice, slices_);
    return {range, row, part(rows_, range + 1, ranges_) - row, column,
            part(columns_, slice + 1, slices_) - column};
  }

 private:
  static constexpr ptrdiff_t kElements = 32768;  // of a block, about
  static constexpr ptrdiff_t kMostSums = 32768;  // bounds the memory for the ranges' sums
  static constexpr ptrdiff_t kLeastRows = 32;    // of a range: its sums are small beside them
  static constexpr ptrdiff_t kEnough = 16;       // blocks for several threads
  static constexpr ptrdiff_t kEven = 4;          // as many for each of two or four

  static ptrdiff_t part(ptrdiff_t all, ptrdiff_t i, ptrdiff_t parts) { return all * i / parts; }

  ptrdiff_t rows_, columns_, ranges_, slices_;
};

// Rows that are taken end to end as one long row, so that few columns fill whole vectors: if they
// soon do, so many that every long row starts at the same alignment. line: elements of a cache
// line.
inline ptrdiff_t rows_per_long_row(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t line) {
  constexpr ptrdiff_t aligned = 16, wide = 64, most = 256;
  const ptrdiff_t whole = std::max(aligned, line);
  const ptrdiff_t unit = whole / std::gcd(whole, columns);
  const ptrdiff_t in_lines = unit * ceil_div(wide, unit * columns);
  const ptrdiff_t fold = in_lines * columns <= most ? in_lines : ceil_div(wide, columns);
  return rows >= 8 * fold ? fold : 1;
}

}  // namespace bnfast
