#include "apps/inference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

using Probabilities = std::vector<double>;

Image mirrored(Image image) {
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width / 2; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        std::swap(image.rgb[size_t((y * image.width + x) * 3 + c)],
                  image.rgb[size_t((y * image.width + image.width - 1 - x) * 3 + c)]);
      }
    }
  }
  return image;
}

ClusterMap mirrored(ClusterMap map) {
  for (int64_t y = 0; y < map.height; ++y) {
    std::reverse(map.clusters.begin() + y * map.width, map.clusters.begin() + (y + 1) * map.width);
  }
  return map;
}

// Pairs of neighbours in a row that differ.
int64_t borders(const ClusterMap& map) {
  int64_t count = 0;
  for (int64_t i = 0; i + 1 < std::ssize(map.clusters); ++i) {
    count += (i + 1) % map.width != 0 && map.clusters[size_t(i)] != map.clusters[size_t(i + 1)];
  }
  return count;
}

class Inference : public testing::Test {
 protected:
  ClusterMap predict(const Image& image, const InferenceOptions& how, int64_t res = 32) const {
    return predict_clusters(segmenter_, 0, image, res, kFloat32, how);
  }
  std::vector<VersionFeatures> features(const Image& image, ImageSize size, const InferenceOptions& how) const {
    return version_features(*segmenter_.network, image, size, how, kFloat32);
  }
  Segmenter segmenter_ = tiny_segmenter();
};

TEST_F(Inference, OneVersionIsThePlainPrediction) {
  const Image image = drawn_picture(50, 34);
  const ClusterMap plain = predict(image, {});
  EXPECT_EQ(predict(image, {.tta = "scales", .tta_scales = "1"}).clusters, plain.clusters);
  InferenceOptions idle = {.crf = true};
  idle.crf_options.smooth_weight = idle.crf_options.colour_weight = 0.0f;
  EXPECT_EQ(predict(image, idle).clusters, plain.clusters);
}

TEST_F(Inference, MeanOfTheVersionsProbabilities) {
  const Image image = drawn_picture(32, 32);
  const InferenceOptions how = {.tta = "flip,scales", .tta_scales = "0.5,1", .temperature = 0.2};
  const auto versions = features(image, {32, 32}, how);
  ASSERT_EQ(versions.size(), 4u);
  EXPECT_EQ(versions[0].map.dim(2), 4) << "half of 32, four pixels a cell";
  EXPECT_EQ(versions[2].map.dim(2), 8);
  EXPECT_TRUE(versions[1].flipped && !versions[2].flipped);

  const Classifier& classifier = segmenter_.classifiers[0];
  const auto k = size_t(classifier.size());
  Probabilities mean(32 * 32 * k);
  const NoGrad no_grad;
  for (const VersionFeatures& v : versions) {
    const std::vector<float> scores = resize_bilinear(class_scores(v.map, classifier), 32, 32).to_vector<float>();
    for (size_t pixel = 0; pixel < 32 * 32; ++pixel) {
      const size_t x = pixel % 32, from = v.flipped ? pixel - x + 31 - x : pixel;
      double sum = 0.0;
      for (size_t c = 0; c < k; ++c) sum += std::exp(scores[from * k + c] / 0.2);
      for (size_t c = 0; c < k; ++c) mean[pixel * k + c] += std::exp(scores[from * k + c] / 0.2) / sum / 4.0;
    }
  }
  const ClusterMap map = label_pixels(versions, classifier, image, {32, 32}, how);
  for (size_t pixel = 0; pixel < 32 * 32; ++pixel) {
    const auto first = mean.begin() + std::ptrdiff_t(pixel * k);
    // The chosen cluster is the most probable, but for ties in single precision.
    EXPECT_NEAR(first[map.clusters[pixel]], *std::max_element(first, first + std::ptrdiff_t(k)), 1e-6) << pixel;
  }
}

TEST_F(Inference, WithFlipsLeftAndRightAreAlike) {
  const Image image = drawn_picture(32, 32);
  const InferenceOptions how = {.tta = "flip"};
  const ImageSize cells = {8, 8};  // those of the features: nothing is interpolated
  const auto label = [&](const Image& of) {
    return label_pixels(features(of, {32, 32}, how), segmenter_.classifiers[0], of, cells, how);
  };
  EXPECT_EQ(label(mirrored(image)).clusters, mirrored(label(image)).clusters);
}

TEST_F(Inference, TheCrfSmooths) {
  const Image image = drawn_picture(48, 40);
  const ClusterMap plain = predict(image, {});
  const ClusterMap smooth = predict(image, {.crf = true});
  EXPECT_GT(borders(plain), 0);
  EXPECT_LT(borders(smooth), borders(plain));
  EXPECT_EQ(smooth.width, 48);
  const ClusterMap small = predict_clusters(segmenter_, 0, image, 32, kFloat32, {.crf = true}, 24 * 20 * kTinyClusters);
  EXPECT_EQ(small.width, 48) << "with little memory too";
  EXPECT_EQ(small.clusters[0], small.clusters[1]);
}

TEST_F(Inference, RefusesWhatItCannotRead) {
  const Image image = drawn_picture(8, 8);
  EXPECT_TRUE(refuses([&] { predict(image, {.tta = "flop"}); }, {"--tta", "flop"}));
  for (const char* scales : {"", "1,x", "0", "-1", "11", "1e-3", "nan"}) {
    EXPECT_TRUE(refuses([&] { predict(image, {.tta = "scales", .tta_scales = scales}); }, {"--tta-scales"})) << scales;
  }
}

}  // namespace
}  // namespace bareseg
