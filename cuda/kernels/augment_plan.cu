// The host's part of the augmentation: tables for the kernels of augment.cu, and the tile that fits them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda/kernels/augment.h"

namespace bareseg {
namespace {

// Dynamic shared memory that every GPU since sm_80 gives a block beside augment_tiles()'s own 6 KiB.
constexpr int64_t kTileBytes = 88 << 10;

int32_t narrow(int64_t side) {
  BS_CHECK(side <= std::numeric_limits<int32_t>::max() - kTileCols, "augment: a side is too long for a GPU: ", side);
  return static_cast<int32_t>(side);
}

}  // namespace

AugmentPlan::AugmentPlan(std::span<const AugmentParams> params, const AugmentOptions& options, int64_t side,
                         int64_t out_side, int64_t channels)
    : side_(narrow(side)),
      out_side_(narrow(out_side)),
      channels_(static_cast<int32_t>(channels)),
      window_(options.shape == AugmentOptions::Shape::window) {
  for (const AugmentParams& p : params) {
    AugmentImage& image = images_.emplace_back(AugmentImage{.params = p, .box = {}});
    contrast_ |= p.contrast;
    blur_ |= p.blur;
    if (p.blur) image.box = pillow::blur_box(p.blur_radius);
    box_radius_ = std::max(box_radius_, image.box.radius);
  }
  if (!window_) taps_ = pillow::resize_taps(side, out_side, 0, out_side);
}

std::vector<std::byte> AugmentPlan::tables() const {
  const size_t outputs = taps_.first.size(), taps = static_cast<size_t>(taps_.count);
  std::vector<int32_t> resize(taps_.first.begin(), taps_.first.end());
  for (size_t t = 0; t < taps; ++t) {
    for (size_t i = 0; i < outputs; ++i) resize.push_back(taps_.weights[i * taps + t]);
  }
  std::vector<std::byte> bytes;
  const auto append = [&bytes](const auto& values) {
    const auto* from = reinterpret_cast<const std::byte*>(values.data());
    bytes.insert(bytes.end(), from, from + values.size() * sizeof(values[0]));
  };
  append(images_);
  append(resize);
  append(pillow::exact_hues());
  return bytes;
}

AugmentBatch AugmentPlan::batch(const uint8_t* images, const void* tables) const {
  AugmentBatch b{.images = images,
                 .count = static_cast<int64_t>(images_.size()),
                 .side = side_,
                 .out_side = out_side_,
                 .channels = channels_,
                 .plans = static_cast<const AugmentImage*>(tables),
                 .window = window_,
                 .taps = static_cast<int32_t>(taps_.count)};
  b.first = reinterpret_cast<const int32_t*>(b.plans + images_.size());
  b.weights = b.first + taps_.first.size();
  b.exact_hues = reinterpret_cast<const uint8_t*>(b.weights + taps_.weights.size());
  std::copy_n(kImageMean, 3, b.mean);
  std::copy_n(kImageStd, 3, b.deviation);
  return b;
}

// The most input rows, or columns, that any `length` neighbouring outputs need; `size` is the window's.
int64_t AugmentPlan::reach(int32_t CropWindow::*size, int64_t length) const {
  int64_t most = 0;
  const std::vector<int64_t>& first = taps_.first;
  for (size_t i = 0; i < first.size(); ++i) {
    const size_t last = std::min(i + static_cast<size_t>(length), first.size()) - 1;
    most = std::max(most, first[last] + taps_.count - first[i]);
  }
  if (!window_) return most;
  for (const AugmentImage& image : images_) most = std::max<int64_t>(most, image.params.window.*size);
  // The places of the outermost outputs are so far apart; two neighbours each, and one for the places' roundings.
  const double apart = static_cast<double>(most) / static_cast<double>(out_side_) * static_cast<double>(length - 1);
  return std::min(most, static_cast<int64_t>(std::ceil(apart)) + 3);
}

std::optional<AugmentTile> AugmentPlan::tile() const {
  if (box_radius_ > kTileBlurRadius) return {};
  const int64_t halo = blur_ ? pillow::kBoxPasses * (box_radius_ + 1) : 0;
  const int64_t cols = reach(&CropWindow::width, kTileCols) + 2 * halo;
  const int64_t words = ceil_div(cols + 3, 4), pitch = 4 * (words + 1 - words % 2);  // up to 3 columns before the first
  for (int32_t out_rows = 32; out_rows > 0; out_rows /= 2) {
    const int64_t rows = reach(&CropWindow::height, out_rows);
    const int64_t plane = ceil_div((rows + 2 * halo) * pitch, 16) * 16;
    const int64_t second = std::max(blur_ ? 3 * plane : 0, window_ ? 0 : rows * channels_ * kTileCols);
    if (3 * plane + second > kTileBytes) continue;
    return AugmentTile{.out_rows = out_rows,
                       .pitch = static_cast<int32_t>(pitch),
                       .plane = static_cast<int32_t>(plane),
                       .second = static_cast<int32_t>(second)};
  }
  return {};
}

}  // namespace bareseg
