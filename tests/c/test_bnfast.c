/* Every function against plain loops, for every dtype and layout; every refusal; and a hash of the
 * results' bytes, to compare instruction sets and machines by. Prints one line for each instruction
 * set, and compares it with the lines of the file that is named. Exits 1 at the first failure. */
#include <bnfast.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"

#define CHECK(holds)                                              \
  do {                                                            \
    if (!(holds)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
      exit(1);                                                    \
    }                                                             \
  } while (0)

enum { kC = 3 };
static const ptrdiff_t kSize[kRank] = {4, kC, 9, 11};
static const double kEps = 1e-5;
static const double kWeight[kC] = {1.5, -0.75, 2}, kBias[kC] = {0.25, 3, -1};
static uint64_t hash;

#define EACH_ELEMENT                           \
  for (ptrdiff_t n = 0; n < kSize[0]; ++n)     \
    for (ptrdiff_t c = 0; c < kSize[1]; ++c)   \
      for (ptrdiff_t h = 0; h < kSize[2]; ++h) \
        for (ptrdiff_t w = 0; w < kSize[3]; ++w)

static const bnf_shape* shape(void) {
  static const bnf_shape nchw = {kRank, 1, kSize};
  return &nchw;
}
static double count(void) { return (double)(kSize[0] * kSize[2] * kSize[3]); }

/* What a result of this dtype may err by, of 1. */
static double precision(bnf_dtype dtype) {
  static const double by_dtype[] = {3e-6, 1e-12, 2e-3, 1.6e-2};
  return by_dtype[dtype];
}
static int close_to(double got, double expected, double tolerance) {
  return fabs(got - expected) <= tolerance * (1 + fabs(expected));
}

static void plain_moments(const array* x, double* mean, double* var) {
  memset(mean, 0, kC * sizeof *mean);
  memset(var, 0, kC * sizeof *var);
  EACH_ELEMENT mean[c] += get(x, n, c, h, w) / count();
  EACH_ELEMENT var[c] += pow(get(x, n, c, h, w) - mean[c], 2) / count();
}

static double activated(bnf_activation activation, double slope, double v) {
  switch (activation) {
    case BNF_RELU:
      return v > 0 ? v : 0;
    case BNF_RELU6:
      return v > 0 ? fmin(v, 6) : 0;
    case BNF_LEAKY_RELU:
      return v > 0 ? v : slope * v;
    case BNF_HARDSWISH:
      return v * fmin(fmax(v + 3, 0), 6) / 6;
    case BNF_SILU:
      return v / (1 + exp(-v));
    default:
      return v;
  }
}

static double slope_at(bnf_activation activation, double slope, double v) {
  const double s = 1 / (1 + exp(-v));
  switch (activation) {
    case BNF_RELU:
      return v > 0;
    case BNF_RELU6:
      return v > 0 && v < 6;
    case BNF_LEAKY_RELU:
      return v > 0 ? 1 : slope;
    case BNF_HARDSWISH:
      return v <= -3 ? 0 : v >= 3 ? 1 : v / 3 + 0.5;
    case BNF_SILU:
      return s * (1 + v * (1 - s));
    default:
      return 1;
  }
}

/* y = activation((x - mean)*scale + shift + residual). */
typedef struct {
  double mean[kC], scale[kC], shift[kC];
  const bnf_epilogue* epilogue;
  const array* residual;
} affine_map;

static double affine_at(const affine_map* map, const array* x, const ptrdiff_t* i) {
  const ptrdiff_t c = i[1];
  const double before =
      (get(x, i[0], c, i[2], i[3]) - map->mean[c]) * map->scale[c] + map->shift[c];
  return before + (map->residual ? get(map->residual, i[0], c, i[2], i[3]) : 0);
}

static void check_map(const affine_map* map, const array* x, const array* y) {
  CHECK(untouched_between(y));
  EACH_ELEMENT {
    const ptrdiff_t i[] = {n, c, h, w};
    const double v = affine_at(map, x, i);
    const bnf_epilogue* e = map->epilogue;
    const double expected = e ? activated(e->activation, e->negative_slope, v) : v;
    CHECK(close_to(get(y, n, c, h, w), expected, precision(y->dtype)));
  }
  hash = hash_array(hash, y);
}

static void test_moments(const array* x) {
  const bnf_input x_in = in(x);
  double mean[kC], var[kC], wanted_mean[kC], wanted_var[kC];
  CHECK(bnf_moments(shape(), &x_in, mean, var, 2) == BNF_OK);
  plain_moments(x, wanted_mean, wanted_var);
  for (int c = 0; c < kC; ++c) {
    CHECK(close_to(mean[c], wanted_mean[c], 1e-12));
    CHECK(close_to(var[c], wanted_var[c], 1e-12));
  }
  hash = hash_bytes(hash_bytes(hash, mean, sizeof mean), var, sizeof var);
}

static void test_affine(const array* x, const array* y) {
  const bnf_input x_in = in(x);
  const bnf_output y_out = out(y);
  affine_map map = {{0, 0, 0}, {0.5, -0.001, 0.25}, {1, 2, -3}, NULL, NULL};
  CHECK(bnf_affine(shape(), &x_in, map.scale, map.shift, NULL, &y_out, 0) == BNF_OK);
  check_map(&map, x, y);
}

static void test_normalize(const array* x, const array* y) {
  const bnf_input x_in = in(x);
  const bnf_output y_out = out(y);
  const double mean[kC] = {100, 3, -7.5}, std[kC] = {50, 1000, 200};
  affine_map map = {{100, 3, -7.5}, {0.02, 0.001, 0.005}, {0, 0, 0}, NULL, NULL};
  CHECK(bnf_normalize(shape(), &x_in, mean, std, &y_out, 0) == BNF_OK);
  check_map(&map, x, y);
}

static void test_inference(const array* x, const array* y, const bnf_epilogue* epilogue,
                           const array* residual) {
  const bnf_input x_in = in(x);
  const bnf_output y_out = out(y);
  const double mean[kC] = {100, 3, -7.5}, var[kC] = {2500, 1e6, 4e4};
  affine_map map = {{100, 3, -7.5}, {0, 0, 0}, {0, 0, 0}, epilogue, residual};
  CHECK(bnf_inference(shape(), &x_in, mean, var, kWeight, kBias, kEps, epilogue, &y_out, 0) ==
        BNF_OK);
  for (int c = 0; c < kC; ++c) {
    map.scale[c] = kWeight[c] / sqrt(var[c] + kEps);
    map.shift[c] = kBias[c];
  }
  check_map(&map, x, y);
}

static void test_forward(const array* x, const array* y, const bnf_epilogue* epilogue,
                         const array* residual) {
  const bnf_input x_in = in(x);
  const bnf_output y_out = out(y);
  double mean[kC], var[kC], invstd[kC];
  affine_map map = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, epilogue, residual};
  CHECK(bnf_forward(shape(), &x_in, kWeight, kBias, kEps, epilogue, &y_out, mean, var, invstd, 2) ==
        BNF_OK);
  plain_moments(x, map.mean, map.scale);
  for (int c = 0; c < kC; ++c) {
    CHECK(close_to(mean[c], map.mean[c], 1e-6) && close_to(var[c], map.scale[c], 1e-6));
    CHECK(close_to(invstd[c], 1 / sqrt(var[c] + kEps), 1e-14));
    map.scale[c] = kWeight[c] * invstd[c];
    map.shift[c] = kBias[c];
  }
  check_map(&map, x, y);
  hash = hash_bytes(hash_bytes(hash, mean, sizeof mean), invstd, sizeof invstd);
}

typedef struct {
  const array *dy, *x, *dx, *dresidual;
  const bnf_epilogue* epilogue;
  const array* residual;
  int training;
} gradient;

static double slope_of(const gradient* g, const affine_map* map, const ptrdiff_t* i) {
  const bnf_epilogue* e = g->epilogue;
  return e ? slope_at(e->activation, e->negative_slope, affine_at(map, g->x, i)) : 1;
}

static void check_gradient(const gradient* g, const affine_map* map, const double* invstd,
                           const double* dweight, const double* dbias) {
  const double tolerance = precision(g->dx->dtype) * 4;
  double sum[kC] = {0, 0, 0}, sum_x[kC] = {0, 0, 0};
  EACH_ELEMENT {
    const ptrdiff_t i[] = {n, c, h, w};
    const double g_ = get(g->dy, n, c, h, w) * slope_of(g, map, i);
    sum[c] += g_;
    sum_x[c] += g_ * (get(g->x, n, c, h, w) - map->mean[c]) * invstd[c];
  }
  for (int c = 0; c < kC; ++c) {
    CHECK(close_to(dbias[c], sum[c], 1e-4) && close_to(dweight[c], sum_x[c], 1e-4));
  }
  EACH_ELEMENT {
    const ptrdiff_t i[] = {n, c, h, w};
    const double g_ = get(g->dy, n, c, h, w) * slope_of(g, map, i);
    const double xhat = (get(g->x, n, c, h, w) - map->mean[c]) * invstd[c];
    const double less = g->training ? (sum[c] + xhat * sum_x[c]) / count() : 0;
    CHECK(close_to(get(g->dx, n, c, h, w), kWeight[c] * invstd[c] * (g_ - less), tolerance));
    if (g->dresidual) CHECK(close_to(get(g->dresidual, n, c, h, w), g_, tolerance));
  }
  CHECK(untouched_between(g->dx));
  hash = hash_array(hash, g->dx);
  hash = hash_bytes(hash_bytes(hash, dweight, kC * sizeof(double)), dbias, kC * sizeof(double));
}

static void test_backward(const gradient* g) {
  const bnf_input dy_in = in(g->dy), x_in = in(g->x);
  const bnf_output dx_out = out(g->dx);
  bnf_output dresidual_out;
  double mean[kC], invstd[kC], dweight[kC], dbias[kC];
  affine_map map = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, g->epilogue, g->residual};
  if (g->dresidual) dresidual_out = out(g->dresidual);
  plain_moments(g->x, mean, invstd);
  for (int c = 0; c < kC; ++c) {
    invstd[c] = 1 / sqrt(invstd[c] + kEps);
    map.mean[c] = mean[c];
    map.scale[c] = kWeight[c] * invstd[c];
    map.shift[c] = kBias[c];
  }
  CHECK(bnf_backward(shape(), &dy_in, &x_in, mean, invstd, kWeight, kBias, g->epilogue, g->training,
                     &dx_out, g->dresidual ? &dresidual_out : NULL, dweight, dbias, 2) == BNF_OK);
  check_gradient(g, &map, invstd, dweight, dbias);
}

static void test_training(const array* x, const array* dy, int layout) {
  array y = new_array(kSize, x->dtype, layout), dresidual = new_array(kSize, x->dtype, layout);
  array residual = new_array(kSize, x->dtype, 0);
  const bnf_input residual_in = in(&residual);
  fill(&residual, 3);
  test_forward(x, &y, NULL, NULL);
  for (int training = 0; training < 2; ++training) {
    const gradient plain = {dy, x, &y, NULL, NULL, NULL, training};
    test_backward(&plain);
  }
  for (int a = BNF_NO_ACTIVATION; a <= BNF_SILU; ++a) {
    const bnf_epilogue epilogue = {(bnf_activation)a, 0.125, &residual_in};
    const gradient of_sum = {dy, x, &y, &dresidual, &epilogue, &residual, 1};
    test_inference(x, &y, &epilogue, &residual);
    test_forward(x, &y, &epilogue, &residual);
    if (a != BNF_RELU6) test_backward(&of_sum); /* whose slope jumps where rounding decides */
  }
  free_array(&y);
  free_array(&dresidual);
  free_array(&residual);
}

static void test_arrays(bnf_dtype dtype, int layout) {
  array x = new_array(kSize, dtype, layout), dy = new_array(kSize, dtype, 0);
  fill(&x, 1);
  fill(&dy, 2);
  test_moments(&x);
  for (int to = BNF_FLOAT32; to <= BNF_BFLOAT16; ++to) {
    if (!is_built((bnf_dtype)to)) continue;
    for (int to_layout = 0; to_layout < kLayouts; ++to_layout) {
      array y = new_array(kSize, (bnf_dtype)to, to_layout);
      test_affine(&x, &y);
      test_normalize(&x, &y);
      test_inference(&x, &y, NULL, NULL);
      free_array(&y);
    }
  }
  if (is_float(dtype)) test_training(&x, &dy, layout);
  free_array(&x);
  free_array(&dy);
}

static void test_in_place(void) {
  array x = new_array(kSize, BNF_FLOAT32, 1), y = new_array(kSize, BNF_FLOAT32, 1);
  const bnf_input x_in = in(&x);
  const bnf_output x_out = out(&x), y_out = out(&y);
  fill(&x, 4);
  CHECK(bnf_forward(shape(), &x_in, NULL, NULL, kEps, NULL, &y_out, NULL, NULL, NULL, 0) == BNF_OK);
  CHECK(bnf_forward(shape(), &x_in, NULL, NULL, kEps, NULL, &x_out, NULL, NULL, NULL, 0) == BNF_OK);
  CHECK(hash_array(kHashStart, &x) == hash_array(kHashStart, &y));
  free_array(&x);
  free_array(&y);
}

static void test_in_place_of_residual(void) {
  if (!is_built(BNF_FLOAT64)) return;
  array x = new_array(kSize, BNF_FLOAT32, 1), y = new_array(kSize, BNF_FLOAT64, 1);
  array residual = new_array(kSize, BNF_FLOAT64, 1);
  const bnf_input x_in = in(&x), residual_in = in(&residual);
  const bnf_output y_out = out(&y), residual_out = out(&residual);
  const bnf_epilogue epilogue = {BNF_RELU, 0, &residual_in};
  const double zero[kC] = {0, 0, 0}, one[kC] = {1, 1, 1};
  fill(&x, 5);
  fill(&residual, 6);
  CHECK(bnf_inference(shape(), &x_in, zero, one, NULL, NULL, 0, &epilogue, &y_out, 0) == BNF_OK);
  CHECK(bnf_inference(shape(), &x_in, zero, one, NULL, NULL, 0, &epilogue, &residual_out, 0) ==
        BNF_OK);
  CHECK(hash_array(kHashStart, &residual) == hash_array(kHashStart, &y));
  free_array(&x);
  free_array(&y);
  free_array(&residual);
}

static void test_merge(void) {
  const double mean_a[1] = {2}, m2_a[1] = {2}, mean_b[1] = {6.5}, m2_b[1] = {0.5};
  double n = -1, mean[1], m2[1]; /* 1 2 3, then 6 7 */
  CHECK(bnf_merge(1, 3, mean_a, m2_a, 2, mean_b, m2_b, &n, mean, m2) == BNF_OK);
  CHECK(n == 5 && close_to(mean[0], 3.8, 1e-15) && close_to(m2[0], 26.8, 1e-15));
  CHECK(bnf_merge(1, 0, mean_b, m2_b, n, mean, m2, &n, mean, m2) == BNF_OK);
  CHECK(n == 5 && close_to(mean[0], 3.8, 1e-15) && close_to(m2[0], 26.8, 1e-15));
  CHECK(bnf_merge(1, -1, mean_a, m2_a, 2, mean_b, m2_b, &n, mean, m2) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_merge(1, 3, NULL, m2_a, 2, mean_b, m2_b, &n, mean, m2) == BNF_INVALID_ARGUMENT);
}

static void test_update_running(void) {
  const double mean[1] = {10}, var[1] = {3};
  double running_mean[1] = {0}, running_var[1] = {1};
  CHECK(bnf_update_running(1, 4, mean, var, 0.5, 1, running_mean, running_var) == BNF_OK);
  CHECK(running_mean[0] == 5 && running_var[0] == 2.5);
  CHECK(bnf_update_running(1, 1, mean, var, 0.5, 1, running_mean, running_var) ==
        BNF_INVALID_ARGUMENT);
}

static bnf_status moments_of(const bnf_shape* of, const bnf_input* x, int threads) {
  double mean[kC] = {1, 2, 3}, var[kC] = {1, 2, 3};
  const bnf_status status = bnf_moments(of, x, mean, var, threads);
  CHECK(status == BNF_OK || (mean[0] == 1 && var[2] == 3));
  return status;
}

static void test_refusals(void) {
  array x = new_array(kSize, BNF_FLOAT32, 0), y = new_array(kSize, BNF_FLOAT32, 0);
  const ptrdiff_t huge[kRank] = {PTRDIFF_MAX / 2, kC, 9, 11}, negative[kRank] = {-1, kC, 9, 11};
  const bnf_shape bad_shapes[] = {{0, 0, kSize}, {65, 0, kSize}, {4, 4, kSize},   {4, -5, kSize},
                                  {4, 1, NULL},  {4, 1, huge},   {4, 1, negative}};
  const bnf_input good = in(&x), no_data = {NULL, BNF_FLOAT32, NULL};
  const bnf_input no_dtype = {x.data, (bnf_dtype)8, NULL};
  const ptrdiff_t still[kRank] = {0, 4, 0, 0}, other[kRank] = {4, 8, 96, 864};
  const bnf_output y_out = out(&y), on_itself = {y.data, BNF_FLOAT32, still};
  const bnf_output askew = {x.data, BNF_FLOAT32, other}, integers = {y.data, BNF_UINT16, NULL};
  const bnf_epilogue unknown = {(bnf_activation)6, 0, NULL};
  const double zeros[kC] = {0, 0, 0};
  fill(&x, 5);
  for (size_t i = 0; i < sizeof bad_shapes / sizeof *bad_shapes; ++i) {
    CHECK(moments_of(&bad_shapes[i], &good, 0) == BNF_INVALID_ARGUMENT);
  }
  CHECK(moments_of(NULL, &good, 0) == BNF_INVALID_ARGUMENT);
  CHECK(moments_of(shape(), NULL, 0) == BNF_INVALID_ARGUMENT);
  CHECK(moments_of(shape(), &no_data, 0) == BNF_INVALID_ARGUMENT);
  CHECK(moments_of(shape(), &no_dtype, 0) == BNF_INVALID_ARGUMENT);
  CHECK(moments_of(shape(), &good, -1) == BNF_INVALID_ARGUMENT);
  CHECK(moments_of(shape(), &good, 65536) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_normalize(shape(), &good, zeros, zeros, &y_out, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_affine(shape(), &good, NULL, zeros, NULL, &y_out, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_affine(shape(), &good, zeros, zeros, NULL, NULL, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_affine(shape(), &good, zeros, zeros, NULL, &on_itself, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_affine(shape(), &good, zeros, zeros, NULL, &askew, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_affine(shape(), &good, zeros, zeros, NULL, &integers, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_affine(shape(), &good, zeros, zeros, &unknown, &y_out, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_inference(shape(), &good, zeros, zeros, NULL, NULL, -1, NULL, &y_out, 0) ==
        BNF_INVALID_ARGUMENT);
  CHECK(bnf_backward(shape(), &good, &good, zeros, zeros, NULL, NULL, NULL, 1, NULL, &y_out, NULL,
                     NULL, 0) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_set_num_threads(-1) == BNF_INVALID_ARGUMENT &&
        bnf_use_isa(NULL) == BNF_INVALID_ARGUMENT);
  CHECK(bnf_use_isa("abacus") == BNF_UNSUPPORTED);
  for (size_t i = 0; i < y.bytes; ++i) CHECK(y.memory[i] == y.memory[y.bytes - 1]);
  free_array(&x);
  free_array(&y);
}

/* Nothing is written where a dtype has been left out. */
static void test_left_out(bnf_dtype dtype) {
  array x = new_array(kSize, dtype, 0), other = new_array(kSize, BNF_FLOAT32, 0);
  const bnf_input x_in = in(&x), other_in = in(&other);
  const bnf_output x_out = out(&x);
  fill(&other, 6);
  CHECK(moments_of(shape(), &x_in, 0) == BNF_UNSUPPORTED);
  if (is_float(dtype)) {
    const uint64_t before = hash_array(kHashStart, &x);
    CHECK(bnf_affine(shape(), &other_in, kWeight, kBias, NULL, &x_out, 0) == BNF_UNSUPPORTED);
    CHECK(hash_array(kHashStart, &x) == before);
  }
  free_array(&x);
  free_array(&other);
}

static void test_no_values(void) {
  const ptrdiff_t none[kRank] = {0, kC, 9, 11};
  const bnf_shape empty = {kRank, 1, none};
  const bnf_output y = {NULL, BNF_FLOAT32, NULL};
  for (int dtype = 0; dtype < kDtypes; ++dtype) {
    const bnf_input x = {NULL, (bnf_dtype)dtype, NULL};
    double mean[kC] = {0}, var[kC] = {0}, invstd[kC] = {0};
    if (!is_built(x.dtype)) continue;
    CHECK(bnf_moments(&empty, &x, mean, var, 0) == BNF_OK);
    for (int c = 0; c < kC; ++c) CHECK(isnan(mean[c]) && isnan(var[c]));
    if (dtype != BNF_FLOAT32) continue;
    mean[2] = 0;
    CHECK(bnf_forward(&empty, &x, NULL, NULL, 0, NULL, &y, mean, NULL, invstd, 0) == BNF_OK);
    CHECK(isnan(mean[2]) && isnan(invstd[2]));
  }
}

static void test_too_large(void) {
  const ptrdiff_t vast[] = {1 << 24, kC, 1 << 24, 2}, far[] = {0, 8, 0, 16};
  const float few[12] = {0};
  const bnf_shape shape = {kRank, 1, vast};
  const bnf_input broadcast = {few, BNF_FLOAT32, far};
  double mean[kC], var[kC];
  CHECK(bnf_moments(&shape, &broadcast, mean, var, 0) == BNF_OUT_OF_MEMORY);
}

static void test_runtime(void) {
  CHECK(bnf_version() == BNF_VERSION && strcmp(bnf_version_text(), BNF_VERSION_TEXT) == 0);
  for (int status = BNF_OK; status <= BNF_OUT_OF_MEMORY + 1; ++status) {
    CHECK(strlen(bnf_status_text((bnf_status)status)) > 0);
  }
  CHECK(bnf_set_num_threads(3) == BNF_OK && bnf_get_num_threads() == 3);
  CHECK(bnf_set_num_threads(0) == BNF_OK && bnf_get_num_threads() >= 1);
  CHECK(bnf_isa() != NULL);
}

/* The record holds for every machine and compiler: sums, products, quotients, square roots and fma
 * are rounded once each, and the exponential is made of them. */
static void check_recorded(const char* path) {
  char line[40], recorded[64];
  int found = 0;
  FILE* file = fopen(path, "r");
  CHECK(file != NULL);
  snprintf(line, sizeof line, "%s %016llx\n", bnf_isa(), (unsigned long long)hash);
  while (fgets(recorded, sizeof recorded, file)) found |= strcmp(recorded, line) == 0;
  fclose(file);
  if (!found) fprintf(stderr, "bits of results have changed: %s lacks the line %s", path, line);
  CHECK(found);
}

int main(int arguments, char** argument) {
  static const char* const isas[] = {"v4", "v3", "v2", "neon", "portable"};
  int found = 0;
  test_runtime();
  test_refusals();
  test_no_values();
  test_too_large();
  test_merge();
  test_update_running();
  for (size_t i = 0; i < sizeof isas / sizeof *isas; ++i) {
    if (bnf_use_isa(isas[i]) != BNF_OK) continue;
    ++found;
    hash = kHashStart;
    for (int dtype = 0; dtype < kDtypes; ++dtype) {
      if (!is_built((bnf_dtype)dtype)) {
        test_left_out((bnf_dtype)dtype);
        continue;
      }
      for (int layout = 0; layout < kLayouts; ++layout) test_arrays((bnf_dtype)dtype, layout);
    }
    test_in_place();
    test_in_place_of_residual();
    printf("%s %016llx\n", bnf_isa(), (unsigned long long)hash);
    fflush(stdout);
    if (arguments > 1) check_recorded(argument[1]);
  }
  CHECK(found > 0);
  return 0;
}
