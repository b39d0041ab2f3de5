// `bareseg train picie` as a user runs it: the program in a process of its own, killed, resumed and misused.
#include "tests/apps/program.h"

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
  int code = cut_short(args, SIGKILL, whole);
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
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(run(tiny(at("whole"))), 0) << output();
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  const int code = cut_short(tiny(at("cut")), SIGTERM, whole);
  ASSERT_EQ(code, 130) << output();
  EXPECT_NE(output().find("--resume " + at("cut")), std::string::npos) << output();
  ASSERT_EQ(run({"train", "picie", "--resume", at("cut")}), 0) << output();
  EXPECT_TRUE(same_bytes(at("whole/last.safetensors"), at("cut/last.safetensors")));
}

TEST_F(Train, TheConfigurationOfARunStartsItAgain) {
  ASSERT_EQ(run(tiny(at("a"))), 0) << output();
  ASSERT_EQ(run({"train", "picie", "--config", at("a/config.toml"), "--out", at("b")}), 0) << output();
  EXPECT_TRUE(same_bytes(at("a/last.safetensors"), at("b/last.safetensors")));
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
}

}  // namespace
}  // namespace bareseg
