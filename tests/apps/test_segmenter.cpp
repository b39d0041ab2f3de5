#include "apps/segmenter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/safetensors.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

// The tiny segmenter, with a bias and features as they are in its first classifier.
Segmenter with_bias() {
  Segmenter s = tiny_segmenter();
  s.classifiers[0].bias = random_normal({kTinyClusters}, Random(5, Draws::test));
  s.classifiers[0].unit = false;
  return s;
}

TEST(ClassScores, AreAnInnerProductWithABias) {
  const Segmenter s = with_bias();
  const Tensor x = random_normal({2, 3, 1, s.network->features()}, Random(6, Draws::test));
  for (const Classifier& c : s.classifiers) {
    const Tensor scores = class_scores(x, c);
    ASSERT_EQ(scores.shape(), (Shape{2, 3, 1, c.size()}));
    const int64_t d = x.dim(3);
    const float *f = x.data<float>(), *w = c.weight.data<float>();
    for (int64_t p = 0; p < 6; ++p) {
      double square = 0.0;
      for (int64_t j = 0; j < d; ++j) square += double(f[p * d + j]) * f[p * d + j];
      for (int64_t k = 0; k < c.size(); ++k) {
        double z = 0.0;
        for (int64_t j = 0; j < d; ++j) z += double(w[k * d + j]) * f[p * d + j];
        if (c.unit) z /= std::sqrt(square);
        if (c.bias.defined()) z += c.bias.data<float>()[k];
        EXPECT_NEAR(scores.data<float>()[p * c.size() + k], z, 1e-5) << p << ", " << k;
      }
    }
  }
}

TEST(Checkpoint, KeepsClassifiersAsTheyAre) {
  const TemporaryFolder root;
  const Segmenter s = with_bias();
  save_segmenter(root / "s.safetensors", s, {.tensors = {}, .metadata = {{"epoch", "3"}}});
  CheckpointExtra extra;
  const Segmenter read = load_segmenter(root / "s.safetensors", {}, &extra);
  EXPECT_EQ(read.design.architecture, "resnet-fpn");
  EXPECT_EQ(read.design.depth, 18);
  ASSERT_EQ(read.classifiers.size(), 2u);
  EXPECT_FALSE(read.classifiers[0].unit);
  EXPECT_TRUE(read.classifiers[1].unit);
  EXPECT_FALSE(read.classifiers[1].bias.defined());
  EXPECT_EQ(read.classifiers[0].bias.to_vector<float>(), s.classifiers[0].bias.to_vector<float>());
  for (const size_t i : {0, 1}) {
    EXPECT_EQ(read.classifiers[i].weight.to_vector<float>(), s.classifiers[i].weight.to_vector<float>());
  }
  EXPECT_TRUE(extra.tensors.empty());
  EXPECT_EQ(extra.metadata["epoch"], "3");
}

// Files from before networks and classifiers were of several kinds say nothing about either.
TEST(Checkpoint, WithoutKindsIsAResNetFpnOnUnitFeatures) {
  const TemporaryFolder root;
  const Segmenter s = tiny_segmenter();
  save_segmenter(root / "s.safetensors", s);
  SafetensorsFile file = read_safetensors(root / "s.safetensors");
  for (const char* key : {"architecture", "classifier1.features", "classifier2.features"}) {
    EXPECT_EQ(file.metadata.erase(key), 1u) << key;
  }
  write_safetensors(root / "old.safetensors", file.tensors, file.metadata);
  const Segmenter read = load_segmenter(root / "old.safetensors", {});
  ASSERT_EQ(read.classifiers.size(), 2u);
  EXPECT_TRUE(read.classifiers[0].unit);
  EXPECT_EQ(read.classifiers[0].weight.to_vector<float>(), s.classifiers[0].weight.to_vector<float>());
}

TEST(Checkpoint, ThatDoesNotFitIsRefused) {
  const TemporaryFolder root;
  save_segmenter(root / "s.safetensors", with_bias());
  const auto with = [&](const auto& change) {
    SafetensorsFile file = read_safetensors(root / "s.safetensors");
    change(file);
    write_safetensors(root / "bad.safetensors", file.tensors, file.metadata);
    return [&] { load_segmenter(root / "bad.safetensors", {}); };
  };
  const auto put = [](const char* name, const Tensor& value) {
    return [=](SafetensorsFile& file) {
      for (NamedTensor& t : file.tensors) {
        if (t.name == name) t.tensor = value;
      }
    };
  };
  EXPECT_TRUE(refuses(with([](auto& f) { f.metadata["architecture"] = "sponge"; }), {"bad.safetensors", "'sponge'"}));
  EXPECT_TRUE(refuses(with([](auto& f) { f.metadata["classifier1.features"] = "half"; }), {"unit or raw", "'half'"}));
  EXPECT_TRUE(refuses(with([](auto& f) { f.metadata.erase("depth"); }), {"'depth' is missing"}));
  EXPECT_TRUE(refuses(with([](auto& f) { f.metadata.erase("method"); }), {"not a checkpoint"}));
  EXPECT_TRUE(refuses(with(put("classifier1.bias", Tensor::zeros({4}))), {"classifier1.bias", "[5]", "[4]"}));
  EXPECT_TRUE(refuses(with(put("classifier2.weight", Tensor::zeros({7, 9}))), {"classifier2.weight", "128", "[7, 9]"}));
  EXPECT_TRUE(
      refuses(with(put("classifier1.weight", Tensor::zeros({5, 128}, kInt32))), {"classifier1.weight", "int32"}));
}

}  // namespace
}  // namespace bareseg
