// Numbers as text: tables and the JSON of scores.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cluster/metrics.h"

namespace bareseg {

/// `value` with `digits` decimals; "-" for NaN.
std::string fixed(double value, int digits);
/// Mean and population standard deviation; NaN of nothing.
struct MeanAndSpread {
  double mean, spread;
};
MeanAndSpread mean_and_spread_of(const std::vector<double>& values);
/// "12.34 +- 0.56", or the number alone where there is one.
std::string mean_and_spread(const std::vector<double>& values, int digits = 2);

/// Aligned columns, first row the heading; the first column is set left, the others right.
std::string table(const std::vector<std::vector<std::string>>& rows);
/// The same for a page of markdown.
std::string markdown_table(const std::vector<std::vector<std::string>>& rows);

/// Per-class IoU and recall by name, overall scores last.
std::string class_table(const Scores& scores, const std::vector<std::string>& names);

/// Scores when cluster k stands for class class_of[k], for files that reports are made of: ACC, mIoU, per-class IoU and
/// recall (null where there is none), cluster_classes (class_of) and histogram (pixels by class and cluster, class by
/// class).
nlohmann::json to_json(const Histogram& histogram, const std::vector<int64_t>& class_of);

}  // namespace bareseg
