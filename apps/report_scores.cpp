// What scores are made of: classes, confusion, and the clusters behind them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "apps/html_page.h"
#include "apps/report_page.h"
#include "apps/svg_plot.h"
#include "apps/text_table.h"
#include "data/palette.h"
#include "engine/error.h"

namespace bareseg {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string colour_of_class(const std::vector<ClassInfo>& classes, size_t index) {
  return css_colour(index < classes.size() ? classes[index].colour : distinct_colours()[std::min<size_t>(index, 255)]);
}

std::vector<std::string> class_names(const ReportedRun& run, size_t count) {
  std::vector<std::string> names;
  for (size_t c = 0; c < count; ++c) names.push_back(class_name(run.classes, c));
  return names;
}

std::string percent(int64_t part, int64_t whole) {
  return concat(fixed(100.0 * static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1)), 2), " %");
}

std::string of_epoch(const ReportedRun& run, const ReportedRun::Best& best) {
  return concat(run.record.name, ", ", best.score_name, ", epoch ", best.epoch);
}

// Pixels by true and predicted class; the last column is for clusters that stand for no class.
std::vector<std::vector<int64_t>> by_class(const EpochScores& s) {
  const Histogram& h = s.histogram;
  std::vector<std::vector<int64_t>> counts(static_cast<size_t>(h.classes),
                                           std::vector<int64_t>(static_cast<size_t>(h.classes) + 1, 0));
  for (int64_t c = 0; c < h.classes; ++c) {
    for (int64_t k = 0; k < h.clusters; ++k) {
      const int64_t to = s.cluster_classes[static_cast<size_t>(k)];
      counts[static_cast<size_t>(c)][static_cast<size_t>(to < 0 ? h.classes : to)] += h.at(c, k);
    }
  }
  return counts;
}

std::string confusion_of(const ReportedRun& run, const ReportedRun::Best& best) {
  std::vector<std::vector<int64_t>> counts = by_class(best.scores);
  HeatMap map{.title = of_epoch(run, best), .row_axis = "truth", .column_axis = "prediction"};
  map.rows = map.columns = class_names(run, counts.size());
  const bool none = std::any_of(counts.begin(), counts.end(), [](const auto& row) { return row.back() > 0; });
  if (none) map.columns.emplace_back("no class");
  for (const std::vector<int64_t>& row : counts) {
    const int64_t total = std::accumulate(row.begin(), row.end(), int64_t{0});
    map.values.emplace_back();
    map.tooltips.emplace_back();
    for (size_t c = 0; c < map.columns.size(); ++c) {
      map.values.back().push_back(total > 0 ? static_cast<double>(row[c]) / static_cast<double>(total) : kNone);
      map.tooltips.back().push_back(concat(percent(row[c], total), ", ", row[c], " pixels"));
    }
  }
  return heat_map(map);
}

// What each cluster holds, the largest first.
std::string composition_of(const ReportedRun& run, const ReportedRun::Best& best) {
  constexpr size_t kMostBars = 40;
  const Histogram& h = best.scores.histogram;
  std::vector<int64_t> sizes(static_cast<size_t>(h.clusters), 0);
  for (int64_t c = 0; c < h.classes; ++c) {
    for (int64_t k = 0; k < h.clusters; ++k) sizes[static_cast<size_t>(k)] += h.at(c, k);
  }
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<StackedBar> bars;
  for (const size_t k : order) {
    if (sizes[k] == 0 || bars.size() == kMostBars) break;
    const int64_t to = best.scores.cluster_classes[k];
    StackedBar bar{.name = concat(k, " \u2192 ", to < 0 ? "no class" : class_name(run.classes, size_t(to))),
                   .note = percent(sizes[k], h.total())};
    for (int64_t c = 0; c < h.classes; ++c) {
      const int64_t n = h.at(c, static_cast<int64_t>(k));
      const auto at = static_cast<size_t>(c);
      bar.parts.push_back({static_cast<double>(n) / static_cast<double>(sizes[k]), colour_of_class(run.classes, at),
                           concat(class_name(run.classes, at), ": ", percent(n, sizes[k]), " of cluster ", k)});
    }
    bars.push_back(std::move(bar));
  }
  std::string title = of_epoch(run, best);
  if (order.size() > bars.size()) title += concat(" (", bars.size(), " of ", order.size(), " clusters)");
  return stacked_plot(title, bars);
}

std::string class_legend(const ReportedRun& run, size_t count) {
  std::vector<LegendEntry> entries;
  for (size_t c = 0; c < count; ++c) entries.push_back({class_name(run.classes, c), colour_of_class(run.classes, c)});
  return html_legend(entries);
}

std::vector<std::string> names_of(const ReportedRun& run) {
  const auto best = run.best();
  return best ? class_names(run, best->scores.iou.size()) : std::vector<std::string>();
}

// The scores of runs that know the same classes as `first`, from there on.
std::string bars_from(const ReportedRuns& runs, size_t first) {
  const std::vector<std::string> names = names_of(runs[first]);
  std::vector<BarCategory> categories;
  for (size_t c = 0; c < names.size(); ++c) {
    categories.push_back({names[c], colour_of_class(runs[first].classes, c)});
  }
  std::vector<BarSeries> series;
  for (size_t i = first; i < runs.size(); ++i) {
    if (names_of(runs[i]) == names) series.push_back({runs[i].record.name, runs[i].colour, runs[i].best()->scores.iou});
  }
  return bar_plot("IoU, %", categories, series);
}

std::string table_from(const ReportedRuns& runs, size_t first) {
  const std::vector<std::string> names = names_of(runs[first]);
  std::vector<std::vector<std::string>> rows = {{"class"}};
  for (const std::string& name : names) rows.push_back({name});
  rows.push_back({"mean"});
  rows.push_back({"pixel accuracy"});
  for (size_t i = first; i < runs.size(); ++i) {
    if (names_of(runs[i]) != names) continue;
    const ReportedRun::Best best = *runs[i].best();
    rows[0].push_back(concat(runs[i].record.name, ", epoch ", best.epoch));
    for (size_t c = 0; c < names.size(); ++c) rows[c + 1].push_back(fixed(best.scores.iou[c], 2));
    rows[names.size() + 1].push_back(fixed(best.scores.mean_iou, 2));
    rows[names.size() + 2].push_back(fixed(best.scores.accuracy, 2));
  }
  return html_table(rows);
}

// `make` for each run that kept its confusion matrix; runs that did not are named.
template <typename Make>
std::string for_histograms(const ReportedRuns& runs, const Make& make) {
  std::string plots, missing;
  for (const ReportedRun& run : runs) {
    const auto best = run.best();
    if (!best) continue;
    if (best->scores.histogram.counts.empty()) {
      missing += element("p class=\"muted\"", concat(run.record.name, ": the run kept no confusion matrix."));
    } else {
      plots += make(run, *best);
    }
  }
  return plots.empty() ? missing : concat("<div class=\"grid\">", plots, "</div>\n", missing);
}

}  // namespace

std::string class_scores_html(const ReportedRuns& runs) {
  std::string html;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::vector<std::string> names = names_of(runs[i]);
    bool seen = names.empty();
    for (size_t j = 0; j < i; ++j) seen = seen || names_of(runs[j]) == names;
    if (!seen) html += concat("<div class=\"grid\">", bars_from(runs, i), table_from(runs, i), "</div>\n");
  }
  if (html.empty()) return {};
  return element("p", "After each run's best epoch by mean IoU.") + html;
}

std::string confusion_html(const ReportedRuns& runs) {
  const std::string plots = for_histograms(runs, confusion_of);
  if (plots.empty()) return {};
  return element("p",
                 "Every row is a true class: how its pixels are divided among the predicted classes, in percent, after "
                 "each run's best epoch. The diagonal is right.") +
         plots;
}

std::string clusters_html(const ReportedRuns& runs) {
  const std::string plots = for_histograms(runs, composition_of);
  if (plots.empty()) return {};
  const auto first = std::find_if(runs.begin(), runs.end(), [](const ReportedRun& run) { return run.best(); });
  return concat(element("p",
                        "The class that each cluster stands for, and the true classes of its pixels; behind the "
                        "bar its share of all pixels."),
                class_legend(*first, first->best()->scores.iou.size()), plots);
}

}  // namespace bareseg
