/* Arrays for the tests: numbers of every dtype, laid out in every way, the same on every machine.
 */
#ifndef VALUES_H
#define VALUES_H

#include <bnfast.h>
#include <stdint.h>

enum { kRank = 4, kDtypes = 8, kLayouts = 5 };

/* An array of 4 axes in memory of its own, beyond whose elements nothing may be written. */
typedef struct {
  unsigned char* memory;
  size_t bytes;
  unsigned char* data; /* the element at index 0, 0, 0, 0 */
  ptrdiff_t size[kRank], stride[kRank];
  bnf_dtype dtype;
} array;

/* Whether the library has been built for the dtype. */
int is_built(bnf_dtype dtype);
size_t size_of(bnf_dtype dtype);
int is_float(bnf_dtype dtype);

/* layout: 0 NCHW, 1 NHWC, 2 every second element, 3 unaligned, 4 backwards. */
array new_array(const ptrdiff_t* size, bnf_dtype dtype, int layout);
void free_array(array* a);
/* Small numbers, of which the dtype holds every one. */
void fill(array* a, uint32_t seed);

double get(const array* a, ptrdiff_t n, ptrdiff_t c, ptrdiff_t h, ptrdiff_t w);
bnf_input in(const array* a);
bnf_output out(const array* a);

/* The next number of a fixed sequence, in [0, 65536). */
uint32_t next_number(uint32_t* state);

/* FNV-1a of the elements in C's order, whatever the layout. */
uint64_t hash_bytes(uint64_t hash, const void* data, size_t bytes);
uint64_t hash_array(uint64_t hash, const array* a);
extern const uint64_t kHashStart;

/* True where the bytes between the elements are as new_array left them. */
int untouched_between(const array* a);

#endif
