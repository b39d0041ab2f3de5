// What happens to every image in one epoch (PiCIE sections 5.2 to 5.6): all random numbers are drawn ahead, in the
// authors' order, so that clustering, labelling and training see the same views of an image.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/augment_params.h"

namespace bareseg {

/// Switches and strengths of the transforms; defaults are the authors'. Switches do not change what is drawn: turning
/// one off leaves all other transforms as they were.
struct AugmentConfig {
  bool brightness = true, contrast = true, saturation = true, hue = true, grey = true, blur = true;
  bool crop = true, hflip = true, vflip = false;
  /// The authors' published runs never turned an image grey, although the option was on: their switch is dead.
  bool compat_grey_off = false;

  double jitter_probability = 0.8;  // brightness, contrast, saturation, hue: one decision each
  double grey_probability = 0.2;
  double blur_probability = 0.5;
  double flip_probability = 0.5;  // horizontal and vertical, one decision each
  double jitter = 0.3;            // factors of brightness, contrast, saturation lie in [1 - jitter, 1 + jitter)
  double hue_range = 0.1;         // shift in [-hue_range, hue_range) of the colour circle
  double min_scale = 0.5;         // side of the crop / side of the image, in [min_scale, 1)

  bool operator==(const AugmentConfig&) const = default;
};

/// Reads a comma-separated list of transforms and presets, whose union is switched on; all else is off.
/// Transforms: brightness, contrast, saturation, hue, grey, blur, crop, hflip, vflip. Presets: all (the published
/// ones: every transform but vflip), colour-only, geometry-only (crop, hflip), none. Blanks round names are skipped.
/// @return default strengths with those switches.
/// @throws Error naming each unknown name and listing the known ones, or when the list is empty.
AugmentConfig parse_transforms(std::string_view list);
/// The switched-on transforms as parse_transforms() reads them, "none" where there are none.
std::string transform_names(const AugmentConfig& config);

/// The random numbers of one image, first index view, as drawn.
struct ImageDraws {
  struct Jitter {
    double probability = 1.0, value = 0.0;
  };
  std::array<Jitter, 2> brightness, contrast, saturation, hue;  // hue's value is a fraction of the colour circle
  std::array<double, 2> grey{}, blur{};                         // blur's decision number also sets its radius
  double hflip = 1.0, vflip = 1.0;
  double crop_scale = 1.0, crop_row = 0.0, crop_col = 0.0;
};

/// One epoch of the authors' random streams.
class EpochPlan {
 public:
  /// Replays the streams of `seed` for a training set of `images` images up to `epoch` (from 0): one draw of
  /// everything at construction of the data set, then, each epoch, another draw and the k-means seeds of views 0, 1.
  /// A pure function: resuming needs no saved state.
  /// @throws Error when images or epoch is negative, seed does not fit 32 bits, or a number of config is out of range.
  EpochPlan(const AugmentConfig& config, uint64_t seed, int64_t images, int64_t epoch);

  int64_t size() const { return static_cast<int64_t>(draws_.size()); }
  /// The order in which clustering visits the images.
  const std::vector<int64_t>& permutation() const { return permutation_; }
  /// Seed of the clustering of view 0 or 1; below the run's seed, and 0 when that is 0 or 1.
  uint32_t kmeans_seed(int view) const;

  const AugmentConfig& config() const { return config_; }
  /// @throws Error when image is out of range; so do params() and window().
  const ImageDraws& draws(int64_t image) const;
  /// Colours of `view` (0 or 1), its shape and its window in a square image of side `side`. View 0 is cropped as an
  /// image when crop is on; otherwise both views are shrunk as a whole. View 1 has no flips either: its geometry is
  /// applied to features by window().
  AugmentParams params(int64_t image, int view, int64_t side) const;
  /// Crop and flips of an image in a square map of side `side`; the whole map where crop is off.
  CropWindow window(int64_t image, int64_t side) const;

 private:
  AugmentConfig config_;
  std::vector<int64_t> permutation_;
  std::array<uint32_t, 2> kmeans_seed_{};
  std::vector<ImageDraws> draws_;
};

}  // namespace bareseg
