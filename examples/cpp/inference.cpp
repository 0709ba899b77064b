// Batch normalization and ReLU of a network's layer, batch after batch, in place.
#include <bnfast.h>

#include <cstdio>
#include <vector>

int main() {
  constexpr std::ptrdiff_t channels = 64, side = 28, batch = 8;
  const std::ptrdiff_t size[] = {batch, channels, side, side};
  const bnf_shape shape = {4, 1, size};
  const std::vector<double> mean(channels, 0.5), var(channels, 4.0), weight(channels, 2.0),
      bias(channels, -0.25);
  const bnf_epilogue relu = {BNF_RELU, 0, nullptr};

  std::vector<float> values(batch * channels * side * side);
  const bnf_input x = {values.data(), BNF_FLOAT32, nullptr};
  const bnf_output y = {values.data(), BNF_FLOAT32, nullptr};
  double sum = 0;
  for (int step = 0; step < 10; ++step) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i + step) % 5);
    const bnf_status status = bnf_inference(&shape, &x, mean.data(), var.data(), weight.data(),
                                            bias.data(), 0, &relu, &y, 0);
    if (status != BNF_OK) {
      std::fprintf(stderr, "bnfast: %s\n", bnf_status_text(status));
      return 1;
    }
    sum += static_cast<double>(values[0]);
  }
  std::printf("%.2f\n", sum);
}
