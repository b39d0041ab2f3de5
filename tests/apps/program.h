// Runs the program in a process of its own, in a folder that is gone afterwards.
#pragma once

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

namespace fs = std::filesystem;
using Args = std::vector<std::string>;

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bareseg_program_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }

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

  // Training that takes a second: 8 scenes of 32 pixels, 3 clusters, 3 epochs.
  static Args tiny_training(const std::string& method, const std::string& out) {
    return {"train",
            method,
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

}  // namespace bareseg
