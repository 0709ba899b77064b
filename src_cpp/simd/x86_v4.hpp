// AVX-512 (x86-64-v4): F, BW, CD, DQ, VL. Included by simd/vector.hpp.
#pragma once

#include <immintrin.h>

namespace bnfast {
namespace BNFAST_ISA {

// Masks that leave nothing out: GCC 12 warns of its own header's unmasked forms.
constexpr __mmask8 kAll8 = 0xff;
constexpr __mmask16 kAll16 = 0xffff;
constexpr __mmask32 kAll32 = 0xffffffff;

BNFAST_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
BNFAST_INLINE F64 fma(F64 a, F64 b, F64 c) { return _mm512_fmadd_pd(a, b, c); }
BNFAST_INLINE F32 fnma(F32 a, F32 b, F32 c) { return _mm512_fnmadd_ps(a, b, c); }
BNFAST_INLINE F64 fnma(F64 a, F64 b, F64 c) { return _mm512_fnmadd_pd(a, b, c); }

// Vectors are as long as lines, so each load that is not aligned reads two of them.
BNFAST_INLINE void load_once(F32& v) { asm("" : "+v"(v)); }

BNFAST_INLINE unsigned first_lanes(int n) { return (1u << n) - 1u; }

BNFAST_INLINE F32 load_partial(const float* p, int n, F32 fill) {
  return _mm512_mask_loadu_ps(fill, static_cast<__mmask16>(first_lanes(n)), p);
}
BNFAST_INLINE F64 load_partial(const double* p, int n, F64 fill) {
  return _mm512_mask_loadu_pd(fill, static_cast<__mmask8>(first_lanes(n)), p);
}
BNFAST_INLINE void store_partial(float* p, F32 v, int n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>(first_lanes(n)), v);
}
BNFAST_INLINE void store_partial(double* p, F64 v, int n) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>(first_lanes(n)), v);
}

BNFAST_INLINE void stream(float* p, F32 v) { _mm512_stream_ps(p, v); }
BNFAST_INLINE void stream(double* p, F64 v) { _mm512_stream_pd(p, v); }
BNFAST_INLINE void stream(float* p, F32Half v) { _mm256_stream_ps(p, v); }
BNFAST_INLINE void stream(uint16_t* p, U16 v) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(v));
}
BNFAST_INLINE void stream(float* p, F32Half a, F32Half b) {
  const __m512d low = _mm512_castpd256_pd512(_mm256_castps_pd(a));
  stream(reinterpret_cast<double*>(p),
         _mm512_maskz_insertf64x4(kAll8, low, _mm256_castps_pd(b), 1));
}
BNFAST_INLINE void stream(uint16_t* p, U16 a, U16 b) {
  stream(reinterpret_cast<float*>(p), reinterpret_cast<F32Half>(a), reinterpret_cast<F32Half>(b));
}
constexpr bool kStreams = true;
BNFAST_INLINE void stream_fence() { _mm_sfence(); }

// GCC 12 takes two instructions for a comparison and a choice.
BNFAST_INLINE F32 smaller(F32 a, F32 b) { return _mm512_maskz_min_ps(kAll16, a, b); }
BNFAST_INLINE F64 smaller(F64 a, F64 b) { return _mm512_maskz_min_pd(kAll8, a, b); }
BNFAST_INLINE F32 larger(F32 a, F32 b) { return _mm512_maskz_max_ps(kAll16, a, b); }
BNFAST_INLINE F64 larger(F64 a, F64 b) { return _mm512_maskz_max_pd(kAll8, a, b); }

BNFAST_INLINE F32 scaled(F32 v, F32 n) { return _mm512_maskz_scalef_ps(kAll16, v, n); }
BNFAST_INLINE F64 scaled(F64 v, F64 n) { return _mm512_maskz_scalef_pd(kAll8, v, n); }
BNFAST_INLINE F32 power_of_two(F32 n) { return scaled(F32{} + 1.0f, n); }
BNFAST_INLINE F64 power_of_two(F64 n) { return scaled(F64{} + 1.0, n); }

// Not the compiler's own conversion: GCC 12 makes two of it.
BNFAST_INLINE F64 widen(F32Half h) { return _mm512_maskz_cvtps_pd(kAll8, h); }
BNFAST_INLINE F32Half narrow(F64 d) { return _mm512_maskz_cvtpd_ps(kAll8, d); }
BNFAST_INLINE F64Pair widen(F32 v) {
  return {widen(_mm512_maskz_extractf32x8_ps(kAll8, v, 0)),
          widen(_mm512_maskz_extractf32x8_ps(kAll8, v, 1))};
}
BNFAST_INLINE F32 narrow(F64Pair d) {
  return _mm512_maskz_insertf32x8(kAll16, _mm512_castps256_ps512(narrow(d.low)), narrow(d.high), 1);
}
BNFAST_INLINE F64 widen_partial(const float* p, int n, F64 fill) {
  const __mmask8 mask = static_cast<__mmask8>(first_lanes(n));
  return _mm512_mask_cvtps_pd(fill, mask, _mm256_maskz_loadu_ps(mask, p));
}

BNFAST_INLINE U16 load_low(const uint16_t* p) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return reinterpret_cast<U16>(_mm256_zextsi128_si256(low));
}
BNFAST_INLINE U8 load_low(const uint8_t* p) {
  return reinterpret_cast<U8>(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
BNFAST_INLINE U16 load_first(const uint16_t* p, int n) {
  return reinterpret_cast<U16>(_mm256_maskz_loadu_epi16(static_cast<__mmask16>(first_lanes(n)), p));
}
BNFAST_INLINE U8 load_first(const uint8_t* p, int n) {
  return reinterpret_cast<U8>(_mm_maskz_loadu_epi8(static_cast<__mmask16>(first_lanes(n)), p));
}
BNFAST_INLINE void store_first(uint16_t* p, U16 v, int n) {
  _mm256_mask_storeu_epi16(p, static_cast<__mmask16>(first_lanes(n)), reinterpret_cast<__m256i>(v));
}

BNFAST_INLINE I32 widen(U16 v) {
  return reinterpret_cast<I32>(_mm512_maskz_cvtepu16_epi32(kAll16, reinterpret_cast<__m256i>(v)));
}
BNFAST_INLINE I32 widen(U8 v) {
  return reinterpret_cast<I32>(_mm512_maskz_cvtepu8_epi32(kAll16, reinterpret_cast<__m128i>(v)));
}
BNFAST_INLINE U16 narrow(I32 v) {
  return reinterpret_cast<U16>(_mm512_maskz_cvtepi32_epi16(kAll16, reinterpret_cast<__m512i>(v)));
}

// The upper halves of floats: see bfloat16_by_integers.hpp. One permutation puts them there, or
// takes them out, where widening and shifting would take two instructions.
typedef uint16_t Halves __attribute__((vector_size(64)));
constexpr __mmask32 kUpperHalves = 0xaaaaaaaa;

BNFAST_INLINE __m512i halves(int first, int step) {
  Halves numbers = {};
  for (int i = 0; i < 32; ++i) numbers[i] = static_cast<uint16_t>((first + i * step) / 2);
  return reinterpret_cast<__m512i>(numbers);
}
BNFAST_INLINE F32 from_bfloat16(U16 v) {
  const __m512i low = _mm512_castsi256_si512(reinterpret_cast<__m256i>(v));
  return reinterpret_cast<F32>(_mm512_maskz_permutexvar_epi16(kUpperHalves, halves(0, 1), low));
}
// Adds half an ulp, less one where the number's last bit is even; to NaN nothing.
BNFAST_INLINE U16 to_bfloat16(F32 v) {
  const __m512i bits = reinterpret_cast<__m512i>(v);
  const __mmask16 number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
  const __mmask16 odd = _mm512_mask_test_epi32_mask(number, bits, _mm512_set1_epi32(0x10000));
  const __m512i down = _mm512_mask_add_epi32(bits, number, bits, _mm512_set1_epi32(0x7fff));
  const __m512i rounded = _mm512_mask_add_epi32(down, odd, down, _mm512_set1_epi32(1));
  const __m512i gathered = _mm512_maskz_permutexvar_epi16(kAll32, halves(2, 4), rounded);
  U16 packed;
  memcpy(&packed, &gathered, sizeof packed);
  return packed;
}
BNFAST_INLINE U16 number_to_bfloat16(F32 v) { return to_bfloat16(v); }

BNFAST_INLINE F32 from_float16(U16 v) {
  return _mm512_maskz_cvtph_ps(kAll16, reinterpret_cast<__m256i>(v));
}
BNFAST_INLINE U16 to_float16(F32 v) {
  return reinterpret_cast<U16>(
      _mm512_maskz_cvtps_ph(kAll16, v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
