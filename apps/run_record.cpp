#include "apps/run_record.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMaxText = int64_t{256} << 20;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string text_of(const fs::path& file) {
  const std::vector<std::byte> bytes = read_file(file, kMaxText);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void read_options(const fs::path& file, RunRecord& run) {
  std::istringstream in(text_of(file));
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(in);
  } catch (const CLI::Error& error) {
    fail_at(__FILE__, __LINE__, file.string(), ": not a configuration: ", error.what());
  }
  for (const CLI::ConfigItem& item : items) {
    if (item.parents.size() != 2 || item.parents[0] != "train" || item.name == "++" || item.name == "--") continue;
    run.method = item.parents[1];
    std::string value;
    for (const std::string& input : item.inputs) value += (value.empty() ? "" : ",") + input;
    run.options.push_back({item.name, value});
  }
  BS_CHECK(!run.options.empty(), file.string(), ": expected a section [train.METHOD] with the options of a run");
}

void read_epochs(const fs::path& file, RunRecord& run) {
  std::istringstream in(text_of(file));
  int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    nlohmann::json epoch = nlohmann::json::parse(line, nullptr, false);
    if (epoch.is_object() && epoch.contains("epoch") && epoch["epoch"].is_number_integer()) {
      run.epochs.push_back(std::move(epoch));
    } else {
      run.remarks.push_back(concat("metrics.jsonl, line ", number, ": not the numbers of an epoch; left out"));
    }
  }
}

// "2026-11-21 12:00:00 warning ..." and errors.
void read_log(const fs::path& file, RunRecord& run) {
  constexpr size_t kMost = 20, kTime = 19;  // characters
  std::istringstream in(text_of(file));
  std::vector<std::string> found;
  for (std::string line; std::getline(in, line);) {
    if (line.find(" warning ") == kTime || line.find(" error ") == kTime) found.push_back("log.txt: " + line);
  }
  const size_t left_out = found.size() > kMost ? found.size() - kMost : 0;
  if (left_out > 0) run.remarks.push_back(concat("log.txt: ", left_out, " earlier warnings are not shown"));
  run.remarks.insert(run.remarks.end(), found.begin() + static_cast<std::ptrdiff_t>(left_out), found.end());
}

std::vector<double> numbers_of(const nlohmann::json& list) {
  std::vector<double> numbers;
  for (const nlohmann::json& value : list) numbers.push_back(value.is_number() ? value.get<double>() : kNone);
  return numbers;
}

bool whole_numbers(const nlohmann::json& list, int64_t low) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [low](const nlohmann::json& value) {
           return value.is_number_integer() && value.get<int64_t>() >= low;
         });
}

bool are_scores(const nlohmann::json& value) {
  return value.is_object() && value.contains("ACC") && value.contains("mIoU");
}

}  // namespace

double number_of(const nlohmann::json& object, const std::string& key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : kNone;
}

std::string RunRecord::option(const std::string& option_name) const {
  for (const Option& o : options) {
    if (o.name == option_name) return o.value;
  }
  return {};
}

int64_t RunRecord::planned_epochs() const {
  const std::string text = option("epochs");
  return text.empty() ? 0 : std::max<int64_t>(0, std::strtoll(text.c_str(), nullptr, 10));
}

std::vector<std::string> RunRecord::score_names() const {
  std::vector<std::string> names;
  for (const nlohmann::json& epoch : epochs) {
    for (const auto& [key, value] : epoch.items()) {
      if (are_scores(value) && std::find(names.begin(), names.end(), key) == names.end()) names.push_back(key);
    }
  }
  // Those that kept what they are made of: others are further ways to match the same clusters.
  std::stable_partition(names.begin(), names.end(), [&](const std::string& kept) {
    return std::any_of(epochs.begin(), epochs.end(), [&](const nlohmann::json& epoch) {
      return epoch.contains(kept) && epoch[kept].contains("histogram");
    });
  });
  return names;
}

std::optional<EpochScores> RunRecord::scores(const nlohmann::json& epoch, const std::string& score_name) const {
  if (!epoch.contains(score_name) || !are_scores(epoch[score_name])) return std::nullopt;
  const nlohmann::json& from = epoch[score_name];
  EpochScores s{.accuracy = number_of(from, "ACC"), .mean_iou = number_of(from, "mIoU")};
  if (from.contains("IoU") && from["IoU"].is_array()) s.iou = numbers_of(from["IoU"]);
  if (!from.contains("cluster_classes") || !from.contains("histogram")) return s;
  const nlohmann::json &match = from["cluster_classes"], &counts = from["histogram"];
  if (!whole_numbers(match, -1) || !whole_numbers(counts, 0)) return std::nullopt;
  s.cluster_classes = match.get<std::vector<int64_t>>();
  s.histogram = {static_cast<int64_t>(s.iou.size()), static_cast<int64_t>(match.size()),
                 counts.get<std::vector<int64_t>>()};
  const bool fits =
      counts.size() == s.iou.size() * match.size() && std::all_of(s.cluster_classes.begin(), s.cluster_classes.end(),
                                                                  [&](int64_t c) { return c < s.histogram.classes; });
  return fits ? std::optional(s) : std::nullopt;
}

const nlohmann::json* RunRecord::best_epoch() const {
  const std::vector<std::string> names = score_names();
  const nlohmann::json* best = nullptr;
  double highest = -1.0;
  for (const nlohmann::json& epoch : epochs) {
    const std::optional<EpochScores> s = names.empty() ? std::nullopt : scores(epoch, names.front());
    if (!s || !(s->mean_iou > highest)) continue;
    highest = s->mean_iou;
    best = &epoch;
  }
  return best;
}

RunRecord read_run(const fs::path& folder) {
  BS_CHECK(fs::is_directory(folder), folder.string(), ": expected the folder of a run; there is no such folder");
  const fs::path config = folder / "config.toml";
  BS_CHECK(fs::exists(config), folder.string(), ": holds no run: config.toml is missing");
  RunRecord run;
  run.folder = folder;
  run.name = fs::weakly_canonical(folder).filename().string();
  read_options(config, run);
  if (fs::exists(folder / "metrics.jsonl")) read_epochs(folder / "metrics.jsonl", run);
  if (fs::exists(folder / "log.txt")) read_log(folder / "log.txt", run);
  return run;
}

void apply_options(const RunRecord& run, CLI::App& app) {
  std::vector<std::string> args;
  for (const RunRecord::Option& o : run.options) {
    const std::string flag = "--" + o.name;
    if (app.get_option_no_throw(flag) != nullptr && !o.value.empty()) args.push_back(flag + "=" + o.value);
  }
  std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
  try {
    app.parse(args);
  } catch (const CLI::ParseError& error) {
    fail_at(__FILE__, __LINE__, (run.folder / "config.toml").string(), ": ", error.what());
  }
}

}  // namespace bareseg
