#include "kernels/parts.hpp"

#include "kernels/built_types.hpp"
#include "kernels/pixels.hpp"

// Images of floats: for Python alone, which gives them to functions of its own.
#ifndef BNFAST_IMAGES_OF_FLOATS
#define BNFAST_IMAGES_OF_FLOATS 1
#endif

namespace bnfast {
namespace BNFAST_ISA {
namespace {

template <class T, class U>
constexpr void set_kernels(PixelKernels& kernels, Element from, Element to) {
  if constexpr (kBuilt<T, U> && (kAmong<T, uint8_t, uint16_t> || BNFAST_IMAGES_OF_FLOATS)) {
    kernels.channel[static_cast<int>(from)][static_cast<int>(to)] = map_channel<T, U>;
    kernels.interleaved[static_cast<int>(from)][static_cast<int>(to)] = map_interleaved<T, U>;
  }
}
template <class T>
constexpr void set_float_results(PixelKernels& kernels, Element from) {
  set_kernels<T, Float16>(kernels, from, Element::float16);
  set_kernels<T, Bfloat16>(kernels, from, Element::bfloat16);
  set_kernels<T, float>(kernels, from, Element::float32);
}
template <class T>
constexpr void set_integer_results(PixelKernels& kernels, Element from) {
  set_kernels<T, uint8_t>(kernels, from, Element::uint8);
  set_kernels<T, uint16_t>(kernels, from, Element::uint16);
}

constexpr PixelKernels all_kernels() {
  PixelKernels kernels = {};
  set_float_results<uint8_t>(kernels, Element::uint8);
  set_float_results<uint16_t>(kernels, Element::uint16);
  set_float_results<Float16>(kernels, Element::float16);
  set_float_results<Bfloat16>(kernels, Element::bfloat16);
  set_float_results<float>(kernels, Element::float32);
  set_float_results<double>(kernels, Element::float64);
  set_integer_results<Float16>(kernels, Element::float16);
  set_integer_results<Bfloat16>(kernels, Element::bfloat16);
  set_integer_results<float>(kernels, Element::float32);
  set_integer_results<double>(kernels, Element::float64);
  return kernels;
}

}  // namespace

const PixelKernels pixel_kernels = all_kernels();

}  // namespace BNFAST_ISA
}  // namespace bnfast
