#include "data/augment_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/legacy_random.h"
#include "engine/error.h"

namespace bareseg {
namespace {

struct Switch {
  const char* name;
  bool AugmentConfig::*flag;
};
constexpr Switch kColour[] = {
    {"brightness", &AugmentConfig::brightness},
    {"contrast", &AugmentConfig::contrast},
    {"saturation", &AugmentConfig::saturation},
    {"hue", &AugmentConfig::hue},
    {"grey", &AugmentConfig::grey},
    {"blur", &AugmentConfig::blur},
};
constexpr Switch kGeometry[] = {{"crop", &AugmentConfig::crop}, {"hflip", &AugmentConfig::hflip}};
constexpr Switch kUnpublished[] = {{"vflip", &AugmentConfig::vflip}};

// Calls f with every switch.
template <typename F>
void each_switch(F&& f) {
  for (const Switch& s : kColour) f(s);
  for (const Switch& s : kGeometry) f(s);
  for (const Switch& s : kUnpublished) f(s);
}

// False when there is no transform or preset of that name.
bool switch_on(AugmentConfig& config, std::string_view name) {
  bool known = name == "none" || name == "all" || name == "colour-only" || name == "geometry-only";
  if (name == "all" || name == "colour-only") {
    for (const Switch& s : kColour) config.*s.flag = true;
  }
  if (name == "all" || name == "geometry-only") {
    for (const Switch& s : kGeometry) config.*s.flag = true;
  }
  each_switch([&](const Switch& s) {
    if (name != s.name) return;
    config.*s.flag = true;
    known = true;
  });
  return known;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void check(const AugmentConfig& c) {
  const auto in_unit = [](double value, const char* name) {
    BS_CHECK(value >= 0.0 && value <= 1.0, "augmentation: ", name, " must lie in [0, 1], got ", value);
  };
  in_unit(c.jitter_probability, "jitter_probability");
  in_unit(c.grey_probability, "grey_probability");
  in_unit(c.blur_probability, "blur_probability");
  in_unit(c.flip_probability, "flip_probability");
  in_unit(c.jitter, "jitter");
  BS_CHECK(c.hue_range >= 0.0 && c.hue_range <= 0.5, "augmentation: hue_range must lie in [0, 0.5], got ", c.hue_range);
  BS_CHECK(c.min_scale > 0.0 && c.min_scale <= 1.0, "augmentation: min_scale must lie in (0, 1], got ", c.min_scale);
}

// The authors' two streams, and the order in which they are read.
struct Streams {
  explicit Streams(uint32_t seed) : np(seed), py(seed) {}

  void jitter(std::vector<ImageDraws>& images, std::array<ImageDraws::Jitter, 2> ImageDraws::*which, double low,
              double high) {
    for (int view = 0; view < 2; ++view) {
      for (ImageDraws& d : images) (d.*which)[view] = {np.random(), py.uniform(low, high)};
    }
  }
  void per_view(std::vector<ImageDraws>& images, std::array<double, 2> ImageDraws::*which) {
    for (int view = 0; view < 2; ++view) {
      for (ImageDraws& d : images) (d.*which)[view] = np.random();
    }
  }

  std::vector<int64_t> draw(const AugmentConfig& c, std::vector<ImageDraws>& images) {
    std::vector<int64_t> permutation = np.permutation(static_cast<int64_t>(images.size()));
    jitter(images, &ImageDraws::brightness, 1.0 - c.jitter, 1.0 + c.jitter);
    jitter(images, &ImageDraws::contrast, 1.0 - c.jitter, 1.0 + c.jitter);
    jitter(images, &ImageDraws::saturation, 1.0 - c.jitter, 1.0 + c.jitter);
    jitter(images, &ImageDraws::hue, -c.hue_range, c.hue_range);
    per_view(images, &ImageDraws::grey);
    per_view(images, &ImageDraws::blur);
    for (ImageDraws& d : images) d.hflip = np.random();
    for (ImageDraws& d : images) d.vflip = np.random();
    for (ImageDraws& d : images) d.crop_scale = np.uniform(c.min_scale, 1.0);
    for (ImageDraws& d : images) {
      d.crop_row = np.random();
      d.crop_col = np.random();
    }
    return permutation;
  }

  NumpyRandom np;
  PythonRandom py;
};

}  // namespace

AugmentConfig parse_transforms(std::string_view list) {
  AugmentConfig config;
  each_switch([&](const Switch& s) { config.*s.flag = false; });
  BS_CHECK(!trimmed(list).empty(), "transforms: the list is empty; write none to switch all off");
  std::string unknown;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view name = trimmed(list.substr(begin, end - begin));
    if (!switch_on(config, name)) unknown += (unknown.empty() ? "'" : ", '") + std::string(name) + "'";
    begin = end + 1;
  }
  if (!unknown.empty()) {
    std::string known;
    each_switch([&](const Switch& s) { known += std::string(s.name) + ", "; });
    fail_at(__FILE__, __LINE__, "transforms: unknown name ", unknown, "; known are ", known,
            "and the presets all, colour-only, geometry-only, none");
  }
  return config;
}

std::string transform_names(const AugmentConfig& config) {
  std::string names;
  each_switch([&](const Switch& s) {
    if (config.*s.flag) names += (names.empty() ? "" : ",") + std::string(s.name);
  });
  return names.empty() ? "none" : names;
}

EpochPlan::EpochPlan(const AugmentConfig& config, uint64_t seed, int64_t images, int64_t epoch) : config_(config) {
  check(config);
  BS_CHECK(images >= 0, "EpochPlan: the number of images must not be negative, got ", images);
  BS_CHECK(epoch >= 0, "EpochPlan: epoch must not be negative, got ", epoch);
  BS_CHECK(seed <= std::numeric_limits<uint32_t>::max(), "EpochPlan: seed must fit 32 bits, got ", seed);
  const auto seed32 = static_cast<uint32_t>(seed);
  Streams streams(seed32);
  draws_.resize(static_cast<size_t>(images));
  streams.draw(config_, draws_);
  for (int64_t e = 0; e <= epoch; ++e) {
    permutation_ = streams.draw(config_, draws_);
    // randint(1) draws nothing; the authors' program cannot run with seed 0, which here behaves as 1.
    for (uint32_t& kmeans_seed : kmeans_seed_) kmeans_seed = streams.np.randint(std::max(seed32, 1u));
  }
}

uint32_t EpochPlan::kmeans_seed(int view) const {
  BS_CHECK(view == 0 || view == 1, "EpochPlan: view must be 0 or 1, got ", view);
  return kmeans_seed_[static_cast<size_t>(view)];
}

const ImageDraws& EpochPlan::draws(int64_t image) const {
  BS_CHECK(image >= 0 && image < size(), "EpochPlan: image must lie in [0, ", size(), "), got ", image);
  return draws_[static_cast<size_t>(image)];
}

AugmentParams EpochPlan::params(int64_t image, int view, int64_t side) const {
  BS_CHECK(view == 0 || view == 1, "EpochPlan: view must be 0 or 1, got ", view);
  const ImageDraws& d = draws(image);
  const size_t v = static_cast<size_t>(view);
  AugmentParams p;
  const auto jitter = [&](bool enabled, const ImageDraws::Jitter& j, bool& flag, float& factor) {
    flag = enabled && j.probability < config_.jitter_probability;
    if (flag) factor = static_cast<float>(j.value);
  };
  jitter(config_.brightness, d.brightness[v], p.brightness, p.brightness_factor);
  jitter(config_.contrast, d.contrast[v], p.contrast, p.contrast_factor);
  jitter(config_.saturation, d.saturation[v], p.saturation, p.saturation_factor);
  p.hue = config_.hue && d.hue[v].probability < config_.jitter_probability;
  if (p.hue) p.hue_shift = static_cast<int32_t>(255.0 * d.hue[v].value);
  p.grey = config_.grey && !config_.compat_grey_off && d.grey[v] < config_.grey_probability;
  p.blur = config_.blur && d.blur[v] < config_.blur_probability;
  // The authors' formula, which reuses the decision number and mostly turns out negative; only its square matters.
  if (p.blur) p.blur_radius = static_cast<float>((d.blur[v] - 0.5) * 3.8 + 0.1);
  if (view == 0 && config_.crop) p.shape = AugmentParams::Shape::window;
  const auto whole = static_cast<int32_t>(side);
  p.window = view == 0 ? window(image, side) : CropWindow{.height = whole, .width = whole};
  return p;
}

CropWindow EpochPlan::window(int64_t image, int64_t side) const {
  BS_CHECK(side > 0 && side <= std::numeric_limits<int32_t>::max(),
           "EpochPlan: the side of a map must be positive and fit 32 bits, got ", side);
  const ImageDraws& d = draws(image);
  const auto whole = static_cast<int32_t>(side);
  CropWindow w{.height = whole, .width = whole};
  if (config_.crop) {
    // A map of few cells keeps at least one. rint rounds half to even, as Python does.
    w.height = w.width = std::max(1, static_cast<int32_t>(d.crop_scale * static_cast<double>(side)));
    w.row = static_cast<int32_t>(std::rint((whole - w.height) * d.crop_row));
    w.col = static_cast<int32_t>(std::rint((whole - w.width) * d.crop_col));
  }
  w.flip_horizontal = config_.hflip && d.hflip < config_.flip_probability;
  w.flip_vertical = config_.vflip && d.vflip < config_.flip_probability;
  return w;
}

}  // namespace bareseg
