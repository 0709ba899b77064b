/* The first calls of a process, from many threads at once: each finds the instruction set chosen,
 * the caches read and the same bits. */
#include <bnfast.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { kThreads = 8, kValues = 4096, kC = 4 };
static float x[kValues * kC];

typedef struct {
  pthread_t thread;
  bnf_status status;
  double mean[kC], var[kC];
} caller;

static void* call(void* own) {
  const ptrdiff_t size[] = {kValues, kC};
  const bnf_shape shape = {2, 1, size};
  const bnf_input input = {x, BNF_FLOAT32, NULL};
  caller* const c = own;
  c->status = bnf_moments(&shape, &input, c->mean, c->var, 2);
  return NULL;
}

int main(void) {
  static caller callers[kThreads];
  int failures = 0;
  for (int i = 0; i < kValues * kC; ++i) x[i] = (float)(i * 7919 % 1009);
  for (int t = 0; t < kThreads; ++t) pthread_create(&callers[t].thread, NULL, call, &callers[t]);
  for (int t = 0; t < kThreads; ++t) {
    const caller* const c = &callers[t];
    pthread_join(c->thread, NULL);
    failures += c->status != BNF_OK || memcmp(c->mean, callers[0].mean, sizeof c->mean) != 0 ||
                memcmp(c->var, callers[0].var, sizeof c->var) != 0;
  }
  if (failures) fprintf(stderr, "%d of %d threads differ\n", failures, kThreads);
  return failures != 0;
}
