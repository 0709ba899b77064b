/* Batch normalization on CPUs, from C.
 *
 * Every function may be called from any thread at any time. None throws, prints or keeps a pointer.
 * A function that returns a status has checked all its arguments before it writes anything; of an
 * array's elements those that the shape and the strides tell are read or written, no others.
 *
 * The instruction set is chosen on first use: the one that the environment variable BNFAST_ISA
 * names ("v4", "v3", "v2", "neon", "portable"), else the best that this CPU runs.
 */
#ifndef BNFAST_H
#define BNFAST_H

#include <bnfast_version.h> /* BNF_VERSION, BNF_VERSION_TEXT */
#include <stddef.h>

#if defined(__GNUC__)
#define BNF_API __attribute__((visibility("default")))
#else
#define BNF_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bnf_status {
  BNF_OK = 0,
  BNF_INVALID_ARGUMENT, /* nothing has been written */
  BNF_UNSUPPORTED,      /* no such instruction set here, BNFAST_NUM_THREADS is no number, or a dtype
                           that this library was built without; nothing has been written */
  BNF_OUT_OF_MEMORY     /* arrays have not been written, save by bnf_affine and bnf_inference whose
                           epilogue follows a change of dtype */
} bnf_status;

/* A few words, for messages. Never NULL. */
BNF_API const char* bnf_status_text(bnf_status status);

/* The library's own version: 10000*major + 100*minor + patch, as BNF_VERSION is the header's. */
BNF_API int bnf_version(void);
BNF_API const char* bnf_version_text(void);

typedef enum bnf_dtype {
  BNF_FLOAT32 = 0,
  BNF_FLOAT64,
  BNF_FLOAT16,  /* IEEE 754's binary16 */
  BNF_BFLOAT16, /* the upper half of a binary32 */
  BNF_UINT8,
  BNF_INT8,
  BNF_UINT16,
  BNF_INT16
} bnf_dtype;

/* The shape that all arrays of a call share. */
typedef struct bnf_shape {
  int rank;              /* 1 to 64 */
  int channel_axis;      /* -rank to rank - 1; negative: from the end */
  const ptrdiff_t* size; /* `rank` sizes, 0 or more */
} bnf_shape;

/* Arrays. `data` is the element at index 0 of every axis, NULL only where there is no element; no
 * alignment is asked. `strides` are bytes from index to index, of either sign, one for each axis;
 * NULL: the elements lie in C's order, side by side. */
typedef struct bnf_input {
  const void* data;
  bnf_dtype dtype;
  const ptrdiff_t* strides;
} bnf_input;

/* An output's elements lie apart from each other. It is an input of the same call itself (the same
 * data, dtype and strides), or shares no memory with one, nor with another output. */
typedef struct bnf_output {
  void* data;
  bnf_dtype dtype;
  const ptrdiff_t* strides;
} bnf_output;

typedef enum bnf_activation {
  BNF_NO_ACTIVATION = 0,
  BNF_RELU,
  BNF_RELU6,
  BNF_LEAKY_RELU,
  BNF_HARDSWISH, /* v*min(max(v + 3, 0), 6)/6 */
  BNF_SILU       /* v/(1 + exp(-v)) */
} bnf_activation;

/* What follows the affine map in the same pass: activation(v + residual). NULL in its place:
 * nothing does. */
typedef struct bnf_epilogue {
  bnf_activation activation;
  double negative_slope;     /* of BNF_LEAKY_RELU */
  const bnf_input* residual; /* of y's dtype; may be NULL */
} bnf_epilogue;

/* In every call:
 *   x            any dtype where no other is named; "a float": one of the first four
 *   weight, bias C values; may be NULL: 1 and 0
 *   eps          finite, not negative
 *   num_threads  1 to 65535; 0: the default of bnf_get_num_threads. No bit of a result depends on
 *                it.
 *
 * C is the length of the channel axis. Arrays of C values are doubles and, where the call does not
 * say otherwise, not NULL unless C is 0. Results share no memory with what the call reads, where
 * nothing else is said of them. */

/* Mean and population variance of each channel, in one read; of integers by exact sums. NaN of no
 * values. */
BNF_API bnf_status bnf_moments(const bnf_shape* shape, const bnf_input* x, double* mean,
                               double* var, int num_threads);

/* The count, mean and sum of squared differences from the mean (count*var) of two sets of values
 * together (Chan, Golub and LeVeque 1983). A count is not negative, and 0 is the count of nothing,
 * whose mean and m2 are not looked at. *count, mean and m2 may be those of a or b. */
BNF_API bnf_status bnf_merge(ptrdiff_t channels, double count_a, const double* mean_a,
                             const double* m2_a, double count_b, const double* mean_b,
                             const double* m2_b, double* count, double* mean, double* m2);

/* running = (1 - momentum)*running + momentum*batch; `var` is the batch's population variance,
 * which is taken times count/(count - correction), 0 <= correction < count. */
BNF_API bnf_status bnf_update_running(ptrdiff_t channels, ptrdiff_t count, const double* mean,
                                      const double* var, double momentum, ptrdiff_t correction,
                                      double* running_mean, double* running_var);

/* y = x*scale + shift. y: a float. */
BNF_API bnf_status bnf_affine(const bnf_shape* shape, const bnf_input* x, const double* scale,
                              const double* shift, const bnf_epilogue* epilogue,
                              const bnf_output* y, int num_threads);

/* y = (x - mean)/std. y: a float. mean is finite, std finite and positive. Any order of axes into
 * any other: images of bytes with channels last become planes of floats in one pass. */
BNF_API bnf_status bnf_normalize(const bnf_shape* shape, const bnf_input* x, const double* mean,
                                 const double* std, const bnf_output* y, int num_threads);

/* y = (x - running_mean)/sqrt(running_var + eps)*weight + bias. y: a float. */
BNF_API bnf_status bnf_inference(const bnf_shape* shape, const bnf_input* x,
                                 const double* running_mean, const double* running_var,
                                 const double* weight, const double* bias, double eps,
                                 const bnf_epilogue* epilogue, const bnf_output* y,
                                 int num_threads);

/* y = (x - mean)*invstd*weight + bias by the batch's own statistics, with
 * invstd = 1/sqrt(var + eps). x: a float; y: of x's dtype. mean, var, invstd: results, NaN of no
 * values; each may be NULL. */
BNF_API bnf_status bnf_forward(const bnf_shape* shape, const bnf_input* x, const double* weight,
                               const double* bias, double eps, const bnf_epilogue* epilogue,
                               const bnf_output* y, double* mean, double* var, double* invstd,
                               int num_threads);

/* The gradients of bnf_forward or, where `training` is 0, of the same map with mean and invstd as
 * constants. dy, x, dx, dresidual: of one float dtype. Bias is read with an activation alone. dx,
 * dresidual, dweight, dbias: results; each may be NULL; dresidual must be where there is no
 * residual. */
BNF_API bnf_status bnf_backward(const bnf_shape* shape, const bnf_input* dy, const bnf_input* x,
                                const double* mean, const double* invstd, const double* weight,
                                const double* bias, const bnf_epilogue* epilogue, int training,
                                const bnf_output* dx, const bnf_output* dresidual, double* dweight,
                                double* dbias, int num_threads);

/* The default number of threads. 0 returns to the environment's: BNFAST_NUM_THREADS, else
 * OMP_NUM_THREADS, else the CPUs this process may use. */
BNF_API bnf_status bnf_set_num_threads(int num_threads);
BNF_API int bnf_get_num_threads(void);

/* The instruction set in use; NULL where none can be. */
BNF_API const char* bnf_isa(void);
/* Another one, for the whole process, from now on. */
BNF_API bnf_status bnf_use_isa(const char* name);

#ifdef __cplusplus
}
#endif

#endif
