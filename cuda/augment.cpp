#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "cuda/kernel_backend.h"
#include "cuda/kernels/augment.h"
#include "engine/pillow.h"

namespace bareseg {
namespace {

// What every GPU since sm_80 gives a block beside augment_tiles()'s own 6 KiB.
constexpr int64_t kTileBytes = 88 << 10;

// The host's side of a batch: what is uploaded, and how far the pictures reach.
struct Plan {
  std::vector<AugmentImage> images;
  pillow::Taps taps;  // empty with Shape::window
  bool contrast = false, blur = false;
  int64_t box_radius = 0;  // the greatest
};

Plan make_plan(std::span<const AugmentParams> params, bool window, int64_t side, int64_t out_side) {
  Plan plan;
  for (const AugmentParams& p : params) {
    AugmentImage& image = plan.images.emplace_back(AugmentImage{.params = p, .box = {}});
    plan.contrast |= p.contrast;
    if (!p.blur) continue;
    plan.blur = true;
    image.box = pillow::blur_box(p.blur_radius);
    plan.box_radius = std::max<int64_t>(plan.box_radius, image.box.radius);
  }
  if (!window) plan.taps = pillow::resize_taps(side, out_side, 0, out_side);
  return plan;
}

// What kernels read of a plan: images, first taps, weights by tap, hues.
std::vector<std::byte> packed_plan(const Plan& plan) {
  const size_t outputs = plan.taps.first.size(), taps = static_cast<size_t>(plan.taps.count);
  std::vector<int32_t> table;
  for (const int64_t first : plan.taps.first) table.push_back(static_cast<int32_t>(first));
  for (size_t t = 0; t < taps; ++t) {
    for (size_t i = 0; i < outputs; ++i) table.push_back(plan.taps.weights[i * taps + t]);
  }
  std::vector<std::byte> bytes;
  const auto append = [&bytes](const auto& values) {
    const auto* from = reinterpret_cast<const std::byte*>(values.data());
    bytes.insert(bytes.end(), from, from + values.size() * sizeof(values[0]));
  };
  append(plan.images);
  append(table);
  append(pillow::exact_hues());
  return bytes;
}

// Points into `at`, where packed_plan() is on the device.
void point_into(AugmentBatch& batch, const Plan& plan, const std::byte* at) {
  batch.plans = reinterpret_cast<const AugmentImage*>(at);
  batch.first = reinterpret_cast<const int32_t*>(batch.plans + plan.images.size());
  batch.weights = batch.first + plan.taps.first.size();
  batch.taps = static_cast<int32_t>(plan.taps.count);
  batch.exact_hues = reinterpret_cast<const uint8_t*>(batch.weights + plan.taps.weights.size());
}

// The most input rows, or columns, that any `length` neighbouring outputs need; `size` is the window's.
int64_t reach(const Plan& plan, int32_t CropWindow::*size, int64_t out_side, int64_t length) {
  int64_t most = 0;
  const std::vector<int64_t>& first = plan.taps.first;
  for (size_t i = 0; i < first.size(); ++i) {
    const size_t last = std::min(i + static_cast<size_t>(length), first.size()) - 1;
    most = std::max(most, first[last] + plan.taps.count - first[i]);
  }
  if (!first.empty()) return most;
  for (const AugmentImage& image : plan.images) most = std::max<int64_t>(most, image.params.window.*size);
  // Two neighbours, and one for the roundings of either end.
  const double steps =
      std::ceil(static_cast<double>(most) / static_cast<double>(out_side) * static_cast<double>(length - 1));
  return std::min(most, static_cast<int64_t>(steps) + 3);
}

// The tile of the most rows that fits; none where not even one row does.
std::optional<AugmentTile> choose_tile(const Plan& plan, bool window, int64_t out_side) {
  if (plan.box_radius > kTileBlurRadius) return {};
  const int64_t halo = plan.blur ? pillow::kBoxPasses * (plan.box_radius + 1) : 0;
  const int64_t cols = reach(plan, &CropWindow::width, out_side, kTileCols) + 2 * halo;
  const int64_t words = ceil_div(cols + 3, 4), pitch = 4 * (words + 1 - words % 2);  // up to 3 columns before the first
  for (int32_t out_rows = 32; out_rows > 0; out_rows /= 2) {
    const int64_t rows = reach(plan, &CropWindow::height, out_side, out_rows);
    const int64_t plane = ceil_div((rows + 2 * halo) * pitch, 16) * 16;
    const int64_t second = std::max(plan.blur ? 3 * plane : 0, window ? 0 : rows * kTileRowBytes);
    if (3 * plane + second > kTileBytes) continue;
    return AugmentTile{.out_rows = out_rows,
                       .pitch = static_cast<int32_t>(pitch),
                       .plane = static_cast<int32_t>(plane),
                       .second = static_cast<int32_t>(second)};
  }
  return {};
}

int32_t narrow(int64_t side) {
  BS_CHECK(side <= std::numeric_limits<int32_t>::max() - kTileCols,
           "augment: the side of a picture is too great: ", side);
  return static_cast<int32_t>(side);
}

}  // namespace

void KernelBackend::augment(const Tensor& images, std::span<const AugmentParams> params, const AugmentOptions& o,
                            Tensor& y) {
  const Device device = y.device();
  AugmentBatch batch{.images = images.data<uint8_t>(),
                     .count = images.dim(0),
                     .side = narrow(images.dim(1)),
                     .out_side = narrow(y.dim(1)),
                     .window = o.shape == AugmentOptions::Shape::window};
  std::copy_n(kImageMean, 3, batch.mean);
  std::copy_n(kImageStd, 3, batch.deviation);
  const Plan plan = make_plan(params, batch.window, batch.side, batch.out_side);
  const std::vector<std::byte> bytes = packed_plan(plan);
  const Tensor table = upload(bytes.data(), static_cast<int64_t>(bytes.size()), device);
  point_into(batch, plan, static_cast<const std::byte*>(table.raw()));
  Tensor luma;
  if (plan.contrast) {
    luma = Tensor::empty({batch.count, kLumaParts}, kInt64, device);
    augment_luma(stream(device), batch, luma.data<int64_t>());
    batch.luma_parts = luma.data<int64_t>();
  }
  const std::optional<AugmentTile> tile = choose_tile(plan, batch.window, batch.out_side);
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    if (tile) return augment_tiles(stream(device), batch, *tile, y.data<T>());
    const Tensor scratch = Tensor::empty({2, augment_scratch_bytes(batch)}, kUInt8, device);
    uint8_t* first = scratch.data<uint8_t>();
    augment_steps(stream(device), batch, plan.blur, first, first + augment_scratch_bytes(batch), y.data<T>());
  });
}

}  // namespace bareseg
