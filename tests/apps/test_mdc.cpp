// `bareseg train mdc` as a user runs it.
#include <nlohmann/json.hpp>

#include "apps/mdc.h"
#include "apps/segmenter.h"
#include "tests/apps/program.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

class Mdc : public ProgramTest {
 protected:
  static Args tiny(const std::string& out, const Args& more = {}) {
    Args args = tiny_training("mdc", out);
    args.insert(args.begin() + 2, {"--repeats", "1"});
    args.insert(args.begin() + 2, more.begin(), more.end());
    return args;
  }
  std::vector<nlohmann::json> metrics(const std::string& run) const {
    std::vector<nlohmann::json> lines;
    std::istringstream in(text(at(run) + "/metrics.jsonl"));
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
};

TEST(MdcPreset, AreTheSpecificationsNumbers) {
  const ClusterOptions program = mdc_preset(""), coco = mdc_preset("coco"), city = mdc_preset("cityscapes");
  EXPECT_EQ(program.lr, 1e-3);
  EXPECT_EQ(program.batch_cluster, 128);
  EXPECT_EQ(program.num_batches, 30);
  EXPECT_EQ(program.res2, 320);
  EXPECT_EQ(program.repeats, 10);
  EXPECT_EQ(coco.lr, 1e-4);
  EXPECT_EQ(coco.batch_cluster, 256);
  EXPECT_EQ(coco.num_init_batches, 20);
  EXPECT_EQ(coco.num_batches, 1);
  EXPECT_EQ(coco.repeats, 1);
  EXPECT_EQ(city.lr, 1e-3);
  EXPECT_EQ(city.num_init_batches, 30);
  EXPECT_EQ(city.kmeans_iterations, 30);
  for (const ClusterOptions& o : {program, coco, city, mdc_preset("camvid"), mdc_preset("demo")}) {
    EXPECT_EQ(o.method, "mdc");
    EXPECT_EQ(o.views, 1);
    EXPECT_FALSE(o.nonparametric);
    EXPECT_EQ(o.repeats_split, "val");
    EXPECT_EQ(o.lr_decay_epochs, 20);
  }
  EXPECT_TRUE(refuses([] { mdc_preset("nope"); }, {"--preset", "'nope'"}));
}

TEST_F(Mdc, LearnsAClassifierThatTheCheckpointKeeps) {
  ASSERT_EQ(run(tiny(at("a"))), 0) << output();
  EXPECT_NE(output().find("fresh clusterings of the val images"), std::string::npos) << output();
  const Segmenter s = load_segmenter(at("a/last.safetensors"), {});
  EXPECT_EQ(s.method, "mdc");
  ASSERT_EQ(s.classifiers.size(), 1u);
  ASSERT_TRUE(s.classifiers[0].bias.defined());
  EXPECT_TRUE(s.classifiers[0].unit);
  float most = 0.0f;
  for (const float b : s.classifiers[0].bias.to_vector<float>()) most = std::max(most, std::abs(b));
  EXPECT_GT(most, 0.0f) << "it began at zero";
  EXPECT_LT(most, 0.006f) << "four steps of 1e-3, those of the last epoch alone";
  const auto lines = metrics("a");
  ASSERT_EQ(lines.size(), 3u);
  for (const auto& line : lines) {
    EXPECT_NEAR(line["loss"], std::log(3.0), 0.5) << "logits begin near zero in every epoch";
    EXPECT_EQ(line["occupancy"].size(), 1u);
    EXPECT_FALSE(line.contains("across"));
    EXPECT_EQ(line["mIoU"], line["view1"]["mIoU"]);
  }
  for (const char* command : {"evaluate", "predict"}) {
    Args args{command, at("a/best.safetensors"), "--dataset", "scenes", "--scenes", "2", "--scene-size", "32"};
    if (command == std::string("predict")) args.insert(args.end(), {"--out", at("masks")});
    EXPECT_EQ(run(args), 0) << output();
  }
  ASSERT_EQ(run({"info", at("a/last.safetensors")}), 0);
  EXPECT_NE(output().find("mdc"), std::string::npos) << output();
}

TEST_F(Mdc, KilledAndResumedEndsInTheSameBits) {
  const auto start = std::chrono::steady_clock::now();
  const Args more{"--save-minutes", "0"};  // a checkpoint after every step
  ASSERT_EQ(run(tiny(at("whole"), more)), 0) << output();
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  int code = cut_short(tiny(at("cut"), more), SIGKILL, "last.safetensors");
  EXPECT_EQ(code, -SIGKILL);
  for (int kills = 1; code == -SIGKILL && kills < 4; ++kills) {
    code = run({"train", "mdc", "--resume", at("cut")}, SIGKILL, whole / 3);
  }
  if (code != 0) code = run({"train", "mdc", "--resume", at("cut")});
  ASSERT_EQ(code, 0) << output();
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
  EXPECT_TRUE(same_bytes(at("whole/best.safetensors"), at("cut/best.safetensors")));
}

TEST_F(Mdc, NonparametricIsFrozenCentroids) {
  ASSERT_EQ(run(tiny(at("a"), {"--nonparametric", "--epochs", "1"})), 2) << "--epochs twice";
  ASSERT_EQ(run(tiny(at("a"), {"--nonparametric"})), 0) << output();
  const Segmenter s = load_segmenter(at("a/last.safetensors"), {});
  ASSERT_EQ(s.classifiers.size(), 1u);
  EXPECT_FALSE(s.classifiers[0].bias.defined());
}

TEST_F(Mdc, OtherNumbersOfClustersAreScoredThanLearnt) {
  Args args = tiny(at("a"), {"--clusters-test", "5"});
  *std::find(args.begin(), args.end(), "3") = "20";  // --clusters
  ASSERT_EQ(run(args), 0) << output();
  const Segmenter s = load_segmenter(at("a/last.safetensors"), {});
  ASSERT_EQ(s.classifiers.size(), 2u);
  EXPECT_EQ(s.classifiers[0].size(), 5);
  EXPECT_EQ(s.classifiers[1].size(), 20);
  EXPECT_EQ(s.cluster_classes.size(), 5u);
  for (const auto& line : metrics("a")) {
    EXPECT_EQ(line["mIoU"], line["clusters_test"]["mIoU"]);
    EXPECT_TRUE(line.contains("view1"));
  }
  ASSERT_EQ(run({"train", "mdc", "--resume", at("a")}), 0) << output();
}

TEST_F(Mdc, TheLearningRateDecays) {
  ASSERT_EQ(run(tiny(at("a"), {"--lr-decay-epochs", "2"})), 0) << output();
  const auto lines = metrics("a");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["lr"].get<float>(), 1e-3f);
  EXPECT_EQ(lines[1]["lr"].get<float>(), 1e-3f);
  EXPECT_EQ(lines[2]["lr"].get<float>(), 1e-4f);
}

TEST_F(Mdc, BadInputIsNamed) {
  EXPECT_EQ(run({"train", "mdc", "--mse", "--out", at("x")}), 2);
  EXPECT_NE(output().find("--mse"), std::string::npos) << output();
  EXPECT_EQ(run({"train", "mdc", "--repeats-split", "test", "--out", at("x")}), 2);
  EXPECT_NE(output().find("--repeats-split"), std::string::npos) << output();
  ASSERT_EQ(run(tiny(at("a"), {"--save-minutes", "0"})), 0) << output();
  EXPECT_EQ(run({"train", "picie", "--resume", at("a")}), 1) << "another method's run";
  EXPECT_NE(output().find("mdc"), std::string::npos) << output();
}

}  // namespace
}  // namespace bareseg
