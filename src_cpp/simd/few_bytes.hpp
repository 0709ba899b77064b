// Packed lanes for instruction sets that cannot mask them.
#pragma once

namespace bnfast {
namespace BNFAST_ISA {

// Copies n bytes, 0 < n < 2*step, by two copies that may overlap.
template <size_t step>
BNFAST_INLINE void copy_few_bytes(char* to, const char* from, size_t n) {
  if (n >= step) {
    memcpy(to, from, step);
    memcpy(to + n - step, from + n - step, step);
  } else if constexpr (step > 1) {
    copy_few_bytes<step / 2>(to, from, n);
  }
}

// A vector whose first half is what lies at p.
template <class V>
BNFAST_INLINE V lower_bytes(const void* p) {
  V lanes = {};
  memcpy(&lanes, p, sizeof lanes / 2);
  return lanes;
}

template <class V>
BNFAST_INLINE V first_bytes(const void* p, size_t n) {
  V lanes = {};
  copy_few_bytes<sizeof lanes / 2>(reinterpret_cast<char*>(&lanes), static_cast<const char*>(p), n);
  return lanes;
}

BNFAST_INLINE U16 load_first(const uint16_t* p, int n) {
  return first_bytes<U16>(p, static_cast<size_t>(n) * sizeof *p);
}
BNFAST_INLINE U8 load_first(const uint8_t* p, int n) {
  return first_bytes<U8>(p, static_cast<size_t>(n));
}
BNFAST_INLINE void store_first(uint16_t* p, U16 v, int n) {
  copy_few_bytes<sizeof v / 2>(reinterpret_cast<char*>(p), reinterpret_cast<const char*>(&v),
                               static_cast<size_t>(n) * sizeof *p);
}

}  // namespace BNFAST_ISA
}  // namespace bnfast
