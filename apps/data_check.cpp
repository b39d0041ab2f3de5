#include "apps/data_check.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <numeric>
#include <vector>

#include "apps/run.h"
#include "apps/text_table.h"
#include "apps/training.h"
#include "data/check.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

struct NamedSplit {
  const char* name;
  Split split;
};

bool is_there(const DatasetOptions& options, Split split) {
  const std::vector<fs::path> places = split_places(options, split);
  return places.empty() ||
         std::any_of(places.begin(), places.end(), [](const fs::path& place) { return fs::exists(place); });
}

std::vector<NamedSplit> wanted_splits(const DataCheckOptions& o) {
  const NamedSplit train{"train", Split::train}, val{"val", Split::val};
  if (o.split == "train") return {train};
  if (o.split == "val") return {val};
  // One and the same images, whichever split is asked for.
  if (o.data.kind == "images") return {{"images", Split::train}};
  if (!o.data.splits.empty() && o.data.val_splits.empty()) return {{o.data.splits.c_str(), Split::train}};
  if (!o.data.list.empty()) return {val};
  std::vector<NamedSplit> splits;
  for (const NamedSplit& s : {train, val}) {
    if (is_there(o.data, s.split)) {
      splits.push_back(s);
    } else {
      std::cout << s.name << ": not there (" << split_places(o.data, s.split).front().string() << ")\n";
    }
  }
  return splits;
}

std::string range(int64_t low, int64_t high) { return low == high ? std::to_string(low) : concat(low, " to ", high); }

std::string share(int64_t part, int64_t whole) {
  return fixed(100.0 * static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1)), 2) + " %";
}

void print_classes(const DataReport& report, const std::vector<ClassInfo>& classes) {
  const auto& pixels = report.class_pixels;
  const int64_t labelled = std::accumulate(pixels.begin(), pixels.end(), int64_t{0});
  std::vector<std::vector<std::string>> rows{{"class", "pixels", "of labelled"}};
  for (size_t c = 0; c < classes.size(); ++c) {
    rows.push_back({concat(c, ' ', classes[c].name), std::to_string(pixels[c]), share(pixels[c], labelled)});
  }
  std::cout << table(rows) << "ignored pixels: " << report.ignored_pixels << ", "
            << share(report.ignored_pixels, labelled + report.ignored_pixels) << " of all\n";
}

void print_image_classes(const DataReport& report, const std::vector<std::string>& classes) {
  std::vector<std::vector<std::string>> rows{{"class", "images"}};
  for (size_t c = 0; c < classes.size(); ++c) {
    rows.push_back({concat(c, ' ', classes[c]), std::to_string(report.class_images[c])});
  }
  std::cout << table(rows);
}

void print_report(const char* split, const Dataset& data, const DataReport& report) {
  std::cout << split << ": " << report.images << " images, " << report.good << " good";
  if (report.good > 0) {
    std::cout << ", width " << range(report.smallest.width, report.largest.width) << ", height "
              << range(report.smallest.height, report.largest.height);
  }
  std::cout << (data.has_labels() ? ", with labels\n" : ", without labels\n");
  if (data.has_labels() && report.good > 0) print_classes(report, data.classes());
  if (!data.image_classes().empty()) print_image_classes(report, data.image_classes());
  for (const DataProblem& p : report.problems) {
    const bool named = p.message.find(p.source) != std::string::npos;
    std::cout << "problem: " << (named ? "" : p.source + ": ") << p.message << '\n';
  }
}

// Whether the split is free of problems.
bool check_split(const DataCheckOptions& options, const NamedSplit& split) {
  try {
    const std::unique_ptr<Dataset> data = open_dataset(options.data, split.split);
    Progress progress(concat("check ", split.name), data->size());
    const DataReport report = check_dataset(
        *data,
        [&](int64_t done, int64_t) {
          progress.update(done);
          stop_when_asked();
        },
        options.threads);
    print_report(split.name, *data, report);
    return report.problems.empty();
  } catch (const Error& error) {
    std::cout << split.name << ": does not open\nproblem: " << error.message() << '\n';
    return false;
  }
}

}  // namespace

void DataCheckOptions::declare(CLI::App& app) {
  declare_dataset(app, data);
  app.add_option("--split", split, "train, val or both")
      ->check(CLI::IsMember({"train", "val", "both"}))
      ->capture_default_str()
      ->group("Data");
  app.add_option("--threads", threads, "CPU threads, 0 for all")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group("Device");
}

int data_check(const DataCheckOptions& options) {
  install_signal_handlers();
  BS_CHECK(options.data.kind == "scenes" || fs::is_directory(options.data.root),
           "--data: expected the folder of the data set, got '", options.data.root.string(), "'");
  const std::vector<NamedSplit> splits = wanted_splits(options);
  BS_CHECK(!splits.empty(), "data set ", options.data.kind, ": expected images in ",
           split_places(options.data, Split::train).front().string(), " or the folders of another split");
  bool good = true;
  for (const NamedSplit& split : splits) good = check_split(options, split) && good;
  std::cout << (good ? "no problem found" : "problems found, see above") << std::endl;
  return good ? 0 : kExitError;
}

}  // namespace bareseg
