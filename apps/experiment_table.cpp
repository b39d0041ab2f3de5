// What comes out of an experiment.
#include <algorithm>
#include <cmath>

#include "apps/experiment.h"
#include "apps/text_table.h"

namespace bareseg {
namespace {

using Value = double RunResult::*;

std::vector<const RunResult*> finished(const std::vector<RunResult>& results, const std::string& configuration) {
  std::vector<const RunResult*> found;
  for (const RunResult& r : results) {
    if (r.configuration == configuration && !r.diverged) found.push_back(&r);
  }
  return found;
}

std::string mean(const std::vector<const RunResult*>& runs, Value value, int digits = 2) {
  std::vector<double> values;
  for (const RunResult* r : runs) values.push_back(r->*value);
  return mean_and_spread(values, digits);
}

// Of each run to the baseline's with the same seed.
std::string difference(const std::vector<const RunResult*>& runs, const std::vector<const RunResult*>& baseline,
                       Value value) {
  std::vector<double> values;
  for (const RunResult* r : runs) {
    for (const RunResult* b : baseline) {
      if (b->seed == r->seed) values.push_back(r->*value - b->*value);
    }
  }
  if (values.empty()) return "-";
  const std::string text = mean_and_spread(values);
  return text[0] == '-' ? text : "+" + text;
}

}  // namespace

std::vector<std::string> RunResult::heading() {
  return {"configuration", "seed", "diverged", "ACC", "mIoU", "best_mIoU", "loss", "seconds"};
}

std::vector<std::string> RunResult::row() const {
  return {configuration,      std::to_string(seed),    diverged ? "1" : "0", fixed(accuracy, 4),
          fixed(mean_iou, 4), fixed(best_mean_iou, 4), fixed(loss, 6),       fixed(seconds, 2)};
}

std::vector<std::vector<std::string>> experiment_rows(const Experiment& experiment,
                                                      const std::vector<RunResult>& results) {
  std::vector<std::vector<std::string>> rows{
      {"configuration", "runs", "ACC", "difference", "mIoU", "difference", "best mIoU", "loss", "seconds"}};
  const auto baseline = finished(results, experiment.baseline);
  for (const ExperimentConfiguration& c : experiment.configurations) {
    const auto runs = finished(results, c.name);
    const auto diverged = std::count_if(results.begin(), results.end(),
                                        [&](const RunResult& r) { return r.configuration == c.name && r.diverged; });
    if (runs.empty() && diverged == 0) continue;
    const std::string count =
        std::to_string(runs.size()) + (diverged > 0 ? ", " + std::to_string(diverged) + " diverged" : "");
    if (runs.empty()) {
      rows.push_back({c.name, count, "-", "-", "-", "-", "-", "-", "-"});
      continue;
    }
    const auto against = [&](Value value) {
      return c.name == experiment.baseline ? std::string("baseline") : difference(runs, baseline, value);
    };
    rows.push_back({c.name, count, mean(runs, &RunResult::accuracy), against(&RunResult::accuracy),
                    mean(runs, &RunResult::mean_iou), against(&RunResult::mean_iou),
                    mean(runs, &RunResult::best_mean_iou), mean(runs, &RunResult::loss, 3),
                    mean(runs, &RunResult::seconds, 0)});
  }
  return rows;
}

}  // namespace bareseg
