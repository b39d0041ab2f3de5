// `bareseg train picie` as a user runs it: the program in a process of its own, killed, resumed and misused.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace bareseg {
namespace {

namespace fs = std::filesystem;
using Args = std::vector<std::string>;

class Train : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bareseg_train_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string at(const char* name) const { return (folder_ / name).string(); }

  // Starts the program; its output goes to output(). Ended by `signal` after `after`, where that is not zero.
  // Returns the exit code, or -signal.
  int run(const Args& args, int signal = 0, std::chrono::milliseconds after = {}) const {
    const pid_t child = fork();
    if (child == 0) {
      const int out = open(at("output").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
      std::vector<char*> argv{const_cast<char*>(BARESEG_BINARY)};
      for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
      argv.push_back(nullptr);
      execv(BARESEG_BINARY, argv.data());
      _exit(127);
    }
    if (signal != 0) {
      std::this_thread::sleep_for(after);
      kill(child, signal);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string text(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }
  // Compared piece by piece: checkpoints have 135 MB, which no message should show.
  static bool same_bytes(const std::string& a, const std::string& b) {
    std::ifstream left(a, std::ios::binary), right(b, std::ios::binary);
    std::vector<char> of_left(1 << 20), of_right(1 << 20);
    if (!left || !right || fs::file_size(a) != fs::file_size(b) || fs::file_size(a) == 0) return false;
    while (left && right) {
      left.read(of_left.data(), static_cast<std::streamsize>(of_left.size()));
      right.read(of_right.data(), static_cast<std::streamsize>(of_right.size()));
      if (left.gcount() != right.gcount() ||
          !std::equal(of_left.begin(), of_left.begin() + left.gcount(), of_right.begin()))
        return false;
    }
    return true;
  }
  // Runs `args` on a fresh folder and sends `signal` while it is at work: earlier and earlier where the run, faster
  // than the one that `whole` was taken from, had ended before.
  int cut_short(const Args& args, int signal, std::chrono::milliseconds whole) const {
    int code = 0;
    for (int parts = 2; code == 0 && parts <= 16; parts *= 2) {
      fs::remove_all(args.back());
      code = run(args, signal, whole / parts);
    }
    return code;
  }
  std::string output() const { return text(at("output")); }

  Args tiny(const std::string& out) const {
    return {"train",
            "picie",
            "--dataset",
            "scenes",
            "--scenes",
            "8",
            "--scene-size",
            "32",
            "--res",
            "32",
            "--res1",
            "32",
            "--res2",
            "32",
            "--clusters",
            "3",
            "--epochs",
            "3",
            "--batch-train",
            "2",
            "--batch-cluster",
            "4",
            "--batch-test",
            "4",
            "--num-init-batches",
            "1",
            "--num-batches",
            "1",
            "--kmeans-iterations",
            "3",
            "--lr",
            "1e-3",
            "--threads",
            "1",
            "--workers",
            "1",
            "--seed",
            "1",
            "--out",
            out};
  }

 private:
  fs::path folder_;
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
