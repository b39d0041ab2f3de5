#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

void check_channels(const char* op, const Tensor& x) {
  BS_CHECK(x.defined() && x.rank() == 4 && is_float(x.dtype()) && x.dim(3) > 0, op,
           ": maps must be float [N, H, W, C] with C > 0, got ",
           x.defined() ? concat(x.dtype(), " ", x.shape()) : "an undefined tensor");
}

}  // namespace

Tensor concat_channels(const std::vector<Tensor>& maps) {
  const TraceRange range("concat_channels");
  BS_CHECK(!maps.empty(), "concat_channels: expected at least one map");
  int64_t channels = 0;
  for (const Tensor& x : maps) {
    check_channels("concat_channels", x);
    const Tensor& first = maps.front();
    BS_CHECK(x.shape().drop_last() == first.shape().drop_last() && x.dtype() == first.dtype() &&
                 x.device() == first.device(),
             "concat_channels: maps must all be ", first.dtype(), " ", first.shape().drop_last(), " on ",
             first.device(), " before their channels, got ", x.dtype(), " ", x.shape(), " on ", x.device());
    channels += x.dim(3);
  }
  const Tensor& like = maps.front();
  Tensor y = Tensor::empty({like.dim(0), like.dim(1), like.dim(2), channels}, like.dtype(), like.device());
  std::vector<int64_t> widths;
  std::vector<bool> wanted;
  int64_t to = 0;
  for (const Tensor& x : maps) {
    backend(y.device()).copy_channels(x, 0, x.dim(3), y, to);
    to += x.dim(3);
    widths.push_back(x.dim(3));
    wanted.push_back(x.requires_grad());
  }
  return record("concat_channels", maps, y, [widths, wanted](const Tensor& dy) -> Grads {
    Grads grads(widths.size());
    int64_t from = 0;
    for (size_t i = 0; i < widths.size(); from += widths[i++]) {
      if (!wanted[i]) continue;
      grads[i] = Tensor::empty({dy.dim(0), dy.dim(1), dy.dim(2), widths[i]}, dy.dtype(), dy.device());
      backend(dy.device()).copy_channels(dy, from, widths[i], grads[i], 0);
    }
    return grads;
  });
}

Tensor global_avg_pool(const Tensor& x) {
  const TraceRange range("global_avg_pool");
  check_channels("global_avg_pool", x);
  const int64_t samples = x.dim(0), channels = x.dim(3), pixels = x.dim(1) * x.dim(2);
  BS_CHECK(pixels > 0, "global_avg_pool: maps must have pixels, got ", x.shape());
  Backend& device = backend(x.device());
  const float share = 1.0f / static_cast<float>(pixels);
  const Tensor one = Tensor::full({1}, 1.0, kFloat32, x.device());
  Tensor sums = Tensor::empty({samples, 1, 1, channels}, kFloat32, x.device()), means = Tensor::empty_like(sums);
  for (int64_t n = 0; n < samples; ++n) {
    Tensor row = sums.rows(n, n + 1).view({channels});
    device.sum_rows(x.rows(n, n + 1), row);
  }
  device.multiply(sums, one, share, means);
  Tensor y = Tensor::empty(means.shape(), x.dtype(), x.device());
  device.cast(means, y);
  return record("global_avg_pool", {x}, y, [shape = x.shape(), share](const Tensor& dy) -> Grads {
    const Tensor unit = Tensor::full({1}, 1.0, dy.dtype(), dy.device());
    Tensor each = Tensor::empty_like(dy), dx = Tensor::empty(shape, dy.dtype(), dy.device());
    backend(dy.device()).multiply(dy, unit, share, each);
    backend(dy.device()).resize_bilinear(each, {}, dx);  // of one pixel: a copy everywhere
    return {dx};
  });
}

}  // namespace bareseg
