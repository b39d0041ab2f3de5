#include "apps/info.h"

#include <gtest/gtest.h>

#include "engine/safetensors.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

std::string info_of(const std::filesystem::path& file, bool tensors = false) {
  InfoOptions options;
  options.checkpoint = file.string();
  options.tensors = tensors;
  testing::internal::CaptureStdout();
  int code = -1;
  try {
    code = info(options);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  EXPECT_EQ(code, 0);
  return testing::internal::GetCapturedStdout();
}

testing::AssertionResult says(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (text.find(part) == std::string::npos) {
      return testing::AssertionFailure() << "no '" << part << "' in:\n" << text;
    }
  }
  return testing::AssertionSuccess();
}

TEST(Info, TellsWhatACheckpointIs) {
  const TemporaryFolder root;
  Segmenter s = tiny_segmenter();
  s.classifiers[1].unit = false;
  save_segmenter(root / "tiny.safetensors", s,
                 {.tensors = {{"optimizer.0.exp_avg", Tensor::zeros({3})}},
                  .metadata = {{"epoch", "4"}, {"best_miou", "0x1.ep+3"}, {"note", "first\nsecond"}}});
  const std::string text = info_of(root / "tiny.safetensors", true);
  int64_t parameters = 0;
  for (const Tensor& p : s.network->parameters()) parameters += p.count();
  EXPECT_TRUE(says(text, {"safetensors", "picie\n", "ResNet-18-FPN", "5 clusters of 128 features",
                          "7 clusters of 128 features, taken as they are", "resolution", "32\n", "epochs done", "4\n",
                          "best mIoU", "15\n", "first ...\n", "stone wall", "1 4\n", "(none)", "optimizer",
                          concat("parameters   ", parameters, '\n'), "model.backbone.conv1.weight", "[64, 3, 7, 7]"}));
  EXPECT_EQ(info_of(root / "tiny.safetensors").find("conv1"), std::string::npos);
}

TEST(Info, ReadsPlainWeights) {
  const TemporaryFolder root;
  write_safetensors(root / "w.safetensors", {{"fc.weight", Tensor::zeros({3, 5})},
                                             {"bn.running_mean", Tensor::zeros({7})},
                                             {"bn.num_batches_tracked", Tensor::zeros({}, kInt64)}});
  EXPECT_TRUE(says(info_of(root / "w.safetensors"), {"parameters  15\n", "fc", "bn"}));
}

TEST(Info, RefusesOtherFiles) {
  const TemporaryFolder root;
  put_file(root / "text", "no weights at all");
  EXPECT_TRUE(refuses([&] { info_of(root / "text"); }, {"text"}));
  EXPECT_TRUE(refuses([&] { info_of(root / "missing"); }, {"missing"}));
}

}  // namespace
}  // namespace bareseg
