// What a run was like: scores at a glance, curves, cluster sizes, time.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "apps/html_page.h"
#include "apps/report_page.h"
#include "apps/svg_plot.h"
#include "apps/text_table.h"
#include "engine/error.h"

namespace bareseg {
namespace {

using Json = nlohmann::json;

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s < 60) return fixed(seconds, 1) + " s";
  if (s < 3600) return concat(s / 60, " min ", s % 60, " s");
  return concat(s / 3600, " h ", s % 3600 / 60, " min");
}

double seconds_of(const RunRecord& run) {
  double total = 0.0;
  for (const Json& epoch : run.epochs) {
    const double s = epoch.contains("seconds") ? number_of(epoch["seconds"], "total") : 0.0;
    if (std::isfinite(s)) total += s;
  }
  return total;
}

std::vector<std::string> summary_row(const ReportedRun& run) {
  const RunRecord& record = run.record;
  const int64_t planned = record.planned_epochs();
  std::vector<std::string> row = {record.name, record.method, record.option("dataset"),
                                  concat(record.epochs.size(), planned > 0 ? concat(" of ", planned) : std::string())};
  const auto best = run.best();
  std::optional<EpochScores> last;
  for (const Json& epoch : record.epochs) {  // not every epoch need be scored
    const auto s = best ? record.scores(epoch, best->score_name) : std::nullopt;
    if (s) last = s;
  }
  row.push_back(best ? concat(fixed(best->scores.mean_iou, 2), " / ", fixed(best->scores.accuracy, 2)) : "-");
  row.push_back(best ? std::to_string(best->epoch) : "-");
  row.push_back(last ? concat(fixed(last->mean_iou, 2), " / ", fixed(last->accuracy, 2)) : "-");
  if (record.epochs.empty()) {
    row.insert(row.end(), {"-", "-", "-", "-"});
    return row;
  }
  const Json& end = record.epochs.back();
  const double bytes = number_of(end, "peak_tensor_bytes");
  row.insert(row.end(), {fixed(number_of(end, "loss"), 4), duration(seconds_of(record)),
                         fixed(number_of(end, "images_per_second"), 1),
                         std::isfinite(bytes) ? fixed(bytes / 0x1p30, 2) + " GiB" : "-"});
  return row;
}

std::string notes_of(const ReportedRun& run) {
  const RunRecord& record = run.record;
  std::vector<std::string> notes;
  const auto done = static_cast<int64_t>(record.epochs.size());
  if (done < record.planned_epochs()) {
    notes.push_back(concat("Not finished: ", done, " of ", record.planned_epochs(),
                           " epochs are done. What follows is about those."));
  }
  if (done > 0 && record.score_names().empty()) {
    notes.emplace_back("The data set has no labels: nothing was scored, and clusters stand for no classes.");
  }
  notes.insert(notes.end(), record.remarks.begin(), record.remarks.end());
  if (notes.empty()) return {};
  std::string html = "<div class=\"note\">" + element("h3", record.name);
  for (const std::string& note : notes) html += element("p", note);
  return html + "</div>\n";
}

// A curve of one run, told apart by colour among runs, and among several curves of a run by dashes; a single run's
// curves differ in colour.
Curve curve_of(const ReportedRuns& runs, const ReportedRun& run, const std::string& name, int index, bool alone) {
  const bool single = runs.size() == 1;
  Curve curve{.name = single ? name : run.record.name, .colour = single ? index : run.colour};
  if (!single && !alone) curve.name += ", " + name;
  if (!single) curve.dash = index;
  return curve;
}

using Value = std::function<double(const Json& epoch)>;

void add_points(Curve& curve, const RunRecord& run, const Value& value) {
  for (const Json& epoch : run.epochs) {
    curve.x.push_back(epoch["epoch"].get<double>());
    curve.y.push_back(value(epoch));
  }
}

bool shows(const Curve& curve) {
  return std::any_of(curve.y.begin(), curve.y.end(), [](double y) { return std::isfinite(y); });
}

// Numbers of the epochs under `keys`.
std::string numbers_plot(const ReportedRuns& runs, const std::string& title, const std::vector<std::string>& keys) {
  std::vector<Curve> curves;
  for (const ReportedRun& run : runs) {
    for (size_t k = 0; k < keys.size(); ++k) {
      Curve curve = curve_of(runs, run, keys[k], static_cast<int>(k), keys.size() == 1);
      add_points(curve, run.record, [&](const Json& epoch) { return number_of(epoch, keys[k]); });
      if (shows(curve)) curves.push_back(std::move(curve));
    }
  }
  return line_plot(title, "epoch", curves);
}

// One number, or one for each view.
double kmeans_loss(const Json& epoch, size_t view) {
  if (!epoch.contains("kmeans_loss")) return std::nan("");
  const Json& losses = epoch["kmeans_loss"];
  const Json& value = losses.is_array() && view < losses.size() ? losses[view] : losses;
  return value.is_number() && (losses.is_array() || view == 0) ? value.get<double>() : std::nan("");
}

std::string kmeans_plot(const ReportedRuns& runs) {
  std::vector<Curve> curves;
  for (const ReportedRun& run : runs) {
    for (size_t view = 0; view < 2; ++view) {
      Curve curve = curve_of(runs, run, concat("view ", view + 1), static_cast<int>(view), false);
      add_points(curve, run.record, [&](const Json& epoch) { return kmeans_loss(epoch, view); });
      if (shows(curve)) curves.push_back(std::move(curve));
    }
  }
  return line_plot("k-means loss", "epoch", curves);
}

std::string scores_plot(const ReportedRuns& runs, const std::string& title, double EpochScores::*value) {
  std::vector<Curve> curves;
  for (const ReportedRun& run : runs) {
    const std::vector<std::string> names = run.record.score_names();
    for (size_t i = 0; i < names.size(); ++i) {
      Curve curve = curve_of(runs, run, names[i], static_cast<int>(i), names.size() == 1);
      add_points(curve, run.record, [&](const Json& epoch) {
        const auto s = run.record.scores(epoch, names[i]);
        return s ? (*s).*value : std::nan("");
      });
      if (shows(curve)) curves.push_back(std::move(curve));
    }
  }
  return line_plot(title, "epoch", curves);
}

// Numbers that change and that no other plot shows.
std::vector<std::string> other_numbers(const ReportedRuns& runs) {
  const std::set<std::string> shown = {"epoch",
                                       "loss",
                                       "within",
                                       "across",
                                       "mse",
                                       "kmeans_loss",
                                       "images_per_second",
                                       "peak_tensor_bytes",
                                       "peak_resident_bytes",
                                       "skipped_images",
                                       "ACC",
                                       "mIoU"};
  std::map<std::string, std::set<double>> values;
  for (const ReportedRun& run : runs) {
    for (const Json& epoch : run.record.epochs) {
      for (const auto& [key, value] : epoch.items()) {
        if (value.is_number() && !shown.contains(key)) values[key].insert(value.get<double>());
      }
    }
  }
  std::vector<std::string> keys;
  for (const auto& [key, different] : values) {
    if (different.size() > 1) keys.push_back(key);
  }
  return keys;
}

// Counts of each view.
std::vector<std::vector<double>> occupancy_of(const Json& epoch) {
  std::vector<std::vector<double>> views;
  if (!epoch.contains("occupancy") || !epoch["occupancy"].is_array()) return views;
  const auto counts = [](const Json& list) {
    std::vector<double> values;
    for (const Json& v : list) values.push_back(v.is_number() ? std::max(0.0, v.get<double>()) : 0.0);
    return values;
  };
  const Json& all = epoch["occupancy"];
  if (!all.empty() && all[0].is_number()) return {counts(all)};
  for (const Json& view : all) {
    if (view.is_array() && !view.empty()) views.push_back(counts(view));
  }
  return views;
}

// Largest cluster first; the note tells how many equal clusters would be as uneven (exp of the entropy).
StackedBar occupancy_bar(int64_t epoch, const std::vector<double>& counts) {
  StackedBar bar{.name = concat("epoch ", epoch)};
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  const double total = std::max(std::accumulate(counts.begin(), counts.end(), 0.0), 1.0);
  double entropy = 0.0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const double share = counts[order[rank]] / total;
    if (share > 0) entropy -= share * std::log(share);
    bar.parts.push_back({share, "var(--c0)", concat("cluster ", order[rank], ": ", fixed(100.0 * share, 2), " %"),
                         rank % 2 == 0 ? 0.9 : 0.45});
  }
  bar.note = fixed(std::exp(entropy), 1);
  return bar;
}

// Mean seconds of each phase over the epochs.
std::map<std::string, double> phases_of(const RunRecord& run) {
  std::map<std::string, double> phases;
  for (const Json& epoch : run.epochs) {
    if (!epoch.contains("seconds") || !epoch["seconds"].is_object()) continue;
    for (const auto& [phase, s] : epoch["seconds"].items()) {
      if (s.is_number() && phase != "total") {
        phases[phase] += s.get<double>() / static_cast<double>(run.epochs.size());
      }
    }
  }
  return phases;
}

}  // namespace

std::string summary_html(const ReportedRuns& runs) {
  std::vector<std::vector<std::string>> rows = {{"run", "method", "data set", "epochs", "best mIoU / ACC", "in epoch",
                                                 "last mIoU / ACC", "last loss", "time", "images/s", "tensors"}};
  std::string notes;
  for (const ReportedRun& run : runs) {
    rows.push_back(summary_row(run));
    notes += notes_of(run);
  }
  return html_table(rows) + notes;
}

std::string curves_html(const ReportedRuns& runs) {
  std::string plots = numbers_plot(runs, "Training loss", {"loss"}) +
                      numbers_plot(runs, "Terms of the loss", {"within", "across", "mse"}) + kmeans_plot(runs) +
                      scores_plot(runs, "Pixel accuracy, %", &EpochScores::accuracy) +
                      scores_plot(runs, "Mean IoU, %", &EpochScores::mean_iou);
  for (const std::string& key : other_numbers(runs)) plots += numbers_plot(runs, key, {key});
  if (plots.empty()) return element("p class=\"muted\"", "No epoch is finished yet.");
  const std::set<std::string> methods = [&] {
    std::set<std::string> names;
    for (const ReportedRun& run : runs) names.insert(run.record.method);
    return names;
  }();
  const std::string note =
      methods.size() > 1 ? element("p class=\"muted\"", "Losses of different methods measure different things.") : "";
  return concat("<div class=\"grid even\">", plots, "</div>\n", note);
}

std::string occupancy_html(const ReportedRuns& runs) {
  constexpr size_t kMostBars = 24;
  std::string plots;
  for (const ReportedRun& run : runs) {
    const size_t epochs = run.record.epochs.size(), step = (epochs + kMostBars - 1) / kMostBars;
    for (size_t view = 0; view < 2; ++view) {
      std::vector<StackedBar> bars;
      for (size_t e = 0; e < epochs; e += step) {
        const Json& epoch = run.record.epochs[e];
        const auto counts = occupancy_of(epoch);
        if (view < counts.size()) bars.push_back(occupancy_bar(epoch["epoch"].get<int64_t>(), counts[view]));
      }
      if (!bars.empty()) plots += stacked_plot(concat(run.record.name, ", view ", view + 1), bars);
    }
  }
  if (plots.empty()) return {};
  return concat(element("p",
                        "Share of the training pixels in each cluster, the largest first; clusters are made anew "
                        "in every epoch. The number behind a bar is how many equal clusters would be as uneven "
                        "(the exponential of the entropy): one that falls towards 1 tells of a collapse."),
                "<div class=\"grid\">", plots, "</div>\n");
}

std::string timing_html(const ReportedRuns& runs) {
  std::vector<std::string> phases;
  for (const ReportedRun& run : runs) {
    for (const auto& [phase, s] : phases_of(run.record)) {
      if (std::find(phases.begin(), phases.end(), phase) == phases.end()) phases.push_back(phase);
    }
  }
  if (phases.empty()) return {};
  std::vector<LegendEntry> legend;
  std::vector<std::vector<std::string>> rows = {{"run"}};
  for (size_t p = 0; p < phases.size(); ++p) {
    legend.push_back({phases[p], plot_colour(static_cast<int>(p))});
    rows[0].push_back(phases[p] + ", s");
  }
  rows[0].insert(rows[0].end(), {"epoch, s", "all epochs"});
  std::vector<StackedBar> bars;
  for (const ReportedRun& run : runs) {
    std::map<std::string, double> of_run = phases_of(run.record);
    StackedBar bar{.name = run.record.name};
    rows.push_back({run.record.name});
    double sum = 0.0;
    for (size_t p = 0; p < phases.size(); ++p) {
      const double s = of_run[phases[p]];
      bar.parts.push_back({s, legend[p].colour, concat(phases[p], ": ", fixed(s, 2), " s")});
      rows.back().push_back(fixed(s, 2));
      sum += s;
    }
    bar.note = duration(sum);
    rows.back().insert(rows.back().end(), {fixed(sum, 2), duration(seconds_of(run.record))});
    bars.push_back(std::move(bar));
  }
  return concat("<div class=\"grid\">", stacked_plot("Mean time of an epoch", bars, html_legend(legend)), "</div>\n",
                html_table(rows));
}

}  // namespace bareseg
