// `bareseg experiment`: several configurations trained on the same data, with the same seeds and budget, and one table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace bareseg {

/// An option of a train command, without its dashes, and where it was given: "FILE:LINE" or "--set".
struct ExperimentSetting {
  std::string key, value, where;
  bool own = false;  // of one configuration alone
};

struct ExperimentConfiguration {
  std::string name = {}, where = {};
  ExperimentSetting method = {};                 // the train command
  std::vector<ExperimentSetting> settings = {};  // the file's [shared] ones first; the last one of a key holds
};

/// What a file says:
///   seeds = [1, 2, 3]          every configuration is run with each
///   baseline = "none"          the configuration that others are compared with; the first one where it is left out
///   [shared]                   options of all configurations whose method has them, by the names of `bareseg train
///                              METHOD`, less the dashes
///   method = "picie"           here or in a configuration
///   [[configuration]]
///   name = "crop"              also the folder's name
///   transforms = "crop"        any option but out, seed, resume, config and those of the data; "" takes back what is
///                              shared
struct Experiment {
  std::vector<int64_t> seeds;
  std::string baseline;
  std::vector<ExperimentConfiguration> configurations;
};

/// @param file    what messages call the text.
/// @param shared  settings that replace those of [shared].
/// @throws Error "FILE:LINE: ..." where the text is no TOML, a key or type is unexpected, or something is missing.
Experiment parse_experiment(std::string_view text, const std::string& file,
                            const std::vector<ExperimentSetting>& shared = {});

/// What one run left.
struct RunResult {
  std::string configuration;
  int64_t seed = 0;
  bool diverged = false;
  double accuracy = 0, mean_iou = 0;  // of the last epoch, in percent; NaN where nothing was scored
  double best_mean_iou = 0;           // of all epochs
  double loss = 0, seconds = 0;       // of the last epoch; of all epochs

  /// The columns of runs.csv.
  static std::vector<std::string> heading();
  std::vector<std::string> row() const;
};

/// Means and population standard deviations over seeds, a line per configuration, first line the heading. Differences
/// to the baseline are taken seed by seed. Configurations without a finished run are left out.
std::vector<std::vector<std::string>> experiment_rows(const Experiment& experiment,
                                                      const std::vector<RunResult>& results);

/// Options of `bareseg experiment`.
struct ExperimentOptions {
  std::string file, out;
  std::vector<int64_t> seeds;
  std::vector<std::string> set, only;

  void declare(CLI::App& app);
};

/// Runs what is not yet done, each run in a process of its own and in OUT/NAME-seedN, and prints the table, which
/// OUT/table.md keeps; OUT/runs.csv has every run by itself. A signal ends the run under way after it has saved; the
/// same command then goes on.
/// @param train  the command whose subcommands are the methods: the file's options are checked against theirs.
/// @returns the exit code. @throws Error when the file is bad, or a run fails otherwise than by divergence.
int run_experiment(const ExperimentOptions& options, CLI::App& train);

}  // namespace bareseg
