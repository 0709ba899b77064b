/* More than 2^31 elements, and steps of more than 2^31 bytes: of memory that is hardly touched, so
 * that zeros cost nothing, and whose last bytes decide the result. Exits 77 where there is none. */
#include <bnfast.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

enum { kLast = 99, kChannels = 3 };
static const ptrdiff_t kMany = ((ptrdiff_t)1 << 31) + kLast; /* a multiple of neither 2 nor 3 */

static unsigned char* zeros(ptrdiff_t bytes) {
  unsigned char* memory = calloc((size_t)bytes, 1);
  if (!memory) exit(77);
  return memory;
}

static int close_to(double found, double wanted) {
  return fabs(found - wanted) <= 1e-12 * fabs(wanted);
}

/* `values` of 255 behind zeros, `rows` in all. */
static void check_moments(double mean, double var, double values, double rows) {
  const double wanted = 255 * values / rows;
  CHECK(close_to(mean, wanted));
  CHECK(close_to(var, wanted * (255 - wanted)));
}

static void test_moments(void) {
  const ptrdiff_t rows = kMany / kChannels;
  const ptrdiff_t one[] = {1, 1, kMany}, several[] = {rows, kChannels};
  const bnf_shape planes = {3, 1, one}, table = {2, 1, several};
  unsigned char* memory = zeros(kMany);
  double mean[kChannels], var[kChannels];
  const bnf_input x = {memory, BNF_UINT8, NULL};
  memset(memory + kMany - kLast, 255, kLast);
  CHECK(bnf_moments(&planes, &x, mean, var, 0) == BNF_OK);
  check_moments(mean[0], var[0], kLast, (double)kMany);

  memset(memory + kMany - kLast, 0, kLast);
  memset(memory + (rows - 11) * kChannels, 255, 11 * kChannels);
  CHECK(bnf_moments(&table, &x, mean, var, 0) == BNF_OK);
  for (int c = 0; c < kChannels; ++c) check_moments(mean[c], var[c], 11, (double)rows);
  free(memory);
}

/* y = 2x + 1 of two planes that lie far apart, at odd addresses. */
static void test_long_strides(void) {
  enum { kInner = 70 };
  const ptrdiff_t far = kMany | 1, size[] = {2, 1, kInner}, stride[] = {far, 4, 4};
  const bnf_shape shape = {3, 1, size};
  unsigned char *from = zeros(far + 1024), *to = zeros(far + 1024);
  const bnf_input x = {from + 1, BNF_FLOAT32, stride};
  const bnf_output y = {to + 1, BNF_FLOAT32, stride};
  const double scale[] = {2}, shift[] = {1};
  for (int i = 0; i < 2 * kInner; ++i) {
    const float value = (float)i;
    memcpy(from + 1 + i / kInner * far + i % kInner * 4, &value, sizeof value);
  }
  CHECK(bnf_affine(&shape, &x, scale, shift, NULL, &y, 0) == BNF_OK);
  for (int i = 0; i < 2 * kInner; ++i) {
    float found;
    memcpy(&found, to + 1 + i / kInner * far + i % kInner * 4, sizeof found);
    CHECK(found == (float)(2 * i + 1));
  }
  free(from);
  free(to);
}

int main(void) {
  test_moments();
  test_long_strides();
  return 0;
}
