// AVX-512 (x86-64-v4). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

// Sixteen numbers of `item` bytes, `step` bytes apart: each quarter of the vector is given the 16
// bytes that hold its four, and shuffles them into place.
class Spread {
 public:
  static bool serves(ptrdiff_t item, ptrdiff_t step) { return item <= step && step <= 4; }
  Spread(ptrdiff_t item, ptrdiff_t step) {
    alignas(64) int32_t word[16];
    alignas(64) uint8_t place[64];
    for (int i = 0; i < 16; ++i) word[i] = static_cast<int32_t>(i / 4 * step) + i % 4;
    for (int i = 0; i < 64; ++i) {
      place[i] = static_cast<uint8_t>(i % 4 < item ? i % 16 / 4 * step + i % 4 : 0x80);
    }
    word_ = _mm512_load_si512(word);
    place_ = _mm512_load_si512(place);
  }
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - p >= BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    const __m512i words = _mm512_permutexvar_epi32(word_, _mm512_loadu_si512(p));
    return bits_as<I32>(_mm512_shuffle_epi8(words, place_));
  }

 private:
  __m512i word_, place_;
};

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
        keep_(item == 4 ? -1 : static_cast<int32_t>((1u << 8 * item) - 1)) {
    const ptrdiff_t apart = step < 0 ? -step : step;
    vectors_ = ((kLanes - 1) * apart + item + BNFAST_VECTOR_BYTES - 1) / BNFAST_VECTOR_BYTES;
    alignas(64) int32_t word[kLanes], shift[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      const ptrdiff_t at = (step < 0 ? kLanes - 1 - i : i) * apart;
      word[i] = static_cast<int32_t>(at / 4 % kLanes);
      shift[i] = static_cast<int32_t>(at % 4 * 8);
      from_[at / BNFAST_VECTOR_BYTES] |= static_cast<__mmask16>(1 << i);
    }
    word_ = _mm512_load_si512(word);
    shift_ = _mm512_load_si512(shift);
  }
  // Whether what is loaded at p ends before `end`.
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - (p + first_) >= vectors_ * BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    __m512i words = _mm512_maskz_permutexvar_epi32(from_[0], word_, _mm512_loadu_si512(p + first_));
    for (ptrdiff_t v = 1; v < vectors_; ++v) {
      const __m512i more = _mm512_loadu_si512(p + first_ + v * BNFAST_VECTOR_BYTES);
      words = _mm512_mask_permutexvar_epi32(words, from_[v], word_, more);
    }
    return bits_as<I32>(_mm512_srlv_epi32(words, shift_)) & keep_;
  }

 private:
  static constexpr int kLanes = kWidth<float>, kMostVectors = 4;

  ptrdiff_t first_, vectors_;
  int32_t keep_;
  __mmask16 from_[kMostVectors] = {};
  __m512i word_, shift_;
};

BNFAST_INLINE U8 bytes_of(I32 v) {
  return bits_as<U8>(_mm512_maskz_cvtepi32_epi8(kAll16, bits_as<__m512i>(v)));
}
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return bits_as<I32>(
      _mm512_inserti32x8(_mm512_castsi256_si512(bits_as<__m256i>(low)), bits_as<__m256i>(high), 1));
}
BNFAST_INLINE I32Half nearest(F64 v) { return bits_as<I32Half>(_mm512_cvtpd_epi32(v)); }

// The sum rounded down and the sum rounded up are one or neighbours.
BNFAST_INLINE F32 odd_sum(F32 high, F32 low) {
  const __m512 below = _mm512_add_round_ps(high, low, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m512 above = _mm512_add_round_ps(high, low, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  const __mmask16 odd = _mm512_test_epi32_mask(_mm512_castps_si512(below), _mm512_set1_epi32(1));
  return _mm512_mask_blend_ps(odd, above, below);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
