#include "apps/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "apps/authors_checkpoint.h"
#include "apps/initial_weights.h"
#include "engine/file.h"
#include "engine/npy.h"
#include "engine/torch_writer.h"
#include "layers/fpn.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"
#include "tests/process.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;

void converts(const fs::path& input, const fs::path& output, const std::string& layout = "plain",
              const std::string& only = "", const std::string& centroids = "") {
  ConvertOptions o;
  o.input = input.string();
  o.output = output.string();
  o.layout = layout;
  o.only = only;
  o.centroids = centroids;
  EXPECT_EQ(convert(o), 0);
}

testing::AssertionResult same(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) {
    return testing::AssertionFailure() << a.dtype() << a.shape() << " and " << b.dtype() << b.shape();
  }
  if (a.count() > 0 && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) != 0) {
    return testing::AssertionFailure() << "other values";
  }
  return testing::AssertionSuccess();
}

const Tensor& tensor_of(const NamedTensors& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
  BS_CHECK(found != tensors.end(), "no tensor ", name);
  return found->tensor;
}

// Every tensor of the network and its classifiers.
testing::AssertionResult same_model(const SafetensorsFile& a, const SafetensorsFile& b) {
  int compared = 0;
  for (const NamedTensor& t : a.tensors) {
    if (!t.name.starts_with("model.") && !t.name.starts_with("classifier")) continue;
    const auto equal = same(t.tensor, tensor_of(b.tensors, t.name));
    if (!equal) return testing::AssertionFailure() << t.name << ": " << equal.message();
    ++compared;
  }
  return compared > 100 ? testing::AssertionSuccess() : testing::AssertionFailure() << compared << " tensors";
}

class Convert : public testing::Test {
 protected:
  // A checkpoint with a bias and Adam's state of the first two parameters; every number in it differs.
  void SetUp() override {
    segmenter_ = tiny_segmenter();
    segmenter_.classifiers[1].bias = random_normal({7}, Random(8, Draws::test));
    const auto state = [](const Shape& shape, uint64_t seed) {
      return random_normal(shape, Random(seed, Draws::test));
    };
    save_segmenter(ours_, segmenter_,
                   {.tensors = {{"optimizer.0.exp_avg", state({64, 7, 7, 3}, 1)},
                                {"optimizer.0.exp_avg_sq", state({64, 7, 7, 3}, 2)},
                                {"optimizer.1.exp_avg", state({64}, 3)},
                                {"optimizer.1.exp_avg_sq", state({64}, 4)},
                                {"optimizer.step", Tensor::from<int64_t>({12}, Shape{})}},
                    .metadata = {{"epoch", "4"}, {"lr", "0x1p-10"}, {"note", "gr\xc3\xbcn"}}});
  }

  const TemporaryFolder root_;
  const fs::path ours_ = root_ / "ours.safetensors";
  Segmenter segmenter_;
};

TEST_F(Convert, ACheckpointGoesToPthAndComesBackTheSame) {
  converts(ours_, root_ / "ours.pth");
  converts(root_ / "ours.pth", root_ / "back.safetensors");
  EXPECT_TRUE(bytes_of(ours_) == bytes_of(root_ / "back.safetensors"));
}

TEST_F(Convert, TheAuthorsLayoutHasEverythingInItsPlace) {
  converts(ours_, root_ / "theirs.pth.tar", "picie");
  const TorchValue file = load_torch_file(root_ / "theirs.pth.tar");
  EXPECT_EQ(file.find("epoch")->integer(), 4);
  const NamedTensors network = tensors_of(*file.find("state_dict"));
  EXPECT_EQ(network.size(), 128u);  // of a ResNet-18, section 4
  EXPECT_EQ(tensor_of(network, "module.backbone.conv1.weight").shape(), (Shape{64, 3, 7, 7}));
  const NamedTensors first = tensors_of(*file.find("classifier1_state_dict"));
  EXPECT_TRUE(same(tensor_of(first, "module.weight").view({5, 128}), segmenter_.classifiers[0].weight));
  EXPECT_TRUE(same(tensor_of(first, "module.bias"), Tensor::zeros({5})));
  const NamedTensors second = tensors_of(*file.find("classifier2_state_dict"));
  EXPECT_TRUE(same(tensor_of(second, "module.bias"), segmenter_.classifiers[1].bias));
  const TorchValue adam = *file.find("optimizer");
  EXPECT_EQ(adam.find("param_groups")->at(0).find("lr")->real(), 0x1p-10);
  EXPECT_EQ(adam.find("param_groups")->at(0).find("params")->size(), 68u);  // 20 convolutions, 20 norms, 4 laterals
  ASSERT_EQ(adam.find("state")->size(), 2u);
  const TorchValue state = adam.find("state")->at(0);
  EXPECT_EQ(state.find("step")->integer(), 12);
  const Tensor mean = random_normal({64, 7, 7, 3}, Random(1, Draws::test));
  EXPECT_TRUE(same(state.find("exp_avg")->tensor(), ohwi_to_oihw(mean)));

  converts(root_ / "theirs.pth.tar", root_ / "back.safetensors");
  const SafetensorsFile back = read_safetensors(root_ / "back.safetensors");
  EXPECT_TRUE(same_model(read_safetensors(ours_), back));
  EXPECT_EQ(back.metadata.at("epoch"), "4");
  EXPECT_EQ(load_segmenter(root_ / "back.safetensors", {}).method, "picie");
}

// What PyTorch's own modules and optimizer take and give back, in both containers.
TEST_F(Convert, TheAuthorsProgramWouldGoOnFromIt) {
  const auto python = python_with("torch");
  if (!python) GTEST_SKIP() << "no Python with torch";
  converts(ours_, root_ / "theirs.pth.tar", "picie");
  const Outcome outcome = run(*python + " " BARESEG_TESTS_DIR "/apps/authors_checkpoint.py " +
                              (root_ / "theirs.pth.tar").string() + " " + root_.path().string());
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("lr 0.0009765625 states 2 step 12"), std::string::npos) << outcome.output;
  for (const char* container : {"legacy", "zip"}) {
    converts(root_ / (std::string(container) + ".pth.tar"), root_ / "back.safetensors");
    EXPECT_TRUE(same_model(read_safetensors(ours_), read_safetensors(root_ / "back.safetensors"))) << container;
  }
}

TEST(AuthorsCheckpoint, IsReadFromBothContainers) {
  for (const char* container : {"legacy", "zip"}) {
    const TorchValue file =
        load_torch_file(fs::path(BARESEG_TESTS_DIR) / concat("golden/torch_files/authors.", container, ".pt"));
    ASSERT_TRUE(is_authors_checkpoint(file));
    const SafetensorsFile ours = from_authors_checkpoint(file);
    std::vector<std::string> names;
    for (const NamedTensor& t : ours.tensors) names.push_back(t.name);
    EXPECT_EQ(names, (std::vector<std::string>{"model.backbone.conv1.weight", "model.decoder.layer4.weight",
                                               "model.decoder.layer4.bias", "classifier1.weight", "classifier2.weight",
                                               "classifier2.bias"}));  // the first bias is zero
    EXPECT_EQ(tensor_of(ours.tensors, "classifier1.weight").shape(), (Shape{5, 6}));
    EXPECT_EQ(tensor_of(ours.tensors, "classifier2.bias").to_vector<float>()[4], 4.0f / 8 - 3 + 2);
    EXPECT_EQ(ours.metadata.at("method"), "picie");
    EXPECT_EQ(ours.metadata.at("epoch"), "7");
    EXPECT_EQ(ours.metadata.at("depth"), "18");
  }
}

TEST(AuthorsCheckpoint, WithoutItsNetworkIsRefused) {
  const TemporaryFolder root;
  TorchWriter w;
  w.begin_dict();
  for (const char* part : {"state_dict", "classifier1_state_dict"}) {
    w.text(part);
    w.begin_dict();
    w.text("module.weight");
    w.tensor(Tensor::zeros({5, 6, 1, 1}));
    w.text("module.bias");
    w.tensor(Tensor::zeros({5}));
    w.end();
  }
  w.end();
  w.save(root / "f.pth");
  EXPECT_TRUE(refuses([&] { converts(root / "f.pth", root / "out.safetensors"); }, {"f.pth", "missing", "conv1"}));
  EXPECT_FALSE(fs::exists(root / "out.safetensors"));
}

TEST_F(Convert, CentroidsGoToNumPyAndBack) {
  converts(ours_, root_ / "c.npy", "plain", "classifier1");
  const Tensor centroids = parse_npy(read_file(root_ / "c.npy"), "c.npy");
  EXPECT_TRUE(same(centroids, segmenter_.classifiers[0].weight));
  converts(ours_, root_ / "all.npz", "plain", "classifier");
  EXPECT_EQ(parse_npz(read_file(root_ / "all.npz"), "all.npz").size(), 3u);

  const Tensor others = random_normal({9, 128}, Random(9, Draws::test));
  write_npy(root_ / "others.npy", others);
  converts(ours_, root_ / "changed.safetensors", "plain", "", (root_ / "others.npy").string());
  const Segmenter changed = load_segmenter(root_ / "changed.safetensors", {});
  EXPECT_TRUE(same(changed.classifiers[0].weight, others));
  EXPECT_TRUE(same(changed.classifiers[1].bias, segmenter_.classifiers[1].bias));
  EXPECT_TRUE(changed.cluster_classes.empty());

  write_npz(root_ / "both.npz", {{"classifier2.weight", others}, {"classifier2.bias", Tensor::full({9}, 0.5)}});
  converts(ours_, root_ / "changed.safetensors", "plain", "", (root_ / "both.npz").string());
  const Segmenter both = load_segmenter(root_ / "changed.safetensors", {});
  EXPECT_TRUE(same(both.classifiers[0].weight, segmenter_.classifiers[0].weight));
  EXPECT_TRUE(same(both.classifiers[1].weight, others));
  EXPECT_TRUE(same(both.classifiers[1].bias, Tensor::full({9}, 0.5)));
  EXPECT_EQ(both.cluster_classes, segmenter_.cluster_classes);
}

TEST_F(Convert, WhatDoesNotFitIsRefusedAndLeavesNothing) {
  const fs::path out = root_ / "out.safetensors";
  put_file(out, "precious");
  write_npy(root_ / "narrow.npy", Tensor::zeros({5, 127}));
  write_npz(root_ / "other.npz", {{"weights", Tensor::zeros({5, 128})}});
  write_npy(root_ / "alone.npy", Tensor::zeros({5, 128}));
  put_file(root_ / "text", "no weights at all");
  const auto with = [&](const char* centroids) {
    return [=, this] { converts(ours_, root_ / "out.safetensors", "plain", "", (root_ / centroids).string()); };
  };
  EXPECT_TRUE(refuses(with("narrow.npy"), {"narrow.npy", "128", "[5, 127]"}));
  EXPECT_TRUE(refuses(with("other.npz"), {"other.npz", "classifier<i>.weight", "got weights"}));
  EXPECT_TRUE(refuses(with("text"), {"text", "not an .npy file"}));
  EXPECT_TRUE(refuses([&] { converts(root_ / "text", out); }, {"text", "not a safetensors file"}));
  EXPECT_TRUE(refuses([&] { converts(ours_, root_ / "out.docx"); }, {"out.docx", ".safetensors"}));
  EXPECT_TRUE(refuses([&] { converts(ours_, root_ / "out.npy"); }, {"out.npy", "one array", "--only"}));
  EXPECT_TRUE(refuses([&] { converts(ours_, root_ / "none/out.pth"); }, {"none/out.pth"}));
  EXPECT_TRUE(refuses([&] { converts(ours_, out, "picie"); }, {"--layout picie", "out.safetensors"}));
  EXPECT_TRUE(refuses([&] { converts(ours_, out, "plain", "nothing"); }, {"no tensor begins with --only nothing"}));
  EXPECT_TRUE(refuses([&] { converts(ours_, root_ / "out.pth", "picie", "model"); }, {"--only", "--layout picie"}));
  EXPECT_TRUE(refuses([&] { converts(root_ / "alone.npy", root_ / "out.pth", "picie"); }, {"alone.npy", "checkpoint"}));
  EXPECT_EQ(bytes_of(out).size(), 8u);
  for (const auto& entry : fs::directory_iterator(root_.path())) {
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
    EXPECT_TRUE(entry.path().stem() != "out" || entry.path() == out) << entry.path();
  }
}

// As torchvision's files have it: a classifier besides, and, in the oldest, no count of batches.
TEST_F(Convert, PretrainedBackbonesLoad) {
  ResNetFpn source({.depth = 18}, {.seed = 3}), target({.depth = 18}, {.seed = 4});
  NamedTensors weights = to_disk(source.backbone().state());
  std::erase_if(weights, [](const NamedTensor& t) { return t.name.ends_with("num_batches_tracked"); });
  weights.push_back({"fc.weight", Tensor::zeros({1000, 512})});
  write_safetensors(root_ / "backbone.safetensors", weights);
  converts(root_ / "backbone.safetensors", root_ / "resnet18.pth");
  load_initial_weights(target, (root_ / "resnet18.pth").string());
  const NamedTensors loaded = to_disk(target.backbone().state());
  for (const NamedTensor& t : weights) {
    if (t.name == "fc.weight") continue;
    EXPECT_TRUE(same(tensor_of(loaded, t.name), t.tensor)) << t.name;
  }
  std::erase_if(weights, [](const NamedTensor& t) { return t.name == "layer4.1.conv2.weight"; });
  write_safetensors(root_ / "cut.safetensors", weights);
  EXPECT_TRUE(refuses([&] { load_initial_weights(target, (root_ / "cut.safetensors").string()); },
                      {"cut.safetensors", "'layer4.1.conv2.weight' is missing"}));
}

}  // namespace
}  // namespace bareseg
