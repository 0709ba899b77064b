// What this build has kernels for. The places of others in the table are null.
#pragma once

#include "simd/vector.hpp"

// Elements of all types, unless CMake's BNFAST_DTYPES names some.
#ifndef BNFAST_BUILT_TYPES
#define BNFAST_BUILT_TYPES float, double, Float16, Bfloat16, uint8_t, int8_t, uint16_t, int16_t
#endif

namespace bnfast {
namespace BNFAST_ISA {

template <class T, class U>
constexpr bool kSame = false;
template <class T>
constexpr bool kSame<T, T> = true;

template <class T, class... Types>
constexpr bool kAmong = (kSame<T, Types> || ...);

// For elements of all these types.
template <class... Types>
constexpr bool kBuilt = (kAmong<Types, BNFAST_BUILT_TYPES> && ...);

}  // namespace BNFAST_ISA
}  // namespace bnfast
