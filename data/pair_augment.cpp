#include "data/pair_augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "data/base_crop.h"
#include "engine/error.h"
#include "engine/pillow.h"
#include "engine/random.h"

namespace bareseg {
namespace {

constexpr int64_t kChannels = 3;

/// The part of a view that the source covers, in the view and in the scaled source.
struct Overlap {
  int64_t top, left;  // in the view
  pillow::ResizeWindow window;
};

/// [begin, end) of a view of `size` from `at` on that lies inside a source of `length`.
std::pair<int64_t, int64_t> inside(int64_t at, int64_t size, int64_t length) {
  return {std::max<int64_t>(0, -at), std::min(size, length - at)};
}

Overlap overlap_of(const PairAugment& how, const PairDraw& draw) {
  const auto [top, bottom] = inside(draw.row, how.height, draw.height);
  const auto [left, right] = inside(draw.col, how.width, draw.width);
  return {top, left, {draw.row + top, draw.col + left, bottom - top, right - left}};
}

/// Copies the overlap's [height, width, channels] into its place in the view, mirrored where asked.
void place(const Overlap& o, const std::vector<uint8_t>& part, int64_t channels, int64_t view_width, bool flip,
           uint8_t* view) {
  for (int64_t y = 0; y < o.window.height; ++y) {
    const uint8_t* in = part.data() + y * o.window.width * channels;
    uint8_t* row = view + (o.top + y) * view_width * channels;
    for (int64_t x = 0; x < o.window.width; ++x, in += channels) {
      const int64_t col = flip ? view_width - 1 - (o.left + x) : o.left + x;
      std::copy_n(in, channels, row + col * channels);
    }
  }
}

void colour(const AugmentParams& p, int64_t pixels, uint8_t* rgb) {
  if (!p.brightness && !p.contrast && !p.saturation && !p.hue) return;
  std::vector<uint8_t> buffer(static_cast<size_t>(kChannels * pixels));
  const pillow::Planes planes{
      .r = buffer.data(), .g = buffer.data() + pixels, .b = buffer.data() + 2 * pixels, .count = pixels};
  pillow::split_rgb(rgb, planes);
  pillow::recolour(planes, p);
  pillow::join_rgb(planes, rgb);
}

/// A place for a view of `view` in a source of `source`: inside it, or, where it is smaller, around it.
int64_t draw_place(Random& random, int64_t source, int64_t view) {
  const int64_t room = std::abs(source - view);
  const auto at = static_cast<int64_t>(random.below(static_cast<uint64_t>(room) + 1));
  return source >= view ? at : -at;
}

}  // namespace

void PairAugment::check() const {
  constexpr int64_t kMost = 1 << 14;
  BS_CHECK(height > 0 && height <= kMost && width > 0 && width <= kMost,
           "pair augmentation: height and width must be 1 .. ", kMost, ", got ", height, "x", width);
  BS_CHECK(short_side > 0 && short_side <= kMost, "pair augmentation: short_side must be 1 .. ", kMost, ", got ",
           short_side);
  BS_CHECK(min_scale > 0.0 && min_scale <= max_scale && max_scale <= 16.0,
           "pair augmentation: scales must lie in (0, 16], the lower first, got ", min_scale, " and ", max_scale);
  BS_CHECK(jitter >= 0.0 && jitter <= 1.0, "pair augmentation: jitter must lie in [0, 1], got ", jitter);
  BS_CHECK(hue_range >= 0.0 && hue_range <= 0.5, "pair augmentation: hue_range must lie in [0, 0.5], got ", hue_range);
}

Image pair_source(const PairAugment& how, Image image) {
  return how.square ? base_crop(image, how.short_side) : std::move(image);
}

LabelMap pair_source(const PairAugment& how, LabelMap labels) {
  return how.square ? base_crop(labels, how.short_side) : std::move(labels);
}

PairDraw draw_pair(const PairAugment& how, int64_t height, int64_t width, int64_t image, uint64_t pass) {
  constexpr uint64_t kMost = uint64_t{1} << 24;
  BS_CHECK(image >= 0 && static_cast<uint64_t>(image) < kMost && pass < kMost,
           "pair augmentation: image and pass must be below ", kMost, ", got ", image, " and ", pass);
  Random random(how.seed, Draws::augmentation, pass << 24 | static_cast<uint64_t>(image));
  // Everything is drawn whatever is switched on, so that a switch changes nothing else.
  const auto between = [&](double low, double high) { return low + (high - low) * double{random.uniform()}; };
  const auto chance = [&] { return random.uniform() < 0.5f; };
  const double scale = between(how.min_scale, how.max_scale) * static_cast<double>(how.short_side) /
                       static_cast<double>(std::min(height, width));
  const auto scaled = [&](int64_t side) { return std::max<int64_t>(1, std::llround(scale * double(side))); };
  PairDraw draw;
  draw.height = scaled(height);
  draw.width = scaled(width);
  draw.row = draw_place(random, draw.height, how.height);
  draw.col = draw_place(random, draw.width, how.width);
  draw.flip = chance() && how.hflip;
  AugmentParams& p = draw.colours;
  for (const auto& [flag, factor] : {std::pair{&AugmentParams::brightness, &AugmentParams::brightness_factor},
                                     std::pair{&AugmentParams::contrast, &AugmentParams::contrast_factor},
                                     std::pair{&AugmentParams::saturation, &AugmentParams::saturation_factor}}) {
    p.*flag = chance() && how.jitter > 0.0;
    p.*factor = static_cast<float>(between(1.0 - how.jitter, 1.0 + how.jitter));
  }
  p.hue = chance() && how.hue_range > 0.0;
  p.hue_shift = static_cast<int32_t>(255.0 * between(-how.hue_range, how.hue_range));
  return draw;
}

void augment_pair(const PairAugment& how, const PairSource& source, const PairDraw& draw, uint8_t* rgb,
                  uint8_t* classes) {
  const Overlap o = overlap_of(how, draw);
  const int64_t pixels = how.height * how.width, covered = o.window.height * o.window.width;
  std::vector<uint8_t> part(static_cast<size_t>(kChannels * covered));
  pillow::resize_bilinear(source.rgb, source.height, source.width, kChannels, draw.height, draw.width, o.window,
                          part.data());
  colour(draw.colours, covered, part.data());
  if (covered < pixels) {
    std::array<uint8_t, kChannels> mean{};
    for (size_t c = 0; c < mean.size(); ++c) mean[c] = static_cast<uint8_t>(std::lround(255.0f * kImageMean[c]));
    for (int64_t i = 0; i < pixels; ++i) std::copy(mean.begin(), mean.end(), rgb + kChannels * i);
    std::fill_n(classes, pixels, kIgnoreLabel);
  }
  place(o, part, kChannels, how.width, draw.flip, rgb);
  part.resize(static_cast<size_t>(covered));
  pillow::resize_nearest(source.classes, source.height, source.width, draw.height, draw.width, o.window, part.data());
  place(o, part, 1, how.width, draw.flip, classes);
}

}  // namespace bareseg
