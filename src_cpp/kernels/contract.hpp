// The contract between the core and the kernels: what a kernel is given, what it must do, and the
// table that every instruction set fills whole.
//
// C headers only: this file is compiled once per instruction set, and a function of the C++
// library instantiated there could be linked into code that runs on a lesser CPU.
#pragma once

#include <stddef.h>

namespace bnfast {

// A piece of work, outer x channels x inner elements.
//   planes: `inner` elements of one channel lie side by side.
//   rows:   inner is 1 and the channels lie side by side.
struct Block {
  ptrdiff_t outer;
  ptrdiff_t channels;
  ptrdiff_t inner;
};

// An array as a kernel sees it: the block's first element, and byte strides. No alignment is
// asked. The rows walk does not read `channel`.
//
// ahead: bytes from this block to another of its shape that will be reduced next; 0: unknown. Where
// a reduction and a map alternate, either prefetches half of that block, so that memory is read all
// the time; a reduction alone reads ahead in its own block. Only the planes walk looks at it.
struct Input {
  const char* data;
  ptrdiff_t outer;
  ptrdiff_t channel;
  ptrdiff_t ahead;
};

struct Output {
  char* data;
  ptrdiff_t outer;
  ptrdiff_t channel;
};

// streaming: the caller will not read the output soon; bypass the caches where alignment allows. A
// thread that has stored so calls the table's `fence` when it is done: not after each block, where
// it would wait for the memory.
enum class Store { ordinary, streaming };

// Channels that one call of a planes kernel takes at most.
constexpr ptrdiff_t kMaxGroup = 8;

// Per channel, over the block: two sums, written (not added) to first[c] and second[c].
//   moments:  sum(x - shift),  sum((x - shift)^2)      inputs = {x}
//   products: sum(dy),         sum(dy * (x - shift))   inputs = {x, dy}
// shift has one value per channel, in the kernel's compute type. Which element is added to which
// partial sum depends on the block's shape alone, never on the vector width.
using ReduceKernel = void (*)(const Block&, const Input* inputs, const void* shift, double* first,
                              double* second);

// Element by element, with coefficients (one array per coefficient, one value per channel, in the
// kernel's compute type):
//   affine:   y  = (x - c0)*c1 + c2                      inputs = {x}
//   gradient: dx = ((dy - c2) + (x - c0)*c1) * c3        inputs = {x, dy}
// The output may be one of the inputs. Each product and following sum is one fma where the
// instruction set has it, in the body of a run and in its tail alike.
using MapKernel = void (*)(const Block&, const Input* inputs, const Output& output,
                           const void* const* coefficients, Store store);

struct Reduce {
  ReduceKernel planes;
  ReduceKernel rows;
};

struct Map {
  MapKernel planes;
  MapKernel rows;
};

// The kernels for one storage type. Maps compute in the wider of their input's and output's
// compute types.
//   fast:  sums runs of at most 16 values per lane in the storage's compute type, the runs in
//          float64. For float64 storage it is `exact`.
//   exact: widens each value to float64 first; shift is float64.
struct TypeKernels {
  Reduce moments_fast;
  Reduce moments_exact;
  Reduce products_fast;
  Reduce products_exact;
  Map affine_to_float32;
  Map affine_to_float64;
  Map gradient;
};

struct KernelTable {
  TypeKernels float32;
  TypeKernels float64;
  void (*fence)();
};

}  // namespace bnfast
