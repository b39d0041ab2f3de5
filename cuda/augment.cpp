#include "cuda/kernels/augment.h"

#include "cuda/kernel_backend.h"

namespace bareseg {

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
