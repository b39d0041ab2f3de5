#include "cuda/kernels/augment.h"

#include "cuda/kernel_backend.h"

namespace bareseg {

void KernelBackend::augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
                            std::span<const AugmentParams> params, Tensor& y) {
  const Device device = y.device();
  const AugmentPlan plan(sources, square, params, y.dim(1), y.dim(3));
  const std::vector<std::byte> bytes = plan.tables();
  const Tensor tables = upload(bytes.data(), std::ssize(bytes), device);
  const Tensor squares = Tensor::empty({std::ssize(sources), square, square, 3}, kUInt8, device);
  AugmentBatch batch = plan.batch(pixels.data<uint8_t>(), tables.raw());
  batch.squares = squares.data<uint8_t>();
  augment_squares(stream(device), batch);
  const std::optional<AugmentTile> tile = plan.tile();
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    if (tile) return augment_tiles(stream(device), batch, *tile, y.data<T>());
    const int64_t scratch_bytes = augment_scratch_bytes(batch);
    const Tensor scratch = Tensor::empty({2, scratch_bytes}, kUInt8, device);
    uint8_t* first = scratch.data<uint8_t>();
    augment_steps(stream(device), batch, plan.blur(), plan.resizes(), first, first + scratch_bytes, y.data<T>());
  });
}

void KernelBackend::normalize_images(const Tensor& images, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    bareseg::normalize_images(stream(y.device()), images.data<uint8_t>(), images.count() / 3, y.dim(3), y.data<T>());
  });
}

}  // namespace bareseg
