// Augmentation of a batch of square 8-bit images, bit-equal to the CPU's (engine/pillow_math.h, engine/augment_math.h).
// Two ways to the same result: augment_tiles() keeps a tile of the picture in shared memory from its bytes to the
// network's input; augment_steps() goes through device memory step by step, for what no tile holds.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "cuda/launch.h"
#include "engine/augment_params.h"
#include "engine/pillow.h"

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
  int32_t channels = 3;                   // C of the outputs: 3, or 4 of which the last is 0
  const AugmentImage* plans = nullptr;    // [count]
  const uint8_t* exact_hues = nullptr;    // pillow::exact_hues()
  const int64_t* luma_parts = nullptr;    // what augment_luma() wrote; read where contrast is set
  bool window = false;                    // AugmentOptions::Shape::window; else Pillow's resize with the taps below:
  int32_t taps = 0;                       // output i is the sum of weights[t][i] times pixel first[i] + t, t < taps
  const int32_t* first = nullptr;         // [T]
  const int32_t* weights = nullptr;       // [taps, T]
  float mean[3] = {}, deviation[3] = {};  // of the network's input
};

/// A block of augment_tiles() makes out_rows x kTileCols outputs from a tile of the picture that holds them with the
/// reach of resize and blur.
struct AugmentTile {
  int32_t out_rows = 0;
  int32_t pitch = 0, plane = 0;  // bytes from row to row and from colour to colour; pitch is an odd number of words
  int32_t second = 0;            // bytes of the second picture that blur and resize need
};
inline constexpr int32_t kTileCols = 64;
inline constexpr int32_t kTileBlurRadius = 1;  // the greatest box radius that augment_tiles() takes

/// What the host knows of a batch: the tables that its kernels read, and what they have to do.
class AugmentPlan {
 public:
  /// All as augment() has checked them.
  AugmentPlan(std::span<const AugmentParams> params, const AugmentOptions& options, int64_t side, int64_t out_side,
              int64_t channels = 3);

  /// To be copied to the device.
  std::vector<std::byte> tables() const;
  /// `tables` is that copy. luma_parts is left to the caller.
  AugmentBatch batch(const uint8_t* images, const void* tables) const;
  bool contrast() const { return contrast_; }  // any image needs augment_luma()
  bool blur() const { return blur_; }          // any image has one
  /// The tile of the most rows that fits into shared memory; none where augment_steps() must do.
  std::optional<AugmentTile> tile() const;

 private:
  int64_t reach(int32_t CropWindow::*size, int64_t length) const;

  std::vector<AugmentImage> images_;
  pillow::Taps taps_;  // empty with Shape::window
  int32_t side_, out_side_, channels_;
  bool window_, contrast_ = false, blur_ = false;
  int32_t box_radius_ = 0;  // the greatest
};

inline constexpr int32_t kLumaParts = 32;

/// Sums of luma after brightness, of the images with contrast, in parts: int64 [count, kLumaParts].
void augment_luma(Stream stream, const AugmentBatch& batch, int64_t* parts);

/// y [count, T, T, C], of float or bfloat16.
template <typename T>
void augment_tiles(Stream stream, const AugmentBatch& batch, const AugmentTile& tile, T* y);

/// y [pixels, channels] = normal values of values [pixels, 3]; a fourth channel is 0. T float or bfloat16.
template <typename T>
void normalize_images(Stream stream, const uint8_t* values, int64_t pixels, int64_t channels, T* y);

/// Bytes of each of the two scratch memories of augment_steps(), which begin at multiples of 16 bytes.
inline int64_t augment_scratch_bytes(const AugmentBatch& b) {
  const int64_t planes = 3 * ceil_div(b.side, 4) * 4, resized = int64_t{b.channels} * b.out_side;
  return ceil_div(b.count * b.side * (planes > resized ? planes : resized), 16) * 16;
}
/// The same. `blur` says whether any image has one.
template <typename T>
void augment_steps(Stream stream, const AugmentBatch& batch, bool blur, uint8_t* scratch, uint8_t* other, T* y);

}  // namespace bareseg
