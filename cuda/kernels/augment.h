// Augmentation of a batch of images, bit-equal to the CPU's (engine/pillow_math.h, engine/augment_math.h), in two
// passes: augment_squares() makes every image's square and the means of the views with contrast, which depend on all of
// it; then all views of all images are made at once. The second has two ways to the same result: augment_tiles() keeps
// a tile of the picture in shared memory from its bytes to the network's input; augment_steps() goes through device
// memory step by step, for what no tile holds.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "cuda/launch.h"
#include "engine/augment_params.h"
#include "engine/pillow.h"

namespace bareseg {

/// A resize along one axis: output i is the sum of weights[t][i] times pixel first[i] + t, t < count.
struct DeviceTaps {
  int32_t count = 0, outputs = 0;
  const int32_t* first = nullptr;    // [outputs]
  const int32_t* weights = nullptr;  // [count, outputs]
};

/// The taps of a side of the square, where they lie in a table of int32: first[side], then weights[taps, side].
struct CropAxis {
  int32_t taps = 0;
  int64_t at = 0;
};

/// An image, and what makes its square.
struct AugmentSource {
  int64_t pixels = 0, width = 0;  // bytes before its pixels; of its rows
  CropAxis across, down;
};

/// One view's parameters, the box of its blur, and the sum over its square of luma after brightness, where contrast is
/// set: augment_squares() adds to it.
struct AugmentView {
  AugmentParams params;
  pillow::Box box;
  unsigned long long luma = 0;
};

/// A batch as the kernels see it; pointers are to the device's memory.
struct AugmentBatch {
  const uint8_t* pixels = nullptr;  // the images, one after the other
  const AugmentSource* sources = nullptr;
  const int32_t* crop_tables = nullptr;
  uint8_t* squares = nullptr;             // [images, side, side, 3]
  AugmentView* views = nullptr;           // [count], of image number i % images
  int64_t images = 0, count = 0;          // N and M
  int32_t side = 0, out_side = 0;         // S and T
  int32_t channels = 3;                   // C of the outputs: 3, or 4 of which the last is 0
  const uint8_t* exact_hues = nullptr;    // pillow::exact_hues()
  DeviceTaps resize = {};                 // from S to T, of Shape::pillow
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
  AugmentPlan(std::span<const SourceImage> sources, int64_t side, std::span<const AugmentParams> params,
              int64_t out_side, int64_t channels);

  /// To be copied to the device, anew for every time that augment_squares() runs.
  std::vector<std::byte> tables() const;
  /// `tables` is that copy. squares is left to the caller.
  AugmentBatch batch(const uint8_t* pixels, void* tables) const;
  bool blur() const { return blur_; }        // any view has one
  bool resizes() const { return resizes_; }  // any view has Shape::pillow
  /// The tile of the most rows that fits into shared memory; none where augment_steps() must do.
  std::optional<AugmentTile> tile() const;

 private:
  int64_t reach(int32_t CropWindow::*size, int64_t length) const;

  std::vector<AugmentSource> sources_;
  std::vector<int32_t> crop_tables_;
  std::vector<AugmentView> views_;
  pillow::Taps taps_;  // of Shape::pillow; empty where no view has it
  int32_t side_, out_side_, channels_;
  bool resizes_ = false, blur_ = false;
  int32_t box_radius_ = 0;  // the greatest
};

/// Fills squares, and adds to the views' luma, 0 before. Images that are their own squares are copied: the pass over
/// their pixels is needed for the means.
void augment_squares(Stream stream, const AugmentBatch& batch);

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
/// The same. `blur` and `resizes` are the plan's.
template <typename T>
void augment_steps(Stream stream, const AugmentBatch& batch, bool blur, bool resizes, uint8_t* scratch, uint8_t* other,
                   T* y);

}  // namespace bareseg
