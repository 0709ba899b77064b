// Any machine. Included by simd/pixels.hpp.
#pragma once

#include "simd/conversions_of_four.hpp"
#include "simd/far_spread_never.hpp"
#include "simd/odd_by_error.hpp"
#include "simd/spread_never.hpp"
