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
#include <regex>
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

  // Runs the program; its output goes to output(). Sent `signal` after `after`, where that is not zero.
  // Returns the exit code, or -signal where that ended it.
  int run(const Args& args, int signal = 0, std::chrono::milliseconds after = {}) const {
    const pid_t child = start(args);
    if (signal != 0) {
      std::this_thread::sleep_for(after);
      kill(child, signal);
    }
    return exit_code(child);
  }

  // Runs `args`, whose last is a folder, and sends `signal` once `file` of that folder, which the run writes while it
  // is at work, is there. Again in a fresh folder where the run was faster than the signal, five times at most.
  int cut_short(const Args& args, int signal, const std::string& file) const {
    int code = 0;
    for (int tries = 0; code == 0 && tries < 5; ++tries) {
      fs::remove_all(args.back());
      const pid_t child = start(args);
      siginfo_t ended = {};
      while (!fs::exists(fs::path(args.back()) / file) && ended.si_pid == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT);
      }
      kill(child, signal);
      code = exit_code(child);
    }
    return code;
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
  std::string output() const { return text(at("output")); }

  // Where a run says that it was stopped or goes on: "epoch 0, step 3" of "at epoch 0, step 3; ...", "" for none.
  std::string position() const {
    const std::string all = output();
    std::smatch found;
    return std::regex_search(all, found, std::regex("at (epoch \\d+, step \\d+)")) ? found[1].str() : "";
  }

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
  pid_t start(const Args& args) const {
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
    return child;
  }
  static int exit_code(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  fs::path folder_;
};

}  // namespace bareseg
