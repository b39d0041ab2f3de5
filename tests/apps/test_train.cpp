// `bareseg train picie` as a user runs it: the program in a process of its own, killed, resumed and misused.
#include <cstdlib>

#include "apps/run_record.h"
#include "engine/error.h"
#include "tests/apps/program.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

class Train : public ProgramTest {
 protected:
  static Args tiny(const std::string& out) { return tiny_training("picie", out); }
};

TEST_F(Train, SameSeedSameBits) {
  ASSERT_EQ(run(tiny(at("a"))), 0) << output();
  ASSERT_EQ(run(tiny(at("b"))), 0) << output();
  EXPECT_GT(fs::file_size(at("a/last.safetensors")), 40'000'000u);
  EXPECT_TRUE(same_bytes(at("a/last.safetensors"), at("b/last.safetensors")));
  std::istringstream metrics(text(at("a/metrics.jsonl")));
  int lines = 0;
  for (std::string line; std::getline(metrics, line); ++lines) EXPECT_NE(line.find("\"mIoU\""), std::string::npos);
  EXPECT_EQ(lines, 3);
}

TEST_F(Train, KilledAndResumedEndsInTheSameBits) {
  const auto start = std::chrono::steady_clock::now();
  Args args = tiny(at("whole"));
  args.insert(args.begin() + 2, {"--save-minutes", "0"});  // a checkpoint after every step
  ASSERT_EQ(run(args), 0) << output();
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  *std::find(args.begin(), args.end(), at("whole")) = at("cut");
  int code = cut_short(args, SIGKILL, "last.safetensors");
  EXPECT_EQ(code, -SIGKILL);
  int kills = 1;
  for (; code == -SIGKILL && kills < 4; ++kills)
    code = run({"train", "picie", "--resume", at("cut")}, SIGKILL, whole / 3);
  if (code != 0) code = run({"train", "picie", "--resume", at("cut")});
  ASSERT_EQ(code, 0) << output();
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
  EXPECT_TRUE(same_bytes(at("whole/best.safetensors"), at("cut/best.safetensors")));
}

TEST_F(Train, ASignalSavesAndSaysHowToGoOn) {
  ASSERT_EQ(run(tiny(at("whole"))), 0) << output();
  Args args = tiny(at("cut"));
  args.insert(args.begin() + 2, {"--save-minutes", "0"});
  ASSERT_EQ(cut_short(args, SIGTERM, "last.safetensors"), 130) << output();
  EXPECT_NE(output().find("--resume " + at("cut")), std::string::npos) << output();
  const std::string stopped = position();
  ASSERT_EQ(run({"train", "picie", "--resume", at("cut"), "--save-minutes", "10"}), 0) << output();
  EXPECT_EQ(position(), stopped) << "no step is lost";
  EXPECT_FALSE(stopped.empty());
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
}

TEST_F(Train, TheConfigurationOfARunStartsItAgain) {
  ASSERT_EQ(run(tiny(at("a"))), 0) << output();
  ASSERT_EQ(run({"train", "picie", "--config", at("a/config.toml"), "--out", at("b")}), 0) << output();
  EXPECT_TRUE(same_bytes(at("a/last.safetensors"), at("b/last.safetensors")));
}

TEST_F(Train, APresetOfAConfigurationFileGivesTheDefaults) {
  std::ofstream(at("c.toml")) << "[train.picie]\npreset=\"demo\"\nmin-scale=0.4\n";
  Args args = tiny(at("a"));
  args.insert(args.end(), {"--config", at("c.toml")});
  ASSERT_EQ(run(args), 0) << output();
  const std::string as_run = text(at("a/config.toml"));
  for (const char* line : {"\npreset=\"demo\"", "\njitter=0.8\n", "\nmin-scale=0.4\n", "\nclusters=3\n"}) {
    EXPECT_NE(as_run.find(line), std::string::npos) << line << " in " << as_run;
  }
  ASSERT_EQ(run({"train", "picie", "--config", at("c.toml"), "--preset", "camvid", "--help"}), 0) << output();
  EXPECT_NE(output().find("--jitter FLOAT:FLOAT in [0 - 1]=0.3"), std::string::npos) << output();
}

TEST_F(Train, AnUnknownKeyOfAConfigurationFileIsNamed) {
  for (const std::string section : {"", "[train.picie]\n", "[nobody]\n"}) {
    std::ofstream(at("c.toml")) << section << "bogus=3\n";
    EXPECT_EQ(run({"train", "picie", "--config", at("c.toml"), "--out", at("x")}), 2) << section;
    EXPECT_NE(output().find(at("c.toml")), std::string::npos) << output();
    EXPECT_NE(output().find(section == "[nobody]\n" ? "'nobody'" : "bogus'"), std::string::npos) << output();
  }
  EXPECT_FALSE(fs::exists(at("x")));
}

TEST_F(Train, AFullDiskEndsTheRunOrTheOutput) {
  fs::create_directories(at("a"));
  fs::create_symlink("/dev/full", at("a/log.txt"));
  EXPECT_EQ(run(tiny(at("a"))), 1) << output();
  EXPECT_NE(output().find("a/log.txt"), std::string::npos) << output();
  const std::string command = std::string(BARESEG_BINARY) + " --version > /dev/full 2> " + at("output");
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(output().find("standard output"), std::string::npos) << output();
}

TEST_F(Train, BadInputIsNamed) {
  const auto refused = [&](Args args, const char* what, int code) {
    EXPECT_EQ(run(args), code) << what;
    EXPECT_NE(output().find(what), std::string::npos) << output();
  };
  refused({"train", "picie", "--preset", "nope"}, "nope", 1);
  refused({"train", "picie", "--clusters", "many"}, "--clusters", 2);
  refused({"train", "picie", "--dataset", "camvid", "--data", at("missing"), "--out", at("x")}, "missing", 1);
  refused({"train", "picie", "--transforms", "sparkle", "--out", at("x")}, "sparkle", 1);
  refused({"train", "picie", "--resume", at("no_run")}, "no_run", 2);
  refused({"train", "picie", "--deterministic", "--out", at("x")}, "--threads", 1);
  refused({"evaluate", at("no_file")}, "no_file", 2);
  Args again = tiny(at("a"));
  std::ofstream(at("file")) << "in the way";
  again.back() = at("file/run");
  refused(again, "file/run", 1);
}

TEST_F(Train, ADivergingRunStopsWithItsOwnCode) {
  Args args = tiny(at("a"));
  *(std::find(args.begin(), args.end(), "1e-3")) = "1e30";
  EXPECT_EQ(run(args), 3) << output();
  EXPECT_NE(output().find("Try a lower --lr"), std::string::npos) << output();
  EXPECT_FALSE(fs::exists(at("a/last.safetensors")));
  // One step per epoch: its loss is that of the weights before it, so the weights tell.
  *(std::find(args.begin(), args.end(), at("a"))) = at("b");
  *(std::find(args.begin(), args.end(), "--batch-train") + 1) = "8";
  EXPECT_EQ(run(args), 3) << output();
  EXPECT_NE(output().find("Try a lower --lr"), std::string::npos) << output();
  EXPECT_FALSE(fs::exists(at("b/last.safetensors")) || fs::exists(at("b/best.safetensors")));
}

TEST_F(Train, ARunThatNeverBeganLeavesItsFolderFree) {
  EXPECT_EQ(run({"train", "picie", "--dataset", "camvid", "--data", at("missing"), "--out", at("a")}), 1);
  EXPECT_FALSE(fs::exists(at("a")));
  Args args = tiny(at("a"));
  *(std::find(args.begin(), args.end(), "--seed") + 1) = "5000000000";
  EXPECT_EQ(run(args), 1);
  EXPECT_NE(output().find("--seed: must fit 32 bits, got 5000000000"), std::string::npos) << output();
  EXPECT_EQ(run(tiny(at("a"))), 0) << output();
}

// Every third image cannot be read: batches are smaller, one of them empty, and the last group is incomplete.
TEST_F(Train, UnreadableImagesDoNotChangeWhatAResumedRunEndsIn) {
  fs::create_directories(at("set/images/train"));
  for (int i = 0; i < 9; ++i) {
    const std::string file = at(concat("set/images/train/", i, ".png"));
    if (i % 3 == 0) {
      std::ofstream(file) << "no picture";
    } else {
      put_picture(file, 32 + i, 32);
    }
  }
  Args args = tiny(at("whole"));
  *std::find(args.begin(), args.end(), "scenes") = "folder";
  args.insert(args.begin() + 2, {"--data", at("set"), "--save-minutes", "0"});
  *(std::find(args.begin(), args.end(), "--res1") + 1) = "64";  // batches of one image
  *(std::find(args.begin(), args.end(), "--res2") + 1) = "64";
  *(std::find(args.begin(), args.end(), "--batch-train") + 1) = "1";
  *(std::find(args.begin(), args.end(), "--batch-cluster") + 1) = "1";
  ASSERT_EQ(run(args), 0) << output();
  EXPECT_NE(output().find("3 images could not be read"), std::string::npos) << output();
  const std::vector<std::string> remarks = read_run(at("whole")).remarks;  // the warnings of its log
  EXPECT_EQ(
      std::count_if(remarks.begin(), remarks.end(),
                    [](const std::string& remark) { return remark.find("set/images/train/3.png") != remark.npos; }),
      1);
  *std::find(args.begin(), args.end(), at("whole")) = at("cut");
  ASSERT_EQ(cut_short(args, SIGKILL, "last.safetensors"), -SIGKILL);
  ASSERT_EQ(run({"train", "picie", "--resume", at("cut")}), 0) << output();
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
}

}  // namespace
}  // namespace bareseg
