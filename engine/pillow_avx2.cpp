#include "engine/pillow_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#endif

namespace bareseg::pillow::avx2 {

#if defined(__x86_64__)
namespace {

template <int kTaps>
void resize_rgb_pixels(const uint8_t* in, const Taps& taps, int64_t end, uint8_t* out) {
  const int64_t count = kTaps > 0 ? kTaps : taps.count;
  const int32_t* w = taps.weights.data();
  const __m128i half = _mm_set1_epi32(kHalfWeight), lowest_bytes = _mm_set1_epi32(0x0c080400);
  for (int64_t i = 0; i < end; ++i, w += count) {
    const uint8_t* pixel = in + taps.first[static_cast<size_t>(i)] * 3;
    __m128i sum = half;
    for (int64_t t = 0; t < count; ++t) {
      const __m128i values = _mm_cvtepu8_epi32(_mm_loadu_si32(pixel + t * 3));
      sum = _mm_add_epi32(sum, _mm_mullo_epi32(values, _mm_set1_epi32(w[t])));
    }
    _mm_storeu_si32(out + i * 3, _mm_shuffle_epi8(_mm_srli_epi32(sum, kWeightBits), lowest_bytes));
  }
}

}  // namespace

// A pixel and the byte that follows it in a register: so the taps must end before the row does, and another output must
// follow.
int64_t resize_rgb_row(const uint8_t* in, int64_t width, const Taps& taps, int64_t length, uint8_t* out) {
  const auto beyond = std::lower_bound(taps.first.begin(), taps.first.end(), width - taps.count);
  const int64_t end = std::min<int64_t>(beyond - taps.first.begin(), length - 1);
  if (taps.count == 2) {
    resize_rgb_pixels<2>(in, taps, end, out);
  } else {
    resize_rgb_pixels<0>(in, taps, end, out);
  }
  return end;
}

namespace {

__m256i load(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
void store(uint8_t* to, __m256i value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value); }

// Calls step(x) for outputs [x, x + 32) that cover [0, n), the last of them perhaps twice; none where n < 32.
template <typename Step>
int64_t by_32(int64_t n, const Step& step) {
  if (n < 32) return 0;
  for (int64_t x = 0; x < n; x += 32) step(std::min(x, n - 32));
  return n;
}

// Weighted sums in 16 bits: weights are split into an upper and a lower part, and one instruction multiplies pairs of
// values with a pair of weights' parts and adds them up. Values are below 2^15, weights not negative and their sum at
// most 2^kBits and a few units, so that a rounded sum is below 256.
template <int kBits>  // of the weights
class PairSums {
 public:
  struct Weights {
    Weights(uint32_t first, uint32_t second)
        : upper(pair(first >> kLowBits, second >> kLowBits)), lower(pair(first & kLowMask, second & kLowMask)) {}
    __m256i upper, lower;
  };

  void add(__m256i pairs, const Weights& w) {
    upper_ = _mm256_add_epi32(upper_, _mm256_madd_epi16(pairs, w.upper));
    lower_ = _mm256_add_epi32(lower_, _mm256_madd_epi16(pairs, w.lower));
  }
  // Rounded, in 32 bits.
  __m256i values() const {
    const __m256i sums = _mm256_add_epi32(upper_, _mm256_srli_epi32(lower_, kLowBits));
    return _mm256_srli_epi32(sums, kBits - kLowBits);
  }

 private:
  static constexpr int kLowBits = kBits / 2;
  static_assert(kLowBits < 15);  // a whole weight, 2^kBits, has an upper part that 16 bits hold
  static constexpr uint32_t kLowMask = (1u << kLowBits) - 1;
  static __m256i pair(uint32_t first, uint32_t second) {
    return _mm256_set1_epi32(static_cast<int32_t>(second << 16 | first));
  }

  __m256i upper_ = _mm256_set1_epi32(1 << (kBits - kLowBits - 1)), lower_ = _mm256_setzero_si256();
};

using ResizeSums = PairSums<kWeightBits>;

ResizeSums::Weights resize_weights(const int32_t* w, int64_t present) {
  return {present > 0 ? static_cast<uint32_t>(w[0]) : 0u, present > 1 ? static_cast<uint32_t>(w[1]) : 0u};
}

}  // namespace

int64_t halve_row(const uint8_t* in, const int32_t* w, int64_t length, uint8_t* out) {
  const ResizeSums::Weights first = resize_weights(w, 2), second = resize_weights(w + 2, 2);
  const __m256i zero = _mm256_setzero_si256();
  const auto sixteen = [&](const uint8_t* from) {
    const __m256i left = load(from), right = load(from + 2);
    ResizeSums low, high;
    low.add(_mm256_unpacklo_epi8(left, zero), first);
    low.add(_mm256_unpacklo_epi8(right, zero), second);
    high.add(_mm256_unpackhi_epi8(left, zero), first);
    high.add(_mm256_unpackhi_epi8(right, zero), second);
    return _mm256_packus_epi32(low.values(), high.values());
  };
  return by_32(length, [&](int64_t i) {
    const __m256i packed = _mm256_packus_epi16(sixteen(in + 2 * i), sixteen(in + 2 * i + 32));
    store(out + i, _mm256_permute4x64_epi64(packed, 0xd8));
  });
}

namespace {

template <int kTaps>
int64_t resize_rows(const uint8_t* in, int64_t stride, const int32_t* w, int64_t width, uint8_t* out) {
  const ResizeSums::Weights first = resize_weights(w, kTaps), second = resize_weights(w + 2, kTaps - 2);
  const __m256i zero = _mm256_setzero_si256();
  return by_32(width, [&](int64_t x) {
    ResizeSums sums[4];
    const auto add = [&](__m256i a, __m256i b, const ResizeSums::Weights& weights) {
      const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
      sums[0].add(_mm256_unpacklo_epi8(low, zero), weights);
      sums[1].add(_mm256_unpackhi_epi8(low, zero), weights);
      sums[2].add(_mm256_unpacklo_epi8(high, zero), weights);
      sums[3].add(_mm256_unpackhi_epi8(high, zero), weights);
    };
    const auto row = [&](int t) { return load(in + t * stride + x); };
    add(row(0), row(1), first);
    if constexpr (kTaps == 3) add(row(2), zero, second);
    if constexpr (kTaps == 4) add(row(2), row(3), second);
    store(out + x, _mm256_packus_epi16(_mm256_packus_epi32(sums[0].values(), sums[1].values()),
                                       _mm256_packus_epi32(sums[2].values(), sums[3].values())));
  });
}

template <int kRadius>
int64_t box_rows(const Box& box, const uint8_t* const* taps, int64_t n, uint8_t* out) {
  using Sums = PairSums<24>;
  constexpr int kLast = 2 * kRadius + 2;
  const Sums::Weights weights(box.inner, box.outer);
  const __m256i zero = _mm256_setzero_si256();
  const auto boxed = [&](__m256i inner, __m256i outer) {
    Sums low, high;
    low.add(_mm256_unpacklo_epi16(inner, outer), weights);
    high.add(_mm256_unpackhi_epi16(inner, outer), weights);
    return _mm256_packus_epi32(low.values(), high.values());
  };
  return by_32(n, [&](int64_t x) {
    const auto low = [&](int t) { return _mm256_unpacklo_epi8(load(taps[t] + x), zero); };
    const auto high = [&](int t) { return _mm256_unpackhi_epi8(load(taps[t] + x), zero); };
    __m256i low_inner = low(1), high_inner = high(1);
    for (int t = 2; t < kLast; ++t) {
      low_inner = _mm256_add_epi16(low_inner, low(t));
      high_inner = _mm256_add_epi16(high_inner, high(t));
    }
    store(out + x, _mm256_packus_epi16(boxed(low_inner, _mm256_add_epi16(low(0), low(kLast))),
                                       boxed(high_inner, _mm256_add_epi16(high(0), high(kLast)))));
  });
}

}  // namespace

int64_t resize_column(const uint8_t* in, int64_t stride, const int32_t* w, int64_t count, int64_t width, uint8_t* out) {
  switch (count) {
    case 2:
      return resize_rows<2>(in, stride, w, width, out);
    case 3:
      return resize_rows<3>(in, stride, w, width, out);
    case 4:
      return resize_rows<4>(in, stride, w, width, out);
    default:
      return 0;
  }
}

int64_t box_pass(const Box& box, const uint8_t* const* taps, int64_t n, uint8_t* out) {
  if (box.radius > 1) return 0;
  return box.radius == 0 ? box_rows<0>(box, taps, n, out) : box_rows<1>(box, taps, n, out);
}

#else

int64_t resize_rgb_row(const uint8_t*, int64_t, const Taps&, int64_t, uint8_t*) { return 0; }
int64_t halve_row(const uint8_t*, const int32_t*, int64_t, uint8_t*) { return 0; }
int64_t resize_column(const uint8_t*, int64_t, const int32_t*, int64_t, int64_t, uint8_t*) { return 0; }
int64_t box_pass(const Box&, const uint8_t* const*, int64_t, uint8_t*) { return 0; }

#endif

}  // namespace bareseg::pillow::avx2
