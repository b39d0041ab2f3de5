// Augmentation of a batch of square 8-bit images, bit-equal to the CPU's (engine/pillow_math.h, engine/augment_math.h).
// Two ways to the same result: augment_tiles() keeps a tile of the picture in shared memory from its bytes to the
// network's input; augment_steps() goes through device memory step by step, for what no tile holds.
#pragma once

#include "cuda/launch.h"
#include "engine/augment_params.h"
#include "engine/pillow_math.h"

namespace bareseg {

/// One image's parameters, and the box of its blur.
struct AugmentImage {
  AugmentParams params;
  pillow::Box box;
};

/// A batch as the kernels see it; pointers are to the device's memory.
struct AugmentBatch {
  const uint8_t* images = nullptr;  // [count, side, side, 3]
  int64_t count = 0;
  int32_t side = 0, out_side = 0;         // S and T
  const AugmentImage* plans = nullptr;    // [count]
  const uint8_t* exact_hues = nullptr;    // pillow::exact_hues()
  const int64_t* luma_parts = nullptr;    // what augment_luma() wrote; read where contrast is set
  bool window = false;                    // AugmentOptions::Shape::window; else Pillow's resize with the taps below:
  int32_t taps = 0;                       // output i is the sum of weights[t][i] times pixel first[i] + t, t < taps
  const int32_t* first = nullptr;         // [T]
  const int32_t* weights = nullptr;       // [taps, T]
  float mean[3] = {}, deviation[3] = {};  // of the network's input
};

inline constexpr int32_t kLumaParts = 32;

/// Sums of luma after brightness, of the images with contrast, in parts: int64 [count, kLumaParts].
void augment_luma(Stream stream, const AugmentBatch& batch, int64_t* parts);

/// A block of augment_tiles() makes out_rows x kTileCols outputs from a tile of the picture that holds them with the
/// reach of resize and blur.
struct AugmentTile {
  int32_t out_rows = 0;
  int32_t pitch = 0, plane = 0;  // bytes from row to row and from colour to colour; pitch is an odd number of words
  int32_t second = 0;            // bytes of the second picture that blur and resize need
};
inline constexpr int32_t kTileCols = 64, kTileRowBytes = 3 * kTileCols;
inline constexpr int32_t kTileBlurRadius = 1;  // the greatest box radius that augment_tiles() takes

/// y [count, T, T, 3], T float or bfloat16.
template <typename T>
void augment_tiles(Stream stream, const AugmentBatch& batch, const AugmentTile& tile, T* y);

/// Bytes of each of the two scratch memories of augment_steps(), which begin at multiples of 16 bytes.
inline int64_t augment_scratch_bytes(const AugmentBatch& b) {
  const int64_t row = ceil_div(b.side, 4) * 4, width = row > b.out_side ? row : b.out_side;
  return ceil_div(b.count * 3 * b.side * width, 16) * 16;
}
/// The same. `blur` says whether any image has one.
template <typename T>
void augment_steps(Stream stream, const AugmentBatch& batch, bool blur, uint8_t* scratch, uint8_t* other, T* y);

}  // namespace bareseg
