// What the training commands have in common.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apps/run.h"
#include "data/loader.h"
#include "engine/state_dict.h"
#include "engine/step_graph.h"
#include "engine/tensor.h"
#include "engine/trace.h"

namespace bareseg {

/// Adds the seconds of its scope to those of a phase, which profilers see as a range.
class PhaseTimer {
 public:
  PhaseTimer(const char* phase, std::map<std::string, double>& seconds)
      : range_(phase), seconds_(seconds[phase]), start_(std::chrono::steady_clock::now()) {}
  ~PhaseTimer() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  TraceRange range_;
  double& seconds_;
  std::chrono::steady_clock::time_point start_;
};

/// A double as text that gives it back to the bit, and back. @throws Error when the key is missing or no number.
std::string exact(double value);
double metadata_real(const std::map<std::string, std::string>& metadata, const std::string& key);

/// The most memory that this process has held.
int64_t peak_resident_bytes();

/// @throws ExitError with kExitInterrupted after a signal.
void stop_when_asked();

/// @throws ExitError with kExitDiverged, naming the epoch, where a weight is no finite number or so large (1e19) that
/// its square is none. For what a checkpoint is about to hold.
void check_weights(const StateDict& state, int64_t epoch);

/// Removes what a run that never began has left in its folder, so that the corrected command may use it.
void forget_run(const Run& run);

/// The exit code of a run that a signal ended, said in the log with where it is and how to go on. Throws `error` again
/// where it is something else.
int go_on_later(const ExitError& error, const Run& run, int64_t epoch, int64_t steps);

/// Calls `step` with every batch of an epoch's training, and `save` every so many minutes.
/// @throws ExitError after a signal; to save is left to who catches it.
void train_batches(Loader& loader, const std::string& title, int64_t images, double save_minutes,
                   const std::function<void(const Batch&)>& step, const std::function<void()>& save);

/// Says in the log why steps are not replayed, if the device could and they were to be.
void warn_of(const StepGraph& steps);

/// Weights of classes or clusters in the loss, float32 [K], from how often each was counted: "none" (undefined: all
/// alike), "frequency" (its share) or "inverse" (1 / its share, 0 for what never occurs).
Tensor class_weights(const std::string& how, const std::vector<int64_t>& counts, Device device);

}  // namespace bareseg
