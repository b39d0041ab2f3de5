// The generator that kernels draw with against cuRAND's own source, which compiles for the host as well.
#include "engine/philox.h"

#include <gtest/gtest.h>

#if __has_include(<curand_kernel.h>)
#include <cuda_runtime_api.h>
#define QUALIFIERS static inline
#include <curand_kernel.h>
#endif

namespace bareseg {
namespace {

TEST(Philox, HasTheNumbersOfCurand) {
#if __has_include(<curand_kernel.h>)
  for (const uint64_t seed : {uint64_t{0}, uint64_t{2021}, ~uint64_t{0}, uint64_t{0x299f31d0a4093822}}) {
    for (const uint64_t subsequence : {uint64_t{0}, uint64_t{77}, uint64_t{1} << 63}) {
      for (const uint64_t block : {uint64_t{0}, uint64_t{1}, uint64_t{12345678901}, uint64_t{1} << 61}) {
        curandStatePhilox4_32_10_t state;
        curand_init(seed, subsequence, 4 * block, &state);
        const uint4 expected = curand4(&state);
        const Philox4 words = philox(seed, subsequence, block);
        EXPECT_TRUE(words.x == expected.x && words.y == expected.y && words.z == expected.z && words.w == expected.w)
            << "seed " << seed << ", subsequence " << subsequence << ", block " << block;
      }
    }
  }
#else
  GTEST_SKIP() << "this toolkit has no curand_kernel.h";
#endif
}

}  // namespace
}  // namespace bareseg
