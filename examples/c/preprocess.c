/* A camera's bytes, with channels last, become a network's input: planes of normalized floats. */
#include <bnfast.h>
#include <stdio.h>
#include <stdlib.h>

enum { kHeight = 480, kWidth = 640, kChannels = 3 };

int main(void) {
  unsigned char* photo = malloc(kHeight * kWidth * kChannels);
  float* planes = malloc(kHeight * kWidth * kChannels * sizeof *planes);
  if (!photo || !planes) return 1;
  for (int i = 0; i < kHeight * kWidth * kChannels; ++i) photo[i] = (unsigned char)(i % 251);

  /* The same shape for both, with the channels last; the planes are told by their strides. */
  const ptrdiff_t size[] = {kHeight, kWidth, kChannels};
  const bnf_shape shape = {3, -1, size};
  const ptrdiff_t item = sizeof *planes,
                  in_planes[] = {kWidth * item, item, kHeight * kWidth * item};
  const bnf_input x = {photo, BNF_UINT8, NULL};
  const bnf_output y = {planes, BNF_FLOAT32, in_planes};
  const double mean[] = {0.485 * 255, 0.456 * 255, 0.406 * 255};
  const double std[] = {0.229 * 255, 0.224 * 255, 0.225 * 255};

  const bnf_status status = bnf_normalize(&shape, &x, mean, std, &y, 0);
  if (status != BNF_OK) {
    fprintf(stderr, "bnfast: %s\n", bnf_status_text(status));
    return 1;
  }
  printf("red %.6f green %.6f blue %.6f\n", planes[0], planes[kHeight * kWidth],
         planes[2 * kHeight * kWidth]);
  free(photo);
  free(planes);
  return 0;
}
