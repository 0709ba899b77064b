#include "values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const uint64_t kHashStart = UINT64_C(14695981039346656037);
enum { kUntouched = 0xA5 };

/* A bit for each dtype. */
#ifndef BUILT_DTYPES
#define BUILT_DTYPES 0xFF
#endif
int is_built(bnf_dtype dtype) { return BUILT_DTYPES >> dtype & 1; }

size_t size_of(bnf_dtype dtype) {
  static const size_t sizes[kDtypes] = {4, 8, 2, 2, 1, 1, 2, 2};
  return sizes[dtype];
}

int is_float(bnf_dtype dtype) { return dtype <= BNF_BFLOAT16; }

uint32_t next_number(uint32_t* state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 16;
}

array new_array(const ptrdiff_t* size, bnf_dtype dtype, int layout) {
  static const int orders[2][kRank] = {{0, 1, 2, 3}, {0, 2, 3, 1}};
  const int* order = orders[layout == 1];
  array a;
  ptrdiff_t stride = (ptrdiff_t)size_of(dtype) * (layout == 2 ? 2 : 1);
  size_t first = layout == 3 ? 1 : 0;
  a.dtype = dtype;
  for (int i = kRank - 1; i >= 0; --i) {
    const int axis = order[i];
    a.size[axis] = size[axis];
    a.stride[axis] = layout == 4 ? -stride : stride;
    if (layout == 4) first += (size_t)((size[axis] - 1) * stride);
    stride *= size[axis];
  }
  a.bytes = (size_t)stride + 1;
  a.memory = malloc(a.bytes);
  memset(a.memory, kUntouched, a.bytes);
  a.data = a.memory + first;
  return a;
}

void free_array(array* a) { free(a->memory); }

static unsigned char* at(const array* a, ptrdiff_t n, ptrdiff_t c, ptrdiff_t h, ptrdiff_t w) {
  return a->data + n * a->stride[0] + c * a->stride[1] + h * a->stride[2] + w * a->stride[3];
}

/* Halves of float16 and bfloat16 by their definition. */
static double half(unsigned sign, int exponent, int top, unsigned fraction, int bits, int bias) {
  double value;
  if (exponent == 0) {
    value = ldexp((double)fraction, 1 - bias - bits);
  } else if (exponent == top) {
    value = fraction ? NAN : HUGE_VAL;
  } else {
    value = ldexp((double)(fraction + (1u << bits)), exponent - bias - bits);
  }
  return sign ? -value : value;
}

double get(const array* a, ptrdiff_t n, ptrdiff_t c, ptrdiff_t h, ptrdiff_t w) {
  const unsigned char* from = at(a, n, c, h, w);
  float f;
  double d;
  uint16_t u;
  int16_t s;
  memcpy(&u, from, size_of(a->dtype) > 1 ? 2 : 1);
  switch (a->dtype) {
    case BNF_FLOAT32:
      memcpy(&f, from, sizeof f);
      return (double)f;
    case BNF_FLOAT64:
      memcpy(&d, from, sizeof d);
      return d;
    case BNF_FLOAT16:
      return half(u >> 15, u >> 10 & 31, 31, u & 1023u, 10, 15);
    case BNF_BFLOAT16:
      return half(u >> 15, u >> 7 & 255, 255, u & 127u, 7, 127);
    case BNF_UINT8:
      return *from;
    case BNF_INT8:
      return *(const signed char*)from;
    case BNF_UINT16:
      return u;
    default:
      memcpy(&s, from, sizeof s);
      return s;
  }
}

/* i/16 for integers i in [-128, 128): 8 bits of precision are enough. */
static void set(unsigned char* to, bnf_dtype dtype, int i) {
  const float f = (float)i / 16;
  const double d = (double)f;
  uint32_t bits;
  uint16_t u;
  memcpy(&bits, &f, sizeof bits);
  switch (dtype) {
    case BNF_FLOAT32:
      memcpy(to, &f, sizeof f);
      return;
    case BNF_FLOAT64:
      memcpy(to, &d, sizeof d);
      return;
    case BNF_FLOAT16:
      u = (uint16_t)(i == 0 ? 0
                            : (bits >> 16 & 0x8000) | ((bits >> 23 & 255) - 112) << 10 |
                                  (bits >> 13 & 1023));
      break;
    case BNF_BFLOAT16:
      u = (uint16_t)(bits >> 16);
      break;
    default:
      u = (uint16_t)(dtype == BNF_UINT8 || dtype == BNF_UINT16 ? i + 128 : i);
      if (size_of(dtype) == 2) u = (uint16_t)(u * (dtype == BNF_UINT16 ? 250u : 200u));
  }
  if (size_of(dtype) == 1) {
    *to = (unsigned char)u;
  } else {
    memcpy(to, &u, 2);
  }
}

#define EACH_ELEMENT(a)                            \
  for (ptrdiff_t n = 0; n < (a)->size[0]; ++n)     \
    for (ptrdiff_t c = 0; c < (a)->size[1]; ++c)   \
      for (ptrdiff_t h = 0; h < (a)->size[2]; ++h) \
        for (ptrdiff_t w = 0; w < (a)->size[3]; ++w)

void fill(array* a, uint32_t seed) {
  EACH_ELEMENT(a) set(at(a, n, c, h, w), a->dtype, (int)(next_number(&seed) % 256) - 128);
}

bnf_input in(const array* a) {
  const bnf_input input = {a->data, a->dtype, a->stride};
  return input;
}

bnf_output out(const array* a) {
  const bnf_output output = {a->data, a->dtype, a->stride};
  return output;
}

uint64_t hash_bytes(uint64_t hash, const void* data, size_t bytes) {
  const unsigned char* byte = data;
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
  return hash;
}

uint64_t hash_array(uint64_t hash, const array* a) {
  EACH_ELEMENT(a) hash = hash_bytes(hash, at(a, n, c, h, w), size_of(a->dtype));
  return hash;
}

int untouched_between(const array* a) {
  unsigned char* written = calloc(a->bytes, 1);
  int untouched = 1;
  EACH_ELEMENT(a) memset(written + (at(a, n, c, h, w) - a->memory), 1, size_of(a->dtype));
  for (size_t i = 0; i < a->bytes; ++i) untouched &= written[i] || a->memory[i] == kUntouched;
  free(written);
  return untouched;
}
