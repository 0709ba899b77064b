// Vectors of the bare loops: AVX-512's, or AVX2's.
#pragma once

#include <immintrin.h>

namespace {

#if defined(__AVX512F__)
using Vector = __m512;
using Half = __m256;
Vector load(const float* p) { return _mm512_loadu_ps(p); }
void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
void stream(float* p, Vector v) { _mm512_stream_ps(p, v); }
// The first n elements of p, and others behind them.
template <int n>
Vector load_first(const float* p, Vector others) {
  return _mm512_mask_loadu_ps(others, (1U << n) - 1, p);
}
Half lower(Vector v) { return _mm512_castps512_ps256(v); }
Half upper(Vector v) { return _mm512_extractf32x8_ps(v, 1); }
#else
using Vector = __m256;
using Half = __m128;
Vector load(const float* p) { return _mm256_loadu_ps(p); }
void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
void stream(float* p, Vector v) { _mm256_stream_ps(p, v); }
template <int n>
Vector load_first(const float* p, Vector others) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i first = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes);
  return _mm256_blendv_ps(others, _mm256_maskload_ps(p, first), _mm256_castsi256_ps(first));
}
Half lower(Vector v) { return _mm256_castps256_ps128(v); }
Half upper(Vector v) { return _mm256_extractf128_ps(v, 1); }
#endif
using Doubles = double __attribute__((vector_size(sizeof(Vector))));

constexpr long kWidth = sizeof(Vector) / sizeof(float), kLine = 64 / sizeof(float);

Vector splat(float value) { return Vector{} + value; }
Doubles widen(Half v) { return __builtin_convertvector(v, Doubles); }

template <_mm_hint hint>
void prefetch(const float* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), hint);
}

}  // namespace
