// The numbers of MT19937 (Matsumoto & Nishimura 1998; std::mt19937), for host and kernels. Its state is 624 words of
// the caller's, in an array or what stands for one. For what others drew by it; everything new draws by
// engine/random.h.
#pragma once

#include <cstdint>

#include "engine/host_device.h"

namespace bareseg::mt19937 {

inline constexpr int kWords = 624;

/// init_genrand: the state of a seed.
template <typename Words>
BS_HOST_DEVICE void seed(Words& state, uint32_t number) {
  state[0] = number;
  for (int i = 1; i < kWords; ++i) {
    state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + static_cast<uint32_t>(i);
  }
}

/// The next state, which gives the next kWords numbers; due before the first of them, too.
template <typename Words>
BS_HOST_DEVICE void advance(Words& state) {
  constexpr int kShift = 397;
  for (int i = 0; i < kWords; ++i) {
    const uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % kWords] & 0x7FFFFFFFu);
    state[i] = state[(i + kShift) % kWords] ^ (y >> 1) ^ (y % 2 != 0 ? 0x9908B0DFu : 0u);
  }
}

/// The number that a word of the state gives.
BS_HOST_DEVICE inline uint32_t number_of(uint32_t word) {
  word ^= word >> 11;
  word ^= (word << 7) & 0x9D2C5680u;
  word ^= (word << 15) & 0xEFC60000u;
  return word ^ (word >> 18);
}

}  // namespace bareseg::mt19937
