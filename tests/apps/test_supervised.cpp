// `bareseg train supervised`, and what can be done with its checkpoints.
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/initial_weights.h"
#include "engine/safetensors.h"
#include "layers/network.h"
#include "tests/apps/program.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

class TrainSupervised : public ProgramTest {
 protected:
  // A U-Net of 4 channels on 32 x 32 pixels, but for what `more` says.
  static Args tiny(const std::string& out, const Args& more = {}) {
    const std::vector<std::pair<const char*, const char*>> usual = {
        {"--dataset", "scenes"}, {"--scenes", "10"}, {"--scene-size", "32"},    {"--res", "32"},
        {"--width", "4"},        {"--epochs", "3"},  {"--batch", "2"},          {"--threads", "1"},
        {"--workers", "2"},      {"--lr", "0.01"},   {"--architecture", "unet"}};
    Args args = {"train", "supervised"};
    for (const auto& [name, value] : usual) {
      if (std::find(more.begin(), more.end(), name) == more.end()) args.insert(args.end(), {name, value});
    }
    args.insert(args.end(), more.begin(), more.end());
    args.insert(args.end(), {"--out", out});
    return args;
  }
  std::vector<nlohmann::json> metrics(const std::string& folder) const {
    std::istringstream in(text(at((folder + "/metrics.jsonl").c_str())));
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
};

const Args kViews = {"--min-scale", "0.6",      "--max-scale", "1.7",         "--hflip",
                     "true",        "--jitter", "0.4",         "--hue-range", "0.1"};

TEST_F(TrainSupervised, LearnsItsScenes) {
  const Args more = {"--epochs", "16", "--scenes",   "24",   "--batch",   "4",
                     "--width",  "8",  "--schedule", "poly", "--warm-up", "5"};
  ASSERT_EQ(run(tiny(at("a"), more)), 0) << output();
  const auto lines = metrics("a");
  ASSERT_EQ(lines.size(), 16u);
  EXPECT_LT(lines.back()["loss"], 0.8 * lines.front()["loss"].get<double>());
  EXPECT_GT(lines.back()["classes"]["ACC"], 25.0);
  EXPECT_GE(lines.back()["hungarian"]["ACC"].get<double>() + 1e-9, lines.back()["classes"]["ACC"].get<double>());
  // The rate of the last of 96 steps: poly over the 91 after the warm-up.
  EXPECT_NEAR(lines.back()["lr"], 0.01 * std::pow(1.0 - 90.0 / 91.0, 0.9), 1e-8);
  EXPECT_GT(lines.back()["images_per_second"], 0.0);
}

TEST_F(TrainSupervised, KilledAndResumedEndsInTheSameBits) {
  const auto start = std::chrono::steady_clock::now();
  Args more = kViews;
  more.insert(more.end(), {"--save-minutes", "0", "--schedule", "cosine", "--optimizer", "adamw", "--weight-decay",
                           "0.01", "--class-weights", "inverse"});
  Args args = tiny(at("whole"), more);
  ASSERT_EQ(run(args), 0) << output();
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  args.back() = at("cut");
  int code = cut_short(args, SIGKILL, "last.safetensors");
  EXPECT_EQ(code, -SIGKILL);
  const Args resume = {"train", "supervised", "--resume", at("cut")};
  if (code == -SIGKILL) code = run(resume, SIGKILL, whole / 3);
  if (code != 0) code = run(resume);
  ASSERT_EQ(code, 0) << output();
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
  EXPECT_TRUE(same_bytes(at("whole/best.safetensors"), at("cut/best.safetensors")));
  EXPECT_EQ(metrics("cut").size(), 3u);
}

TEST_F(TrainSupervised, ASignalSavesAndThreadsDoNotMatter) {
  ASSERT_EQ(run(tiny(at("whole"), kViews)), 0) << output();
  Args more = kViews;
  more.insert(more.end(), {"--workers", "1", "--save-minutes", "0"});
  ASSERT_EQ(cut_short(tiny(at("cut"), more), SIGTERM, "last.safetensors"), 130) << output();
  EXPECT_NE(output().find("--resume " + at("cut")), std::string::npos) << output();
  const std::string stopped = position();
  ASSERT_EQ(run({"train", "supervised", "--resume", at("cut")}), 0) << output();
  EXPECT_EQ(position(), stopped) << "no step is lost";
  EXPECT_FALSE(stopped.empty());
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
}

TEST_F(TrainSupervised, ItsCheckpointsAreScoredDrawnAndTold) {
  ASSERT_EQ(run(tiny(at("a"), {"--frame", "whole", "--crop-height", "24", "--crop-width", "40", "--max-scale", "1.5"})),
            0)
      << output();
  const Args data = {"--dataset", "scenes", "--scenes", "10", "--scene-size", "32"};
  const auto with_data = [&](Args args) {
    args.insert(args.end(), data.begin(), data.end());
    return args;
  };
  const std::string checkpoint = at("a/last.safetensors");
  // The same pixels as at the end of training.
  ASSERT_EQ(run(with_data({"evaluate", checkpoint, "--json", at("scores.json"), "--threads", "1"})), 0) << output();
  const nlohmann::json scores = nlohmann::json::parse(text(at("scores.json")));
  EXPECT_EQ(scores["results"][0]["histogram"], metrics("a").back()["classes"]["histogram"]);
  ASSERT_EQ(run(with_data({"predict", checkpoint, "--out", at("pictures"), "--count", "2"})), 0) << output();
  EXPECT_TRUE(fs::exists(at("pictures/grid.png")));
  ASSERT_EQ(run({"info", checkpoint}), 0);
  EXPECT_NE(output().find("U-Net of width 4"), std::string::npos) << output();
  EXPECT_NE(output().find("supervised"), std::string::npos) << output();
}

TEST_F(TrainSupervised, EveryArchitectureAndOptimizer) {
  const Args deeplab = {
      "--architecture", "deeplabv3", "--output-stride", "16", "--optimizer",     "sgd",      "--lr", "0.001",
      "--epochs",       "1",         "--scenes",        "4",  "--class-weights", "frequency"};
  ASSERT_EQ(run(tiny(at("deeplab"), deeplab)), 0) << output();
  ASSERT_EQ(run(tiny(at("fpn"), {"--architecture", "resnet-fpn", "--epochs", "1", "--scenes", "4", "--dtype", "bf16"})),
            0)
      << output();
  // Weights of a run start another; the classifier's are its own.
  Args again = deeplab;
  again.insert(again.end(), {"--pretrained", at("deeplab/last.safetensors")});
  ASSERT_EQ(run(tiny(at("again"), again)), 0) << output();
  EXPECT_NE(output().find("weights from"), std::string::npos) << output();
}

TEST_F(TrainSupervised, BadInputIsNamed) {
  const auto refused = [&](const Args& args, const char* what, int code) {
    EXPECT_EQ(run(args), code) << what;
    EXPECT_NE(output().find(what), std::string::npos) << output();
  };
  refused({"train", "supervised", "--preset", "coco"}, "got 'coco'", 1);
  refused({"train", "supervised", "--schedule", "steep"}, "--schedule", 2);
  refused(tiny(at("x"), {"--batch", "11"}), "--batch: expected at most the 10 images", 1);
  refused(tiny(at("y"), {"--architecture", "deeplabv3", "--batch", "1"}), "deeplabv3 needs two images", 1);
  refused(tiny(at("z"), {"--min-scale", "2", "--max-scale", "1"}), "the lower first", 1);
  refused(tiny(at("u"), {"--pretrained", at("missing.pth")}), "missing.pth", 1);
  Args diverging = tiny(at("v"), {"--lr", "1e30"});
  refused(diverging, "Try a lower --lr", 3);
}

// The file's weights under the names that torchvision gives them.
class InitialWeights : public testing::Test {
 protected:
  static std::unique_ptr<SegmentationNetwork> deeplab(uint64_t seed) {
    return make_network({.architecture = "deeplabv3", .depth = 18}, {.seed = seed});
  }
  static bool same(const StateEntry& a, const StateEntry& b) {
    return a.tensor.dtype() != kFloat32 || a.tensor.to_vector<float>() == b.tensor.to_vector<float>();
  }
  const TemporaryFolder root_;
  const std::string file_ = (root_ / "weights.safetensors").string();
};

TEST_F(InitialWeights, OfAPublishedDeepLab) {
  const auto published = deeplab(1), ours = deeplab(2);
  NamedTensors tensors = to_disk(published->state());
  const Tensor weight = random_normal({21, 256}, Random(3, Draws::test)),
               bias = random_normal({21}, Random(4, Draws::test));
  tensors.push_back({"classifier.4.weight", weight.view({21, 256, 1, 1})});
  tensors.push_back({"aux_classifier.0.weight", Tensor::zeros({256, 1024, 3, 3})});
  write_safetensors(file_, tensors);
  load_initial_weights(*ours, file_);
  const StateDict from = published->state(), to = ours->state();
  for (size_t i = 0; i < to.size(); ++i) EXPECT_TRUE(same(from[i], to[i])) << to[i].name;

  // Its classifier, where there are as many classes.
  Classifier same_classes{.weight = Tensor::zeros({21, 256}), .bias = Tensor::zeros({21})};
  EXPECT_TRUE(refuses([&] { load_initial_weights(*ours, file_, &same_classes); }, {file_, "'classifier.4.bias' is"}));
  tensors.push_back({"classifier.4.bias", bias});
  write_safetensors(file_, tensors);
  load_initial_weights(*ours, file_, &same_classes);
  EXPECT_EQ(same_classes.weight.to_vector<float>(), weight.to_vector<float>());
  EXPECT_EQ(same_classes.bias.to_vector<float>(), bias.to_vector<float>());
  Classifier others{.weight = Tensor::zeros({11, 256}), .bias = Tensor::zeros({11})};
  load_initial_weights(*ours, file_, &others);
  EXPECT_EQ(others.weight.to_vector<float>(), std::vector<float>(11 * 256));
}

TEST_F(InitialWeights, OfABackboneAlone) {
  const auto published = deeplab(1), ours = deeplab(2), untouched = deeplab(2);
  NamedTensors tensors;
  for (const NamedTensor& t : to_disk(published->state())) {
    if (t.name.starts_with("backbone.")) tensors.push_back({t.name.substr(9), t.tensor});
  }
  tensors.push_back({"fc.weight", Tensor::zeros({1000, 512})});
  write_safetensors(file_, tensors);
  load_initial_weights(*ours, file_);
  const StateDict from = published->state(), to = ours->state(), before = untouched->state();
  for (size_t i = 0; i < to.size(); ++i) {
    EXPECT_TRUE(same(to[i], to[i].name.starts_with("backbone.") ? from[i] : before[i])) << to[i].name;
  }
  const auto unet = make_network({.architecture = "unet", .width = 2});
  EXPECT_TRUE(refuses([&] { load_initial_weights(*unet, file_); }, {file_, "has no backbone"}));
}

TEST_F(InitialWeights, IncompleteOrOfAnotherSizeAreRefused) {
  const auto network = deeplab(1);
  NamedTensors tensors = to_disk(network->state());
  std::erase_if(tensors, [](const NamedTensor& t) { return t.name == "classifier.2.bias"; });
  write_safetensors(file_, tensors);
  EXPECT_TRUE(refuses([&] { load_initial_weights(*network, file_); }, {file_, "'classifier.2.bias' is missing"}));
  const auto deeper = make_network({.architecture = "deeplabv3", .depth = 50});
  EXPECT_TRUE(refuses([&] { load_initial_weights(*deeper, file_); }, {file_, "backbone.layer1.0.conv1.weight"}));
}

}  // namespace
}  // namespace bareseg
