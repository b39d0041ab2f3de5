// The host's part of the augmentation: tables for the kernels of augment.cu, and the tile that fits them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "cuda/kernels/augment.h"

namespace bareseg {
namespace {

// Dynamic shared memory that every GPU since sm_80 gives a block beside augment_tiles()'s own 6 KiB.
constexpr int64_t kTileBytes = 88 << 10;

// first, then weights tap by tap.
std::vector<int32_t> device_order(const pillow::Taps& taps) {
  const size_t outputs = taps.first.size(), count = static_cast<size_t>(taps.count);
  std::vector<int32_t> numbers(taps.first.begin(), taps.first.end());
  for (size_t t = 0; t < count; ++t) {
    for (size_t i = 0; i < outputs; ++i) numbers.push_back(taps.weights[i * count + t]);
  }
  return numbers;
}

// An axis that is resized: outputs [begin, begin + side) of `out`, from `in`.
struct CropAxisKey {
  int64_t in, out, begin, side;
  friend bool operator<(const CropAxisKey& a, const CropAxisKey& b) {
    return std::tie(a.in, a.out, a.begin, a.side) < std::tie(b.in, b.out, b.begin, b.side);
  }
};

struct CropTaps {
  int32_t taps = 0;
  std::vector<int32_t> numbers;  // first[side], then weights[taps][side]
};

// Photographs have few sizes and come back in every pass: their taps are worked out once.
const CropTaps& crop_taps(const CropAxisKey& key) {
  constexpr size_t kMostNumbers = size_t{8} << 20;
  thread_local std::map<CropAxisKey, CropTaps> kept;
  thread_local size_t kept_numbers = 0;
  if (const auto found = kept.find(key); found != kept.end()) return found->second;
  if (kept_numbers > kMostNumbers) {
    kept.clear();
    kept_numbers = 0;
  }
  const pillow::Taps taps = pillow::resize_taps(key.in, key.out, key.begin, key.side);
  CropTaps& made = kept[key];
  made.taps = static_cast<int32_t>(taps.count);
  made.numbers = device_order(taps);
  kept_numbers += made.numbers.size();
  return made;
}

int32_t narrow(int64_t side) {
  BS_CHECK(side <= std::numeric_limits<int32_t>::max() - kTileCols, "augment: a side is too long for a GPU: ", side);
  return static_cast<int32_t>(side);
}

}  // namespace

AugmentPlan::AugmentPlan(std::span<const SourceImage> sources, int64_t side, std::span<const AugmentParams> params,
                         int64_t out_side, int64_t channels)
    : side_(narrow(side)), out_side_(narrow(out_side)), channels_(static_cast<int32_t>(channels)) {
  std::map<CropAxisKey, CropAxis> axes;
  const auto axis = [&](const CropAxisKey& key) {
    const auto [found, is_new] = axes.try_emplace(key);
    if (is_new) {
      const CropTaps& taps = crop_taps(key);
      found->second = {.taps = taps.taps, .at = std::ssize(crop_tables_)};
      crop_tables_.insert(crop_tables_.end(), taps.numbers.begin(), taps.numbers.end());
    }
    return found->second;
  };
  for (const SourceImage& s : sources) {
    sources_.push_back({.pixels = s.offset,
                        .width = s.width,
                        .across = axis({s.width, s.out_width, s.col, side}),
                        .down = axis({s.height, s.out_height, s.row, side})});
  }
  for (const AugmentParams& p : params) {
    AugmentView& view = views_.emplace_back(AugmentView{.params = p, .box = {}});
    resizes_ |= p.shape == AugmentParams::Shape::pillow;
    blur_ |= p.blur;
    if (p.blur) view.box = pillow::blur_box(p.blur_radius);
    box_radius_ = std::max(box_radius_, view.box.radius);
  }
  if (resizes_) taps_ = pillow::resize_taps(side, out_side, 0, out_side);
}

std::vector<std::byte> AugmentPlan::tables() const {
  std::vector<std::byte> bytes;
  const auto append = [&bytes](const auto& values) {
    const auto* from = reinterpret_cast<const std::byte*>(values.data());
    bytes.insert(bytes.end(), from, from + values.size() * sizeof(values[0]));
  };
  append(views_);
  append(sources_);
  append(crop_tables_);
  append(device_order(taps_));
  append(pillow::exact_hues());
  return bytes;
}

AugmentBatch AugmentPlan::batch(const uint8_t* pixels, void* tables) const {
  AugmentBatch b{.pixels = pixels,
                 .views = static_cast<AugmentView*>(tables),
                 .images = std::ssize(sources_),
                 .count = std::ssize(views_),
                 .side = side_,
                 .out_side = out_side_,
                 .channels = channels_};
  b.sources = reinterpret_cast<const AugmentSource*>(b.views + views_.size());
  b.crop_tables = reinterpret_cast<const int32_t*>(b.sources + sources_.size());
  const int32_t* const first = b.crop_tables + crop_tables_.size();
  const int32_t* const weights = first + taps_.first.size();
  b.resize = {static_cast<int32_t>(taps_.count), out_side_, first, weights};
  b.exact_hues = reinterpret_cast<const uint8_t*>(weights + taps_.weights.size());
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
  int64_t window = 0;
  for (const AugmentView& view : views_) {
    if (view.params.shape == AugmentParams::Shape::window) {
      window = std::max<int64_t>(window, view.params.window.*size);
    }
  }
  // The places of the outermost outputs are so far apart; two neighbours each, and one for the places' roundings.
  const double apart = static_cast<double>(window) / static_cast<double>(out_side_) * static_cast<double>(length - 1);
  return std::max(most, std::min(window, static_cast<int64_t>(std::ceil(apart)) + 3));
}

std::optional<AugmentTile> AugmentPlan::tile() const {
  if (box_radius_ > kTileBlurRadius) return {};
  const int64_t halo = blur_ ? pillow::kBoxPasses * (box_radius_ + 1) : 0;
  const int64_t cols = reach(&CropWindow::width, kTileCols) + 2 * halo;
  const int64_t words = ceil_div(cols + 3, 4), pitch = 4 * (words + 1 - words % 2);  // up to 3 columns before the first
  for (int32_t out_rows = 32; out_rows > 0; out_rows /= 2) {
    const int64_t rows = reach(&CropWindow::height, out_rows);
    const int64_t plane = ceil_div((rows + 2 * halo) * pitch, 16) * 16;
    const int64_t second = std::max(blur_ ? 3 * plane : 0, resizes_ ? rows * channels_ * kTileCols : 0);
    if (3 * plane + second > kTileBytes) continue;
    return AugmentTile{.out_rows = out_rows,
                       .pitch = static_cast<int32_t>(pitch),
                       .plane = static_cast<int32_t>(plane),
                       .second = static_cast<int32_t>(second)};
  }
  return {};
}

}  // namespace bareseg
