#include "cuda/kernels/augment.h"

#include <array>
#include <map>

#include "cuda/kernel_backend.h"
#include "cuda/kernels/base_crop.h"
#include "engine/pillow.h"

namespace bareseg {
namespace {

// The taps of every axis that is resized, each once.
class CropTables {
 public:
  explicit CropTables(int64_t side) : side_(side) {}

  /// Outputs [begin, begin + side) of `out`, from `in`.
  CropAxis axis(int64_t in, int64_t out, int64_t begin) {
    const auto [found, is_new] = axes_.try_emplace({in, out, begin});
    if (!is_new) return found->second;
    const pillow::Taps taps = pillow::resize_taps(in, out, begin, side_);
    found->second = {.taps = static_cast<int32_t>(taps.count), .at = std::ssize(numbers_)};
    for (const int64_t first : taps.first) numbers_.push_back(static_cast<int32_t>(first));
    for (int64_t t = 0; t < taps.count; ++t) {
      for (int64_t i = 0; i < side_; ++i) numbers_.push_back(taps.weights[static_cast<size_t>(i * taps.count + t)]);
    }
    return found->second;
  }
  int32_t first(const CropAxis& axis, int64_t output) const { return numbers_[static_cast<size_t>(axis.at + output)]; }
  const std::vector<int32_t>& numbers() const { return numbers_; }

 private:
  int64_t side_;
  std::map<std::array<int64_t, 3>, CropAxis> axes_;
  std::vector<int32_t> numbers_;
};

}  // namespace

void KernelBackend::base_crops(const Tensor& pixels, std::span<const SourceImage> sources, Tensor& y) {
  const Device device = y.device();
  const int64_t count = y.dim(0), side = y.dim(1);
  CropTables tables(side);
  std::vector<CropImage> images;
  int64_t middle_bytes = 0;
  for (const SourceImage& s : sources) {
    CropImage image{.pixels = s.offset,
                    .middle = middle_bytes,
                    .width = s.width,
                    .across = tables.axis(s.width, s.out_width, s.col),
                    .down = tables.axis(s.height, s.out_height, s.row)};
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
  const AugmentPlan plan(params, o, images.dim(1), y.dim(1));
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
    bareseg::normalize_images(stream(y.device()), images.data<uint8_t>(), y.count(), y.data<T>());
  });
}

}  // namespace bareseg
