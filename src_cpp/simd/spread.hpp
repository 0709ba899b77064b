// Numbers that lie next to each other but for other channels. The instruction set's header supplies
//   permuted(v, at)   the 32-bit words of v that `at` numbers; of vectors of 16 bytes, v
//   shuffled(v, at)   in every 16 bytes, those of them that the bytes of `at` number; 0xff gives 0
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

// kWidth<float> numbers of `item` bytes, `step` bytes apart: each 16 bytes of the vector are given
// those that hold their four numbers, and shuffle them into place.
class Spread {
 public:
  static bool serves(ptrdiff_t item, ptrdiff_t step) { return item <= step && step <= 4; }
  Spread(ptrdiff_t item, ptrdiff_t step) {
    const U32 lane = lane_numbers<U32>(), apart = U32{} + static_cast<uint32_t>(step);
    const uint32_t kept = static_cast<uint32_t>((uint64_t{1} << 8 * item) - 1);
    const U32 bytes = lane % 4 * apart * 0x01010101 + 0x03020100;
    word_ = reinterpret_cast<I32>(lane / 4 * apart + lane % 4);
    byte_ = reinterpret_cast<I32>((bytes & kept) | ~kept);
  }
  // Whether what is loaded at p ends before `end`.
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - p >= BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    return shuffled(permuted(load_as<I32>(p), word_), byte_);
  }

 private:
  I32 word_, byte_;
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
