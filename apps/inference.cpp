#include "apps/inference.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "data/picture.h"
#include "engine/augment.h"
#include "engine/ops.h"

namespace bareseg {
namespace {

constexpr double kMaxSquares = 16.0;         // pixels in the network, in squares of side res
constexpr double kCosineTemperature = 0.07;  // cosines differ by tenths where logits differ by units

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

struct Version {
  double scale;
  bool flipped;
};

std::vector<Version> versions_of(const InferenceOptions& how) {
  bool flip = false;
  std::vector<double> scales = {1.0};
  for (const std::string& word : words(how.tta)) {
    BS_CHECK(word == "flip" || word == "scales", "--tta: expected flip, scales or both, comma-separated, got '",
             how.tta, "'");
    flip = flip || word == "flip";
    if (word != "scales") continue;
    scales.clear();
    for (const std::string& number : words(how.tta_scales)) {
      double scale = 0.0;
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), scale);
      BS_CHECK(error == std::errc{} && end == number.data() + number.size() && scale >= 0.1 && scale <= 10.0,
               "--tta-scales: expected numbers from 0.1 to 10, comma-separated, got '", how.tta_scales, "'");
      scales.push_back(scale);
    }
    BS_CHECK(!scales.empty(), "--tta-scales: expected at least one number");
  }
  std::vector<Version> versions;
  for (const double scale : scales) {
    versions.push_back({scale, false});
    if (flip) versions.push_back({scale, true});
  }
  return versions;
}

// Rows of `width` cells of `channels` values, each row reversed.
template <typename T>
void mirror(T* values, int64_t rows, int64_t width, int64_t channels) {
  for (int64_t y = 0; y < rows; ++y, values += width * channels) {
    for (int64_t left = 0, right = width - 1; left < right; ++left, --right) {
      std::swap_ranges(values + left * channels, values + (left + 1) * channels, values + right * channels);
    }
  }
}

ImageSize scaled(ImageSize size, double factor) {
  const auto side = [factor](int64_t x) { return std::max<int64_t>(1, static_cast<int64_t>(factor * double(x))); };
  return {side(size.width), side(size.height)};
}

// Adds the softmax of scores / temperature, for rows of `classes`.
void add_softmax(const Tensor& scores, double temperature, Tensor& sum) {
  const int64_t classes = sum.dim(-1), rows = sum.count() / classes;
  const auto scale = static_cast<float>(1.0 / temperature);
#pragma omp parallel for
  for (int64_t r = 0; r < rows; ++r) {
    const float* x = scores.data<float>() + r * classes;
    float* out = sum.data<float>() + r * classes;
    const float most = *std::max_element(x, x + classes);
    float total = 0.0f;
    for (int64_t c = 0; c < classes; ++c) total += std::exp((x[c] - most) * scale);
    for (int64_t c = 0; c < classes; ++c) out[c] += std::exp((x[c] - most) * scale) / total;
  }
}

// float32 [height, width, K] on the host.
Tensor mean_probabilities(const std::vector<VersionFeatures>& features, const Classifier& classifier, ImageSize size,
                          double temperature) {
  Tensor sum = Tensor::zeros({size.height, size.width, classifier.size()}, kFloat32);
  for (const VersionFeatures& version : features) {
    Tensor scores = class_scores(version.map, classifier).to({});
    if (version.flipped) mirror(scores.data<float>(), scores.dim(1), scores.dim(2), scores.dim(3));
    add_softmax(resize_bilinear(scores, size.height, size.width), temperature, sum);
  }
  float* values = sum.data<float>();
  for (int64_t i = 0; i < sum.count(); ++i) values[i] /= static_cast<float>(features.size());
  return sum;
}

ClusterMap most_probable(const Tensor& probabilities) {
  ClusterMap map{probabilities.dim(1), probabilities.dim(0), {}};
  const int64_t classes = probabilities.dim(2);
  for (int64_t i = 0; i < map.width * map.height; ++i) {
    const float* first = probabilities.data<float>() + i * classes;
    map.clusters.push_back(static_cast<int32_t>(std::max_element(first, first + classes) - first));
  }
  return map;
}

// Each pixel takes the cluster of the pixel of `map` that its centre falls into.
ClusterMap enlarged(const ClusterMap& map, ImageSize size) {
  ClusterMap out{size.width, size.height, std::vector<int32_t>(static_cast<size_t>(size.width * size.height))};
  for (int64_t y = 0; y < size.height; ++y) {
    const int32_t* in = map.clusters.data() + (2 * y + 1) * map.height / (2 * size.height) * map.width;
    int32_t* row = out.clusters.data() + y * size.width;
    for (int64_t x = 0; x < size.width; ++x) row[x] = in[(2 * x + 1) * map.width / (2 * size.width)];
  }
  return out;
}

}  // namespace

void InferenceOptions::declare(CLI::App& app) {
  const auto add = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str()->group("Inference");
  };
  add("--tta", tta, "average over versions of each image: flip, scales, or both, comma-separated");
  add("--tta-scales", tta_scales, "sizes of the versions, of the network's usual one");
  add("--temperature", temperature,
      "of the softmax that averages and CRF start from; 0: 1 for logits, 0.07 for cosines")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--crf", crf, "let label maps follow the edges of the image: a fully connected CRF")->group("Inference");
  DenseCrfOptions& o = crf_options;
  add("--crf-iterations", o.iterations, "steps of its mean field")->check(CLI::Range(1, 1000));
  add("--crf-smooth-weight", o.smooth_weight, "cost of unlike labels near each other")->check(CLI::Range(0.0f, 1e4f));
  add("--crf-smooth-xy", o.smooth_xy, "how near, in pixels of the label map")->check(CLI::Range(0.1f, 1e4f));
  add("--crf-colour-weight", o.colour_weight, "cost of unlike labels of like colours")->check(CLI::Range(0.0f, 1e4f));
  add("--crf-colour-xy", o.colour_xy, "how near, in pixels of the label map")->check(CLI::Range(0.1f, 1e4f));
  add("--crf-colour-rgb", o.colour_rgb, "how like, of 255")->check(CLI::Range(0.1f, 1e4f));
}

ImageSize network_size(ImageSize image, int64_t res) {
  BS_CHECK(image.width > 0 && image.height > 0, "predict: the image must not be empty, got ", image.width, "x",
           image.height);
  BS_CHECK(res > 0, "predict: the short side must be positive, got ", res);
  const int64_t shorter = std::min(image.width, image.height);
  ImageSize size{res * image.width / shorter, res * image.height / shorter};
  const double most = kMaxSquares * double(res) * double(res), pixels = double(size.width) * double(size.height);
  if (pixels <= most) return size;
  size = scaled(size, std::sqrt(most / pixels));
  const auto longest = static_cast<int64_t>(most);  // binds where the short side is one pixel
  return {std::min(size.width, longest), std::min(size.height, longest)};
}

Tensor network_input(const Image& image, Device device, DType dtype) {
  const Tensor pixels = Tensor::from(image.rgb, {1, image.height, image.width, 3}).to(device);
  return normalize_images(pixels, dtype, backend(device).image_channels());
}

std::vector<int32_t> label_numbers(const Tensor& labels) {
  if (labels.dtype() == kInt32) return labels.to_vector<int32_t>();
  const std::vector<uint8_t> bytes = labels.to_vector<uint8_t>();
  return {bytes.begin(), bytes.end()};
}

std::vector<VersionFeatures> version_features(SegmentationNetwork& network, const Image& image, ImageSize size,
                                              const InferenceOptions& how, DType dtype) {
  const NoGrad no_grad;
  const ModeGuard mode(network, false);
  std::vector<VersionFeatures> features;
  for (const Version& version : versions_of(how)) {
    Image seen = resized(image, scaled(size, version.scale));
    if (version.flipped) mirror(seen.rgb.data(), seen.height, seen.width, 3);
    const Tensor x = network_input(seen, network.device(), dtype);
    features.push_back({network.forward(x), version.flipped});
  }
  return features;
}

ClusterMap label_pixels(const std::vector<VersionFeatures>& features, const Classifier& classifier, const Image& image,
                        ImageSize whole, const InferenceOptions& how, int64_t max_scores) {
  const NoGrad no_grad;
  const double scores = double(whole.width) * double(whole.height) * double(classifier.size());
  const double fit = std::sqrt(static_cast<double>(max_scores) / scores);
  const ImageSize size = fit < 1.0 ? scaled(whole, fit) : whole;
  ClusterMap map{size.width, size.height, {}};
  if (how.plain()) {
    map.clusters = label_numbers(segment(features.at(0).map, classifier, size.height, size.width));
  } else {
    const double usual = classifier.unit ? kCosineTemperature : 1.0;
    Tensor p = mean_probabilities(features, classifier, size, how.temperature > 0 ? how.temperature : usual);
    if (how.crf)
      p = dense_crf(Tensor::from(resized(image, size).rgb, {size.height, size.width, 3}), p, how.crf_options);
    map = most_probable(p);
  }
  return size == whole ? map : enlarged(map, whole);
}

ClusterMap predict_clusters(const Segmenter& segmenter, int64_t classifier, const Image& image, int64_t res,
                            DType dtype, const InferenceOptions& how, int64_t max_scores) {
  const auto classifiers = static_cast<int64_t>(segmenter.classifiers.size());
  BS_CHECK(classifier >= 0 && classifier < classifiers, "--classifier: the checkpoint has ", classifiers,
           ", numbered from 0, got ", classifier);
  const ImageSize whole{image.width, image.height};
  const auto features = version_features(*segmenter.network, image, network_size(whole, res), how, dtype);
  return label_pixels(features, segmenter.classifiers[static_cast<size_t>(classifier)], image, whole, how, max_scores);
}

}  // namespace bareseg
