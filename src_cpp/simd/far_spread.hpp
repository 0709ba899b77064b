// Numbers that lie far apart. The instruction set's header supplies
//   Lanes, lanes_where(i)          a choice of lanes: those where the I32 is -1, not 0
//   permuted(others, lanes, v, at) others, which are 0 where `lanes` are, and there the words of v
//                                  that `at` numbers
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

// Numbers of 1, 2 or 4 bytes, up to 16 bytes apart in either direction: their 32-bit words are
// chosen from up to four vectors.
class FarSpread {
 public:
  static bool serves(ptrdiff_t item, ptrdiff_t step) {
    const ptrdiff_t apart = step < 0 ? -step : step;
    return item <= apart && apart <= 16 && step % item == 0 && item <= 4;
  }
  FarSpread(ptrdiff_t item, ptrdiff_t step)
      : first_(step < 0 ? (kLanes - 1) * step : 0),
        kept_(static_cast<int32_t>((uint64_t{1} << 8 * item) - 1)) {
    const ptrdiff_t apart = step < 0 ? -step : step;
    vectors_ = ((kLanes - 1) * apart + item + BNFAST_VECTOR_BYTES - 1) / BNFAST_VECTOR_BYTES;
    const U32 lane = lane_numbers<U32>();
    const U32 at = (step < 0 ? kLanes - 1 - lane : lane) * static_cast<uint32_t>(apart);
    word_ = reinterpret_cast<I32>(at / 4 % kLanes);
    shift_ = at % 4 * 8;
    for (uint32_t v = 0; v < kMostVectors; ++v) {
      from_[v] = lanes_where(at / BNFAST_VECTOR_BYTES == v);
    }
  }
  // Whether what is loaded at p ends before `end`.
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - (p + first_) >= vectors_ * BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    I32 words = permuted(I32{}, from_[0], load_as<I32>(p + first_), word_);
    for (ptrdiff_t v = 1; v < vectors_; ++v) {
      const I32 more = load_as<I32>(p + first_ + v * BNFAST_VECTOR_BYTES);
      words = permuted(words, from_[v], more, word_);
    }
    return reinterpret_cast<I32>(reinterpret_cast<U32>(words) >> shift_) & kept_;
  }

 private:
  static constexpr int kLanes = kWidth<float>, kMostVectors = 4;

  ptrdiff_t first_, vectors_;
  int32_t kept_;
  Lanes from_[kMostVectors];
  I32 word_;
  U32 shift_;
};

}  // namespace BNFAST_ISA
}  // namespace bnfast
