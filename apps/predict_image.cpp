// One image through the network.
#include <algorithm>
#include <cmath>

#include "apps/predict.h"
#include "data/picture.h"
#include "engine/augment_params.h"
#include "engine/ops.h"

namespace bareseg {
namespace {

constexpr double kMaxSquares = 16.0;  // pixels in the network, in squares of side res

ImageSize scaled(ImageSize size, double factor) {
  const auto side = [factor](int64_t x) { return std::max<int64_t>(1, static_cast<int64_t>(factor * double(x))); };
  return {side(size.width), side(size.height)};
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

std::vector<int32_t> label_numbers(const Tensor& labels) {
  if (labels.dtype() == kInt32) return labels.to_vector<int32_t>();
  const std::vector<uint8_t> bytes = labels.to_vector<uint8_t>();
  return {bytes.begin(), bytes.end()};
}

Tensor normalised(const Image& image) {
  Tensor x = Tensor::empty({1, image.height, image.width, 3});
  float table[3][256];
  for (int channel = 0; channel < 3; ++channel) {
    for (int v = 0; v < 256; ++v) {
      table[channel][v] = (static_cast<float>(v) / 255.0f - kImageMean[channel]) / kImageStd[channel];
    }
  }
  float* out = x.data<float>();
  for (size_t i = 0; i < image.rgb.size(); ++i) out[i] = table[i % 3][image.rgb[i]];
  return x;
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

ClusterMap predict_clusters(const Segmenter& segmenter, int64_t classifier, const Image& image, int64_t res,
                            DType dtype, int64_t max_scores) {
  const auto classifiers = static_cast<int64_t>(segmenter.classifiers.size());
  BS_CHECK(classifier >= 0 && classifier < classifiers, "--classifier: the checkpoint has ", classifiers,
           ", numbered from 0, got ", classifier);
  const ImageSize whole{image.width, image.height};
  const Image seen = resized(image, network_size(whole, res));
  const NoGrad no_grad;
  const ModeGuard mode(*segmenter.network, false);
  const Classifier& scorer = segmenter.classifiers[static_cast<size_t>(classifier)];
  const Tensor x = cast(normalised(seen).to(segmenter.network->device()), dtype);
  const Tensor features = segmenter.network->forward(x);

  const double scores = double(whole.width) * double(whole.height) * double(scorer.size());
  const double fit = std::sqrt(static_cast<double>(max_scores) / scores);
  const ImageSize size = fit < 1.0 ? scaled(whole, fit) : whole;
  ClusterMap map{size.width, size.height, label_numbers(segment(features, scorer, size.height, size.width))};
  return size == whole ? map : enlarged(map, whole);
}

}  // namespace bareseg
