// The contract between the core and the kernels: what a kernel is given, what it must do, and the
// table that every instruction set fills whole.
//
// C headers only: this file is compiled once per instruction set, and a function of the C++
// library instantiated there could be linked into code that runs on a lesser CPU.
#pragma once

#include <stddef.h>

#include "kernels/pixel_contract.hpp"

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
struct Input {
  const char* data;
  ptrdiff_t outer;
  ptrdiff_t channel;
};

struct Output {
  char* data;
  ptrdiff_t outer;
  ptrdiff_t channel;
};

// streaming: the caller will not read the output soon; bypass the caches where alignment allows. A
// thread that has stored so calls the table's `fence` when it is done: not after each block, where
// it would wait for the memory.
// near: through near caches: planes end to end as one run, no vector of which is in two lines; and
// maps alone prefetch little.
// Rows that lie end to end but do not all begin with a vector are one run, too, unless ordinary:
// then the coefficients that a line of the output takes stand behind the last ones, the first ones
// once more. row_run: such rows through caches that are not near.
enum class Store { ordinary, row_run, near, streaming };

constexpr int kMaxInputs = 3;
constexpr int kMaxOutputs = 2;
constexpr int kMaxCoefficients = 6;

// What becomes of v, the affine map's result plus the residual.
//   ramp:      v*slope up to 0 (0 where the slope is 0), then v, at most cap; cap NaN: no cap
//   hardswish: v*min(max(v + 3, 0), 6)/6
//   silu:      v/(1 + exp(-v))
// A kernel for a ramp takes no other kind, one for a curve takes the other two.
struct Activation {
  enum class Kind { ramp, hardswish, silu };
  Kind kind;
  double slope, cap;
  bool residual = false;             // else the input that would hold it is not read for its values
  bool residual_gradient = false;    // whether the second output is wanted
  bool constant_statistics = false;  // of a gradient: mean and invstd do not depend on x
};

// Channels that one call of a planes kernel takes at most.
constexpr ptrdiff_t kMaxGroup = 16;

// Per channel, over the block: two sums, written (not added) to first[c] and second[c].
//   moments:  sum(x - c0),  sum((x - c0)^2)     inputs = {x}
//   products: sum(dy),      sum(dy * (x - c0))  inputs = {x, dy}
//   activated products: the same of g, which is dy times the activation's slope at
//             (x - c0)*c1 + c2 + residual       inputs = {x, dy, residual}
// The coefficients are arrays of one value per channel, in the kernel's compute type; c0 is the
// shift. Which element is added to which partial sum depends on the block's shape alone, never on
// the vector width.
using ReduceKernel = void (*)(const Block&, const Input* inputs, const void* const* coefficients,
                              const Activation&, double* first, double* second);

// Element by element, with coefficients (one array per coefficient, one value per channel, in the
// kernel's compute type):
//   affine:   y  = (x - c0)*c1 + c2                      inputs = {x}
//   gradient: dx = ((dy - c2) + (x - c0)*c1) * c3        inputs = {x, dy}
//   activated affine: the activation of (x - c0)*c1 + c2 + residual
//                                                        inputs = {x, residual}
//   activated gradient: dx = ((g - c2) + (x - c0)*c1) * c3 and g, which is dy times the
//   activation's
//             slope at (x - c0)*c4 + c5 + residual       inputs = {x, dy, residual}
// An output may be one of the inputs. Each product and following sum is one fma where the
// instruction set has it, in the body of a run and in its tail alike.
using MapKernel = void (*)(const Block&, const Input* inputs, const Output* outputs,
                           const void* const* coefficients, const Activation&, Store store);

// The arguments of a MapKernel.
struct MapTask {
  Block block;
  const Input* in;
  const Output* out;
  const void* const* coefficients;
  Store store;
  bool held;             // near caches hold all arrays
  bool map_reads_ahead;  // if streamed, the map alone prefetches what will be reduced: with AVX2
};

// Reduces a block while another of the same shape is mapped, in the planes walk: memory is read and
// written at the same time. The same bits as the two kernels one after the other. next: the inputs
// of the block that will be reduced after this one, of any shape; they are prefetched, unless the
// planes are the shortest and the caches hold all.
using ReduceMapKernel = void (*)(const Block&, const Input* inputs, const void* const* coefficients,
                                 const Activation&, double* first, double* second,
                                 const MapTask& map, const Input* next);

// Whether all numbers are finite, of runs of n that lie side by side, `stride` bytes from one run
// to the next.
using FiniteKernel = bool (*)(const char* data, ptrdiff_t runs, ptrdiff_t stride, ptrdiff_t n);

struct Reduce {
  ReduceKernel planes;
  ReduceKernel rows;
};

struct Map {
  MapKernel planes;
  MapKernel rows;
};

// A map into each type that a result can have. It computes in float64 where its input or its output
// is float64, else in float32, and rounds once more where it stores in fewer bits.
struct Maps {
  Map to_float32;
  Map to_float64;
  Map to_float16;
  Map to_bfloat16;
};

// Those with an activation behind the affine map.
struct ActivatedKernels {
  Reduce products_fast;
  Reduce products_exact;
  Map affine;
  Map gradient;
  ReduceMapKernel moments_fast_and_affine;     // may be null
  ReduceMapKernel products_fast_and_gradient;  // may be null
};

// The kernels for one storage type of floating-point numbers.
//   fast:  sums runs of at most 8 values per lane in float32, the runs in float64. For float64
//          storage it is `exact`.
//   exact: widens each value to float64 first; shift is float64.
struct TypeKernels {
  Reduce moments_fast;
  Reduce moments_exact;
  Reduce products_fast;
  Reduce products_exact;
  Maps affine;
  Map gradient;
  ReduceMapKernel moments_fast_and_affine;
  ReduceMapKernel products_fast_and_gradient;
  FiniteKernel finite;
  ActivatedKernels ramp;   // Activation::Kind::ramp
  ActivatedKernels curve;  // the other kinds
};

// The kernels for one type of integers.
//   sums: moments about shifts of 0, which are exact up to kExactIntegers values per channel of a
//         block; shift is float32 for 8 bits, float64 for 16.
struct IntegerKernels {
  Reduce sums;
  Maps affine;
};

// So many squares of 16 bits add up to less than 2^53.
constexpr ptrdiff_t kExactIntegers = ptrdiff_t{1} << 20;

// The machine's own speed, to measure the others against: sum of n values, y = x, y = x + z. A
// stream of stores is fenced.
struct Probes {
  double (*read)(const float* x, ptrdiff_t n);
  void (*copy)(const float* x, const float*, float* y, ptrdiff_t n);
  void (*copy_streaming)(const float* x, const float*, float* y, ptrdiff_t n);
  void (*add)(const float* x, const float* z, float* y, ptrdiff_t n);
  void (*add_streaming)(const float* x, const float* z, float* y, ptrdiff_t n);
};

// Kernels for types that the build leaves out are null. vector_bytes: what is stored at once.
struct KernelTable {
  ptrdiff_t vector_bytes;
  const TypeKernels* float32;
  const TypeKernels* float64;
  const TypeKernels* float16;
  const TypeKernels* bfloat16;
  const IntegerKernels* uint8;
  const IntegerKernels* int8;
  const IntegerKernels* uint16;
  const IntegerKernels* int16;
  void (*fence)();
  Probes probes;
  const PixelKernels* pixels;
};

}  // namespace bnfast
