// The folder of a training run, read back (apps/run.h says what is in it). Nothing but config.toml must be there.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/options.h"
#include "cluster/metrics.h"

namespace bareseg {

/// One classifier's scores after one epoch, as to_json(Histogram, class_of) wrote them.
struct EpochScores {
  double accuracy = 0.0, mean_iou = 0.0;  // percent; NaN where there was nothing to measure
  std::vector<double> iou = {};           // of each class
  std::vector<int64_t> cluster_classes = {};
  Histogram histogram = {};  // without classes where the run did not keep it
};

struct RunRecord {
  struct Option {
    std::string name, value;
  };

  std::string name;  // what pages call it
  std::filesystem::path folder;
  std::string method;                  // the command that trained it: picie, mdc, supervised
  std::vector<Option> options;         // of config.toml, in its order
  std::vector<nlohmann::json> epochs;  // objects of metrics.jsonl
  std::vector<std::string> remarks;    // what could not be read, and what the log warns of

  /// Of that name, "" where there is none.
  std::string option(const std::string& option_name) const;
  /// Epochs that the configuration asks for; 0 where it does not say.
  int64_t planned_epochs() const;
  /// Names under which an epoch has scores; the one to compare by stands first.
  std::vector<std::string> score_names() const;
  /// @return nothing where that epoch has no such scores or they contradict themselves.
  std::optional<EpochScores> scores(const nlohmann::json& epoch, const std::string& score_name) const;
  /// The epoch of the highest mean IoU by the first of score_names(), or null.
  const nlohmann::json* best_epoch() const;
};

/// @throws Error naming the folder and what is missing or no configuration.
RunRecord read_run(const std::filesystem::path& folder);

/// Gives `app` the values that the run has for those of its options that it also declares.
/// @throws Error naming config.toml where a value is refused.
void apply_options(const RunRecord& run, CLI::App& app);

/// The number `key` of an object; NaN where it has none.
double number_of(const nlohmann::json& object, const std::string& key);

}  // namespace bareseg
