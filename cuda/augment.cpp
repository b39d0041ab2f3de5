#include "cuda/kernels/augment.h"

#include <map>
#include <tuple>
#include <vector>

#include "cuda/kernel_backend.h"
#include "cuda/kernels/base_crop.h"
#include "engine/pillow.h"

namespace bareseg {
namespace {

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
  made.numbers.assign(taps.first.begin(), taps.first.end());
  for (int64_t t = 0; t < taps.count; ++t) {
    for (int64_t i = 0; i < key.side; ++i) {
      made.numbers.push_back(taps.weights[static_cast<size_t>(i * taps.count + t)]);
    }
  }
  kept_numbers += made.numbers.size();
  return made;
}

// The taps of every axis of a batch, each once.
class CropTables {
 public:
  CropAxis axis(const CropAxisKey& key) {
    const auto [found, is_new] = axes_.try_emplace(key);
    if (!is_new) return found->second;
    const CropTaps& taps = crop_taps(key);
    found->second = {.taps = taps.taps, .at = std::ssize(numbers_)};
    numbers_.insert(numbers_.end(), taps.numbers.begin(), taps.numbers.end());
    return found->second;
  }
  int32_t first(const CropAxis& axis, int64_t output) const { return numbers_[static_cast<size_t>(axis.at + output)]; }
  const std::vector<int32_t>& numbers() const { return numbers_; }

 private:
  std::map<CropAxisKey, CropAxis> axes_;
  std::vector<int32_t> numbers_;
};

}  // namespace

void KernelBackend::base_crops(const Tensor& pixels, std::span<const SourceImage> sources, Tensor& y) {
  const Device device = y.device();
  const int64_t count = y.dim(0), side = y.dim(1);
  CropTables tables;
  std::vector<CropImage> images;
  int64_t middle_bytes = 0;
  for (const SourceImage& s : sources) {
    CropImage image{.pixels = s.offset,
                    .middle = middle_bytes,
                    .width = s.width,
                    .across = tables.axis({s.width, s.out_width, s.col, side}),
                    .down = tables.axis({s.height, s.out_height, s.row, side})};
    image.first_row = tables.first(image.down, 0);  // they never fall
    image.rows = tables.first(image.down, side - 1) + image.down.taps - image.first_row;
    middle_bytes += 3 * image.rows * side;
    images.push_back(image);
  }
  const Tensor places = upload(images.data(), std::ssize(images) * static_cast<int64_t>(sizeof(CropImage)), device);
  const Tensor numbers = upload(tables.numbers().data(), std::ssize(tables.numbers()) * 4, device);
  const Tensor middle = Tensor::empty({middle_bytes}, kUInt8, device);
  const auto* where = static_cast<const CropImage*>(places.raw());
  const auto* weights = static_cast<const int32_t*>(numbers.raw());
  base_crop_rows(stream(device), pixels.data<uint8_t>(), where, weights, count, side, middle.data<uint8_t>());
  base_crop_columns(stream(device), middle.data<uint8_t>(), where, weights, count, side, y.data<uint8_t>());
}

void KernelBackend::augment(const Tensor& images, std::span<const AugmentParams> params, const AugmentOptions& o,
                            Tensor& y) {
  const Device device = y.device();
  const AugmentPlan plan(params, o, images.dim(1), y.dim(1), y.dim(3));
  const std::vector<std::byte> bytes = plan.tables();
  const Tensor tables = upload(bytes.data(), static_cast<int64_t>(bytes.size()), device);
  AugmentBatch batch = plan.batch(images.data<uint8_t>(), tables.raw());
  Tensor luma;
  if (plan.contrast()) {
    luma = Tensor::empty({batch.count, kLumaParts}, kInt64, device);
    augment_luma(stream(device), batch, luma.data<int64_t>());
    batch.luma_parts = luma.data<int64_t>();
  }
  const std::optional<AugmentTile> tile = plan.tile();
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    if (tile) return augment_tiles(stream(device), batch, *tile, y.data<T>());
    const int64_t scratch_bytes = augment_scratch_bytes(batch);
    const Tensor scratch = Tensor::empty({2, scratch_bytes}, kUInt8, device);
    uint8_t* first = scratch.data<uint8_t>();
    augment_steps(stream(device), batch, plan.blur(), first, first + scratch_bytes, y.data<T>());
  });
}

void KernelBackend::normalize_images(const Tensor& images, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::normalize_images(stream(y.device()), images.data<uint8_t>(), images.count() / 3, y.dim(3), y.data<T>());
  });
}

}  // namespace bareseg
