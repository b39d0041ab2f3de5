#include "apps/training.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include <sys/resource.h>

#include "engine/autograd.h"
#include "engine/error.h"
#include "engine/ops.h"

namespace bareseg {

std::string exact(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

double metadata_real(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  BS_CHECK(found != metadata.end(), "checkpoint: '", key, "' is missing from the metadata");
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  BS_CHECK(!found->second.empty() && *end == '\0', "checkpoint: '", key, "' must be a number, got '", found->second,
           "'");
  return value;
}

int64_t peak_resident_bytes() {
  rusage use = {};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<int64_t>(use.ru_maxrss) * 1024;
}

void stop_when_asked() {
  if (stop_signal() != 0) throw ExitError{kExitInterrupted, "stopped by a signal"};
}

void check_weights(const StateDict& state, int64_t epoch) {
  const NoGrad no_grad;
  for (const StateEntry& entry : state) {
    const Tensor& t = entry.tensor;
    if (t.dtype() != kFloat32 || t.count() == 0) continue;
    if (std::isfinite(mse_loss(t.detach(), Tensor::zeros(t.shape(), kFloat32, t.device())).item())) continue;
    throw ExitError{kExitDiverged, concat("training diverged in epoch ", epoch, ": the weights ", entry.name,
                                          " are no finite numbers or beyond 1e19; the last checkpoint is untouched. "
                                          "Try a lower --lr")};
  }
}

void forget_run(const Run& run) {
  std::error_code ignored;  // what cannot be removed stays, and the error that led here is told
  for (const char* file : {"config.toml", "log.txt"}) std::filesystem::remove(run.folder() / file, ignored);
  std::filesystem::remove(run.folder(), ignored);  // if nothing else is in it
}

int go_on_later(const ExitError& error, const Run& run, int64_t epoch, int64_t steps) {
  if (error.code != kExitInterrupted) throw error;
  log_info(
      concat(error.message, " at epoch ", epoch, ", step ", steps, "; go on with --resume ", run.folder().string()));
  return error.code;
}

void train_batches(Loader& loader, const std::string& title, int64_t images, double save_minutes,
                   const std::function<void(const Batch&)>& step, const std::function<void()>& save) {
  using Clock = std::chrono::steady_clock;
  Progress progress(title, images);
  Clock::time_point saved = Clock::now();
  int64_t done = 0;
  for (Batch batch; loader.next(batch);) {
    step(batch);
    progress.update(done += batch.size());
    const bool due = std::chrono::duration<double>(Clock::now() - saved).count() > 60.0 * save_minutes;
    stop_when_asked();
    if (!due) continue;
    save();
    saved = Clock::now();
  }
}

void warn_of(const StepGraph& steps) {
  if (steps.problem().empty()) return;
  log_warning(concat("steps were started one kernel at a time, not as a CUDA graph: ", steps.problem()));
}

Tensor class_weights(const std::string& how, const std::vector<int64_t>& counts, Device device) {
  if (how == "none") return {};
  const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  std::vector<float> weights;
  for (const int64_t n : counts) {
    const double share = static_cast<double>(n) / total;
    weights.push_back(static_cast<float>(how == "frequency" ? share : n > 0 ? 1.0 / share : 0.0));
  }
  return Tensor::from(weights, {static_cast<int64_t>(weights.size())}, device);
}

}  // namespace bareseg
