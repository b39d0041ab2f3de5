// A training run on disk: folder, log, metrics, checkpoints; and the signals that end it early.
//
//   config.toml          every option as run, read back by --config
//   log.txt              what the terminal showed
//   metrics.jsonl        one JSON object per epoch
//   events.out.tfevents  the same and pictures for TensorBoard, where asked for
//   last.safetensors     state to go on from; best.safetensors: the best epoch by mIoU
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/event_file.h"
#include "engine/state_dict.h"

namespace bareseg {

/// The log: time, level, message; to standard error, and to log.txt once there is a Run.
/// @throws Error naming the file where it cannot be written; but log_error(), which tells why a command ends anyway,
/// only says so.
void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_error(const std::string& message);

/// SIGINT or SIGTERM since install_signal_handlers(), or 0. A second signal ends the process at once.
int stop_signal();
void install_signal_handlers();

/// Thrown to leave a command with a certain exit code after a message.
enum ExitCode : int { kExitError = 1, kExitUsage = 2, kExitDiverged = 3, kExitInterrupted = 130 };
struct ExitError {
  int code;
  std::string message;
};

/// How far a phase of the work has come: one line that is rewritten in place on a terminal. Elsewhere a line of the log
/// every 30 seconds, so that shorter phases have none.
class Progress {
 public:
  /// `total` units (images, say) are to come.
  Progress(std::string title, int64_t total, const char* unit = "images");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `done` units so far in all; the line shows rate and time left.
  void update(int64_t done);
  double seconds() const;

 private:
  std::string line(int64_t done) const;

  std::string title_;
  int64_t total_;
  const char* unit_;
  std::chrono::steady_clock::time_point start_, shown_;
  bool drawn_ = false;
};

class Run {
 public:
  /// Creates the folder, or opens it where `resume`; starts log.txt there. With `tensorboard` metrics and pictures also
  /// go to an event file.
  /// @throws Error when the folder cannot be written, or holds another run and `resume` is false.
  Run(std::filesystem::path folder, const std::string& config, bool resume, bool tensorboard = false);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path last() const { return folder_ / "last.safetensors"; }
  std::filesystem::path best() const { return folder_ / "best.safetensors"; }

  /// Appends one line, an object with the number "epoch", to metrics.jsonl.
  void metrics(const std::string& json_line);
  /// Samples of an epoch for the event file; without one nothing.
  void pictures(int64_t epoch, const std::vector<Image>& samples);
  /// Cuts metrics.jsonl after `lines` lines: what an interrupted run wrote past its last checkpoint.
  void keep_metrics(int64_t lines);

 private:
  EventFile& events(int64_t epoch);

  std::filesystem::path folder_;
  bool tensorboard_;
  std::unique_ptr<EventFile> events_;
};

}  // namespace bareseg
