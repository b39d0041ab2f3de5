// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a pure function from a 64-bit key
// and a 128-bit counter to four 32-bit words. Same numbers as cuRAND's curandStatePhilox4_32_10_t,
// whose device code the kernels do without: it has no twin for the host and the emulator.
#pragma once

#include <array>
#include <cstdint>

#include "engine/host_device.h"

namespace bareseg {

struct Philox4 {
  uint32_t x, y, z, w;
};

BS_HOST_DEVICE inline Philox4 philox4x32_10(Philox4 counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = static_cast<uint64_t>(0xD2511F53u) * counter.x;
    const uint64_t b = static_cast<uint64_t>(0xCD9E8D57u) * counter.z;
    counter = {static_cast<uint32_t>(b >> 32) ^ counter.y ^ key0, static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter.w ^ key1, static_cast<uint32_t>(a)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// The four words that cuRAND's generator with this seed and subsequence gives at offset 4 * block.
BS_HOST_DEVICE inline Philox4 philox(uint64_t seed, uint64_t subsequence, uint64_t block) {
  return philox4x32_10({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                        static_cast<uint32_t>(subsequence), static_cast<uint32_t>(subsequence >> 32)},
                       static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

/// Uniform in [0, 1): the upper 24 bits of a word.
BS_HOST_DEVICE inline float unit_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

}  // namespace bareseg
