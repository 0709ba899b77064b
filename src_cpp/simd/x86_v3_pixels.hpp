// AVX2 and FMA (x86-64-v3). Included by simd/pixels.hpp.
#pragma once

#include <immintrin.h>

#include "simd/odd_by_error.hpp"

namespace bnfast {
namespace BNFAST_ISA {

// Eight numbers of `item` bytes, `step` bytes apart: each half of the vector is given the 16 bytes
// that hold its four, and shuffles them into place.
class Spread {
 public:
  static bool serves(ptrdiff_t item, ptrdiff_t step) { return item <= step && step <= 4; }
  Spread(ptrdiff_t item, ptrdiff_t step) {
    alignas(32) int32_t word[8];
    alignas(32) uint8_t place[32];
    for (int i = 0; i < 8; ++i) word[i] = static_cast<int32_t>(i / 4 * step) + i % 4;
    for (int i = 0; i < 32; ++i) {
      place[i] = static_cast<uint8_t>(i % 4 < item ? i % 16 / 4 * step + i % 4 : 0x80);
    }
    word_ = _mm256_load_si256(reinterpret_cast<const __m256i*>(word));
    place_ = _mm256_load_si256(reinterpret_cast<const __m256i*>(place));
  }
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - p >= BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return bits_as<I32>(_mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(bytes, word_), place_));
  }

 private:
  __m256i word_, place_;
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
    alignas(32) int32_t word[kLanes], shift[kLanes], from[kMostVectors][kLanes] = {};
    for (int i = 0; i < kLanes; ++i) {
      const ptrdiff_t at = (step < 0 ? kLanes - 1 - i : i) * apart;
      word[i] = static_cast<int32_t>(at / 4 % kLanes);
      shift[i] = static_cast<int32_t>(at % 4 * 8);
      from[at / BNFAST_VECTOR_BYTES][i] = -1;
    }
    word_ = _mm256_load_si256(reinterpret_cast<const __m256i*>(word));
    shift_ = _mm256_load_si256(reinterpret_cast<const __m256i*>(shift));
    for (int v = 0; v < kMostVectors; ++v) {
      from_[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(from[v]));
    }
  }
  // Whether what is loaded at p ends before `end`.
  __attribute__((always_inline)) bool reaches(const char* p, const char* end) const {
    return end - (p + first_) >= vectors_ * BNFAST_VECTOR_BYTES;
  }
  __attribute__((always_inline)) I32 load(const char* p) const {
    __m256i words = chosen(p + first_, 0);
    for (ptrdiff_t v = 1; v < vectors_; ++v) {
      words = _mm256_or_si256(words, chosen(p + first_ + v * BNFAST_VECTOR_BYTES, v));
    }
    return bits_as<I32>(_mm256_srlv_epi32(words, shift_)) & keep_;
  }

 private:
  __attribute__((always_inline)) __m256i chosen(const char* p, ptrdiff_t vector) const {
    const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm256_and_si256(_mm256_permutevar8x32_epi32(all, word_), from_[vector]);
  }

  static constexpr int kLanes = kWidth<float>, kMostVectors = 4;

  ptrdiff_t first_, vectors_;
  int32_t keep_;
  __m256i word_, shift_, from_[kMostVectors];
};

BNFAST_INLINE U8 bytes_of(I32 v) {
  const __m128i shorts = bits_as<__m128i>(narrow(v));
  return bits_as<U8>(static_cast<int64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(shorts, shorts))));
}
BNFAST_INLINE I32 joined(I32Half low, I32Half high) {
  return bits_as<I32>(_mm256_set_m128i(bits_as<__m128i>(high), bits_as<__m128i>(low)));
}
BNFAST_INLINE I32Half nearest(F64 v) { return bits_as<I32Half>(_mm256_cvtpd_epi32(v)); }

}  // namespace BNFAST_ISA
}  // namespace bnfast
