// The mapping kernels: y from x, or dx from x and dy, element by element.
//
// Parameters of the templates:
//   Op   Affine or Gradient: the formula, with its number of inputs and coefficients
//   C    compute type: float, double
//   T    storage type of the inputs; U of the output
// Legal (C, T, U): (float, float, float), and (double, T, U) for any T and U of float and double.
#pragma once

#include "kernels/contract.hpp"
#include "simd/vector.hpp"

namespace bnfast {
namespace BNFAST_ISA {

struct Affine {
  static constexpr int inputs = 1;
  static constexpr int coefficients = 3;
  template <class V>
  BNFAST_INLINE V apply(V x, V, const V* c) {
    return fma(x - c[0], c[1], c[2]);
  }
};

struct Gradient {
  static constexpr int inputs = 2;
  static constexpr int coefficients = 4;
  template <class V>
  BNFAST_INLINE V apply(V x, V dy, const V* c) {
    return fma(x - c[0], c[1], dy - c[2]) * c[3];
  }
};

// Columns held at once by the rows walk, in vectors: their coefficients stay in registers.
constexpr int kMapVectors = BNFAST_VECTOR_BYTES == 64 ? 4 : 2;
constexpr int kMapRows = 16;  // rows before the next columns: few pages are open at a time

template <class Op, class C, class T>
BNFAST_INLINE Vector<C> map_vector(const T* x, const T* dy, const Vector<C>* c) {
  return Op::apply(Io<C, T>::load(x), Op::inputs == 2 ? Io<C, T>::load(dy) : Vector<C>{}, c);
}

template <class Op, class C, class T, class U>
BNFAST_INLINE void map_partial(const T* x, const T* dy, U* y, int n, const Vector<C>* c) {
  const Vector<C> zero = {};
  const Vector<C> u = Io<C, T>::load_partial(x, n, zero);
  const Vector<C> v = Op::inputs == 2 ? Io<C, T>::load_partial(dy, n, zero) : zero;
  Io<C, U>::store_partial(y, Op::apply(u, v, c), n);
}

template <class C, bool streaming, class U>
BNFAST_INLINE void put(U* p, Vector<C> v) {
  if (streaming) {
    Io<C, U>::stream(p, v);
  } else {
    Io<C, U>::store(p, v);
  }
}

// The elements before y is aligned for streaming, at most n.
template <class U>
BNFAST_INLINE ptrdiff_t unaligned_head(const U* y, ptrdiff_t n) {
  const uintptr_t past = reinterpret_cast<uintptr_t>(y) % BNFAST_VECTOR_BYTES;
  const ptrdiff_t head =
      past == 0 ? 0 : static_cast<ptrdiff_t>((BNFAST_VECTOR_BYTES - past) / sizeof(U));
  return head < n ? head : n;
}

// Whole vectors one by one, then what is left.
template <class Op, class C, class T, class U>
BNFAST_INLINE void map_few(const T* x, const T* dy, U* y, ptrdiff_t n, const Vector<C>* c) {
  constexpr int width = kWidth<C>;
  ptrdiff_t i = 0;
  for (; i + width <= n; i += width) {
    put<C, false>(y + i, map_vector<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, c));
  }
  if (i < n) {
    map_partial<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, y + i, static_cast<int>(n - i), c);
  }
}

template <class Op, class C, bool streaming, class T, class U>
BNFAST_INLINE void map_run(const T* x, const T* dy, U* y, ptrdiff_t n, const Vector<C>* c) {
  constexpr int width = kWidth<C>;
  ptrdiff_t i = streaming ? unaligned_head(y, n) : 0;
  if (i > 0) map_few<Op, C>(x, dy, y, i, c);
  for (; i + 4 * width <= n; i += 4 * width) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const ptrdiff_t at = i + v * width;
      put<C, streaming>(y + at, map_vector<Op, C>(x + at, Op::inputs == 2 ? dy + at : x, c));
    }
  }
  map_few<Op, C>(x + i, Op::inputs == 2 ? dy + i : x, y + i, n - i, c);
}

template <class Op, class C, bool streaming, class T, class U>
void map_planes_storing(const Block& block, const Input* in, const Output& out,
                        const void* const* coefficients) {
  for (ptrdiff_t o = 0; o < block.outer; ++o) {
    for (ptrdiff_t c = 0; c < block.channels; ++c) {
      Vector<C> k[Op::coefficients];
      for (int j = 0; j < Op::coefficients; ++j) {
        k[j] = splat(static_cast<const C*>(coefficients[j])[c]);
      }
      const char* x = in[0].data + o * in[0].outer + c * in[0].channel;
      const char* dy = Op::inputs == 2 ? in[1].data + o * in[1].outer + c * in[1].channel : x;
      char* y = out.data + o * out.outer + c * out.channel;
      map_run<Op, C, streaming>(reinterpret_cast<const T*>(x), reinterpret_cast<const T*>(dy),
                                reinterpret_cast<U*>(y), block.inner, k);
    }
  }
}

// A few KB of output on their way to memory. Short planes of neighbouring channels lie end to end:
// they are mapped into this buffer and streamed from it together, in whole lines.
template <class U>
class Stage {
 public:
  static constexpr ptrdiff_t kBytes = 4096;

  // Where to write what will be streamed to y: at the same place within a line.
  __attribute__((always_inline)) U* buffer_for(const U* y) {
    return reinterpret_cast<U*>(line_ + reinterpret_cast<uintptr_t>(y) % BNFAST_VECTOR_BYTES);
  }
  __attribute__((always_inline)) void stream_to(U* y, ptrdiff_t n) {
    constexpr int width = kWidth<U>;
    const U* from = buffer_for(y);
    ptrdiff_t i = unaligned_head(y, n);
    if (i > 0)
      store_partial(y, load_partial(from, static_cast<int>(i), Vector<U>{}), static_cast<int>(i));
    for (; i + width <= n; i += width) stream(y + i, load(from + i));
    const int rest = static_cast<int>(n - i);
    if (rest > 0) store_partial(y + i, load_partial(from + i, rest, Vector<U>{}), rest);
  }

 private:
  alignas(64) char line_[kBytes + BNFAST_VECTOR_BYTES];
};

// True where the planes of a block's channels lie end to end and several of them fit a stage.
template <class U>
BNFAST_INLINE bool stageable(const Block& block, const Output& out) {
  const ptrdiff_t plane = block.inner * static_cast<ptrdiff_t>(sizeof(U));
  return out.channel == plane && 2 * plane <= Stage<U>::kBytes;
}

// Streaming stores need whole elements on their own boundaries to get aligned at all.
template <class U>
BNFAST_INLINE bool reachable(const Output& out) {
  return reinterpret_cast<uintptr_t>(out.data) % sizeof(U) == 0 && out.outer % sizeof(U) == 0 &&
         out.channel % sizeof(U) == 0;
}

template <class Op, class C, class T, class U>
void map_planes(const Block& block, const Input* in, const Output& out,
                const void* const* coefficients, Store how) {
  constexpr ptrdiff_t least_run = 512;  // bytes; in shorter planes too few lines are whole
  const bool long_runs = block.inner * static_cast<ptrdiff_t>(sizeof(U)) >= least_run;
  if (how == Store::streaming && long_runs && reachable<U>(out)) {
    map_planes_storing<Op, C, true, T, U>(block, in, out, coefficients);
  } else {
    map_planes_storing<Op, C, false, T, U>(block, in, out, coefficients);
  }
}

// `vectors` side by side, down the rows; the only one has `n` columns when partial.
template <class Op, class C, bool streaming, class T, class U, int vectors, bool partial>
BNFAST_INLINE void map_columns(const Input* in, const Output& out, ptrdiff_t row, ptrdiff_t rows,
                               ptrdiff_t column, const void* const* coefficients, int n) {
  constexpr int width = kWidth<C>;
  Vector<C> k[vectors][Op::coefficients];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 8
    for (int j = 0; j < Op::coefficients; ++j) {
      const C* c = static_cast<const C*>(coefficients[j]) + column + v * width;
      k[v][j] = partial ? load_partial(c, n, Vector<C>{}) : load(c);
    }
  }
  for (ptrdiff_t r = row; r < row + rows; ++r) {
    const T* x = reinterpret_cast<const T*>(in[0].data + r * in[0].outer) + column;
    const T* dy =
        Op::inputs == 2 ? reinterpret_cast<const T*>(in[1].data + r * in[1].outer) + column : x;
    U* y = reinterpret_cast<U*>(out.data + r * out.outer) + column;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      if (partial) {
        map_partial<Op, C>(x, dy, y, n, k[v]);
      } else {
        prefetch(reinterpret_cast<const char*>(x + v * width) + kMapRows * in[0].outer);
        if (Op::inputs == 2) {
          prefetch(reinterpret_cast<const char*>(dy + v * width) + kMapRows * in[1].outer);
        }
        put<C, streaming>(y + v * width, map_vector<Op, C>(x + v * width, dy + v * width, k[v]));
      }
    }
  }
}

template <class Op, class C, bool streaming, class T, class U>
void map_rows_storing(const Block& block, const Input* in, const Output& out,
                      const void* const* coefficients) {
  constexpr int width = kWidth<C>, wide = kMapVectors * width;
  const ptrdiff_t columns = block.channels;
  for (ptrdiff_t row = 0; row < block.outer; row += kMapRows) {
    const ptrdiff_t rows = block.outer - row < kMapRows ? block.outer - row : kMapRows;
    ptrdiff_t c = 0;
    for (; c + wide <= columns; c += wide) {
      map_columns<Op, C, streaming, T, U, kMapVectors, false>(in, out, row, rows, c, coefficients,
                                                              0);
    }
    for (; c + width <= columns; c += width) {
      map_columns<Op, C, streaming, T, U, 1, false>(in, out, row, rows, c, coefficients, 0);
    }
    if (c < columns) {
      map_columns<Op, C, false, T, U, 1, true>(in, out, row, rows, c, coefficients,
                                               static_cast<int>(columns - c));
    }
  }
}

template <class Op, class C, class T, class U>
void map_rows(const Block& block, const Input* in, const Output& out,
              const void* const* coefficients, Store how) {
  const bool every_row_aligned = reinterpret_cast<uintptr_t>(out.data) % BNFAST_VECTOR_BYTES == 0 &&
                                 out.outer % BNFAST_VECTOR_BYTES == 0;
  if (how == Store::streaming && every_row_aligned) {
    map_rows_storing<Op, C, true, T, U>(block, in, out, coefficients);
  } else {
    map_rows_storing<Op, C, false, T, U>(block, in, out, coefficients);
  }
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
