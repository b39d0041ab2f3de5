#include "engine/augment.h"

#include <cmath>
#include <vector>

#include "engine/backend.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

// Far beyond use; keeps the sums of the box passes within 32 bits.
constexpr float kMaxBlurRadius = 1000.0f;

void check_params(const AugmentParams& p, int64_t view, int64_t side) {
  for (const float factor : {p.brightness_factor, p.contrast_factor, p.saturation_factor}) {
    BS_CHECK(factor >= 0.0f && factor <= 1000.0f, "augment: factors must lie in [0, 1000], got ", factor, " for view ",
             view);
  }
  BS_CHECK(std::abs(p.blur_radius) <= kMaxBlurRadius, "augment: blur_radius must lie in [-", kMaxBlurRadius, ", ",
           kMaxBlurRadius, "], got ", p.blur_radius, " for view ", view);
  if (p.shape != AugmentParams::Shape::window) return;
  const CropWindow& w = p.window;
  BS_CHECK(w.height > 0 && w.width > 0 && w.row >= 0 && w.col >= 0 && int64_t{w.row} + w.height <= side &&
               int64_t{w.col} + w.width <= side,
           "augment: the window must lie inside the image of side ", side, ", got rows ", w.row, " + ", w.height,
           ", columns ", w.col, " + ", w.width, " for view ", view);
}

void check_output(const char* op, DType dtype, int64_t channels) {
  BS_CHECK(is_float(dtype), op, ": dtype must be float32 or bfloat16, got ", dtype);
  BS_CHECK(channels == 3 || channels == 4, op, ": channels must be 3 or 4, got ", channels);
}

// The squares lie in their images, and these in the pixels.
void check_sources(const Tensor& pixels, std::span<const SourceImage> sources, int64_t side) {
  BS_CHECK(pixels.dtype() == kUInt8 && pixels.rank() == 1, "augment: pixels must be uint8 [B], got ", pixels.dtype(),
           " ", pixels.shape());
  BS_CHECK(side > 0, "augment: square must be positive, got ", side);
  constexpr int64_t kMaxSide = 1 << 24;
  for (const SourceImage& s : sources) {
    BS_CHECK(s.height > 0 && s.width > 0 && s.height <= kMaxSide && s.width <= kMaxSide && s.offset >= 0 &&
                 s.offset <= pixels.count() && 3 * s.height * s.width <= pixels.count() - s.offset,
             "augment: ", s.height, " x ", s.width, " pixels ", s.offset, " bytes from the first do not lie in ",
             pixels.count(), " bytes");
    BS_CHECK(s.row >= 0 && s.col >= 0 && s.row <= s.out_height - side && s.col <= s.out_width - side &&
                 s.out_height <= kMaxSide && s.out_width <= kMaxSide,
             "augment: a square of side ", side, " at row ", s.row, ", column ", s.col, " does not lie in ",
             s.out_height, " x ", s.out_width);
  }
}

}  // namespace

Tensor augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
               std::span<const AugmentParams> params, int64_t side, DType dtype, int64_t channels) {
  const TraceRange range("augment");
  check_sources(pixels, sources, square);
  const int64_t count = std::ssize(params);
  BS_CHECK(sources.empty() ? count == 0 : count % std::ssize(sources) == 0, "augment: the number of views must be a ",
           "multiple of the ", sources.size(), " images, got ", count);
  BS_CHECK(side > 0, "augment: side must be positive, got ", side);
  check_output("augment", dtype, channels);
  for (int64_t m = 0; m < count; ++m) check_params(params[static_cast<size_t>(m)], m, square);
  Tensor y = Tensor::empty({count, side, side, channels}, dtype, pixels.device());
  if (y.count() > 0) backend(pixels.device()).augment(pixels, sources, square, params, y);
  return y;
}

Tensor augment(const Tensor& images, std::span<const AugmentParams> params, int64_t side, DType dtype,
               int64_t channels) {
  BS_CHECK(images.dtype() == kUInt8 && images.rank() == 4 && images.dim(1) > 0 && images.dim(1) == images.dim(2) &&
               images.dim(3) == 3,
           "augment: images must be uint8 [N, S, S, 3] with S > 0, got ", images.dtype(), " ", images.shape());
  const int64_t square = images.dim(1);
  std::vector<SourceImage> sources;
  for (int64_t n = 0; n < images.dim(0); ++n) {
    sources.push_back({.offset = n * square * square * 3,
                       .height = square,
                       .width = square,
                       .out_height = square,
                       .out_width = square});
  }
  return augment(images.view({images.count()}), sources, square, params, side, dtype, channels);
}

Tensor normalize_images(const Tensor& images, DType dtype, int64_t channels) {
  const TraceRange range("normalize_images");
  BS_CHECK(images.dtype() == kUInt8 && images.rank() == 4 && images.dim(3) == 3,
           "normalize_images: images must be uint8 [N, H, W, 3], got ", images.dtype(), " ", images.shape());
  check_output("normalize_images", dtype, channels);
  Tensor y = Tensor::empty({images.dim(0), images.dim(1), images.dim(2), channels}, dtype, images.device());
  if (y.count() > 0) backend(images.device()).normalize_images(images, y);
  return y;
}

}  // namespace bareseg
