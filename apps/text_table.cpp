#include "apps/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace bareseg {

std::string fixed(double value, int digits) {
  if (std::isnan(value)) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

MeanAndSpread mean_and_spread_of(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0.0, square = 0.0;
  for (const double v : values) mean += v / count;
  for (const double v : values) square += (v - mean) * (v - mean) / count;
  return values.empty() ? MeanAndSpread{NAN, NAN} : MeanAndSpread{mean, std::sqrt(square)};
}

std::string mean_and_spread(const std::vector<double>& values, int digits) {
  const MeanAndSpread s = mean_and_spread_of(values);
  return values.size() < 2 ? fixed(s.mean, digits) : concat(fixed(s.mean, digits), " +- ", fixed(s.spread, digits));
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blank(widths[i] - row[i].size(), ' ');
      text += (i > 0 ? "  " : "") + (i == 0 ? row[i] + blank : blank + row[i]);
    }
    text += '\n';
  }
  return text;
}

std::string markdown_table(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (const std::string& cell : rows[r]) text += "| " + cell + " ";
    text += "|\n";
    if (r > 0) continue;
    for (size_t i = 0; i < rows[r].size(); ++i) text += i == 0 ? "| --- " : "| ---: ";
    text += "|\n";
  }
  return text;
}

std::string class_table(const Scores& scores, const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> rows{{"class", "IoU", "recall"}};
  for (size_t c = 0; c < scores.iou.size(); ++c) {
    rows.push_back(
        {c < names.size() ? names[c] : std::to_string(c), fixed(scores.iou[c], 2), fixed(scores.recall[c], 2)});
  }
  rows.push_back({"mean", fixed(scores.mean_iou, 2), fixed(scores.mean_recall, 2)});
  return table(rows) + concat("pixel accuracy ", fixed(scores.accuracy, 2), "\n");
}

nlohmann::json to_json(const Histogram& histogram, const std::vector<int64_t>& class_of) {
  const auto or_null = [](const std::vector<double>& values) {
    nlohmann::json list = nlohmann::json::array();
    for (const double value : values) list.push_back(std::isnan(value) ? nlohmann::json() : nlohmann::json(value));
    return list;
  };
  const Scores scores = score(histogram, class_of);
  return {{"ACC", scores.accuracy},           {"mIoU", scores.mean_iou},     {"IoU", or_null(scores.iou)},
          {"recall", or_null(scores.recall)}, {"cluster_classes", class_of}, {"histogram", histogram.counts}};
}

}  // namespace bareseg
