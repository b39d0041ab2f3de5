#include "apps/report.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/html_page.h"
#include "apps/legend.h"
#include "apps/report_page.h"
#include "apps/run.h"
#include "engine/file.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

std::string epoch_of(const CheckpointExtra& extra) {
  if (!extra.metadata.contains("epoch")) return {};
  const int64_t done = metadata_number(extra.metadata, "epoch");
  const bool inside = extra.metadata.contains("steps") && metadata_number(extra.metadata, "steps") > 0;
  return inside ? concat(", inside epoch ", done) : concat(", after epoch ", done - 1);
}

void load_weights(ReportedRun& run, const std::string& preferred, Device device) {
  for (const std::string& name : {preferred, std::string("best"), std::string("last")}) {
    const fs::path file = run.record.folder / (name + ".safetensors");
    if (!fs::exists(file)) continue;
    try {
      CheckpointExtra extra;
      run.segmenter = load_segmenter(file, device, &extra);
      run.weights = file.filename().string() + epoch_of(extra);
    } catch (const Error& error) {
      run.segmenter.reset();
      run.weights = "no weights: " + error.message();
    }
    return;
  }
  run.weights = "no weights: the run has no checkpoint yet";
}

ReportedRuns open_runs(const ReportOptions& options) {
  const Device device = options.device.open();
  ReportedRuns runs;
  for (const std::string& folder : options.runs) {
    ReportedRun run{.record = read_run(folder), .colour = static_cast<int>(runs.size())};
    load_weights(run, options.checkpoint, device);
    runs.push_back(std::move(run));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto namesake = [&](const ReportedRun& other) {
      return &other != &runs[i] && fs::weakly_canonical(other.record.folder).filename() ==
                                       fs::weakly_canonical(runs[i].record.folder).filename();
    };
    if (std::any_of(runs.begin(), runs.end(), namesake)) runs[i].record.name = options.runs[i];
  }
  return runs;
}

// Names of the checkpoint, or of the data set where there is no checkpoint.
void name_classes(ReportedRun& run, const ReportData& data) {
  std::vector<ClassInfo> of_data;
  if (data.dataset != nullptr) of_data = data.dataset->classes();
  if (run.segmenter && !run.segmenter->class_names.empty()) {
    run.classes = classes_named(run.segmenter->class_names, of_data);
  } else if (const auto best = run.best(); best && best->scores.iou.size() == of_data.size()) {
    run.classes = of_data;
  }
}

}  // namespace

std::optional<ReportedRun::Best> ReportedRun::best() const {
  const nlohmann::json* epoch = record.best_epoch();
  if (epoch == nullptr) return std::nullopt;
  const std::string score_name = record.score_names().front();
  return Best{(*epoch)["epoch"].get<int64_t>(), score_name, *record.scores(*epoch, score_name)};
}

std::string class_name(const std::vector<ClassInfo>& classes, size_t index) {
  return index < classes.size() ? classes[index].name : concat("class ", index);
}

void ReportOptions::declare(CLI::App& app) {
  app.add_option("runs", runs, "folders of runs, for example runs/picie")->required();
  app.add_option("--out", out, "file to write")->capture_default_str()->group("Output");
  app.add_option("--images", images, "validation images to show")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str()
      ->group("Output");
  app.add_option("--checkpoint", checkpoint, "weights that segment them: best (by mIoU, where there is one) or last")
      ->check(CLI::IsMember({"best", "last"}))
      ->capture_default_str()
      ->group("Output");
  app.add_option("--data", data, "folder of the data set, where it is no longer the one that the first run names")
      ->group("Data");
  device.declare(app);
}

int report(const ReportOptions& options) {
  ReportedRuns runs = open_runs(options);
  const ReportData data = open_report_data(runs, options.data);
  for (ReportedRun& run : runs) name_classes(run, data);

  std::string title = "bareseg:";
  for (size_t i = 0; i < runs.size(); ++i) title += (i == 0 ? " " : ", ") + runs[i].record.name;
  HtmlPage page(title, {});
  const auto add = [&page](const char* id, const char* heading, const std::string& html) {
    if (!html.empty()) page.section(id, heading, html);
  };
  add("summary", "Summary", summary_html(runs));
  add("curves", "Training", curves_html(runs));
  add("classes", "IoU per class", class_scores_html(runs));
  add("images", "Validation images", gallery_html(runs, data, options.images, options.device.float_type()));
  add("confusion", "Confusion", confusion_html(runs));
  add("clusters", "Clusters and classes", clusters_html(runs));
  add("occupancy", "Cluster occupancy", occupancy_html(runs));
  add("timing", "Time", timing_html(runs));
  add("configuration", "Configuration", configuration_html(runs));
  write_file_atomically(options.out, page.text());
  log_info(concat("report of ", runs.size(), runs.size() == 1 ? " run: " : " runs: ", options.out));
  return 0;
}

}  // namespace bareseg
