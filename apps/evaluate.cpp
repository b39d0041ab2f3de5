#include "apps/evaluate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/clusterer.h"
#include "apps/score_images.h"
#include "apps/text_table.h"
#include "engine/file.h"

namespace bareseg {
namespace {

struct NamedMatching {
  const char* name;
  Matching how;
};

constexpr NamedMatching kHungarian{"hungarian", Matching::hungarian}, kMajority{"majority", Matching::majority},
    kIdentity{"identity", Matching::identity};

// What one classifier found.
struct Result {
  std::string name;
  Histogram histogram;
  bool fresh = false;  // a clustering of this evaluation
};

std::string group_table(const ThingStuff& groups) {
  std::vector<std::vector<std::string>> rows{{"", "things ACC", "mIoU", "stuff ACC", "mIoU"}};
  const auto add = [&](const char* name, const ThingStuff::Pair& pair) {
    rows.push_back({name, fixed(pair.things.accuracy, 2), fixed(pair.things.mean_iou, 2), fixed(pair.stuff.accuracy, 2),
                    fixed(pair.stuff.mean_iou, 2)});
  };
  add("full matrix, group means", groups.full);
  add("blocks in label order", groups.label_order);
  add("blocks in cluster order (the authors')", groups.cluster_order);
  return table(rows);
}

nlohmann::json group_json(const ThingStuff::Pair& pair) {
  const auto group = [](const GroupScores& s) { return nlohmann::json{{"ACC", s.accuracy}, {"mIoU", s.mean_iou}}; };
  return {{"things", group(pair.things)}, {"stuff", group(pair.stuff)}};
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

class Evaluation {
 public:
  explicit Evaluation(const EvaluateOptions& options)
      : options_(options),
        device_(options.device.open()),
        segmenter_(load_segmenter(options.checkpoint, device_)),
        data_(open_dataset(options.data, options.split == "train" ? Split::train : Split::val)),
        scoring_{.protocol = options.protocol != "auto"    ? options.protocol
                             : segmenter_.frame == "whole" ? "full"
                                                           : "crop",
                 .side = options.resolution > 0 ? options.resolution : segmenter_.resolution,
                 .label_side = options.label_resolution,
                 .inference = options.inference,
                 .dtype = options.device.float_type(),
                 .batch = options.batch,
                 .load = options.load} {
    BS_CHECK(data_->has_labels(), "evaluate: the data set has no labels to score against");
    BS_CHECK(!segmenter_.classifiers.empty() || options.repeats > 0, options.checkpoint,
             ": has no classifier to score; --repeats makes some");
    for (const ClassInfo& c : data_->classes()) names_.push_back(c.name);
    matchings_ = chosen_matchings();
  }

  void run() {
    score_stored();
    for (int64_t r = 0; r < options_.repeats; ++r) score_clustering(options_.seed + static_cast<uint64_t>(r));
    for (const Result& result : results_) {
      if (!result.fresh || options_.repeats == 1) print(result);
    }
    print_summary();
    if (!options_.json.empty()) write_file_atomically(options_.json, json().dump(2) + "\n");
    if (!options_.csv.empty()) write_file_atomically(options_.csv, csv());
  }

 private:
  std::vector<NamedMatching> chosen_matchings() const {
    const std::string& how = options_.matching;
    const bool learnt = segmenter_.method == "supervised" && segmenter_.class_names == names_;
    BS_CHECK(how != kIdentity.name || segmenter_.class_names == names_,
             "--matching identity: the checkpoint's classes are not those of the data set");
    if (how == "auto") return learnt ? std::vector{kIdentity, kHungarian} : std::vector{kHungarian, kMajority};
    for (const NamedMatching& m : {kHungarian, kMajority}) {
      if (how == m.name) return {m};
    }
    return {kIdentity};
  }

  void score_stored() {
    if (segmenter_.classifiers.empty()) return;
    const std::vector<Histogram> histograms = histograms_of(segmenter_.classifiers);
    for (size_t i = 0; i < histograms.size(); ++i) results_.push_back({concat("classifier ", i + 1), histograms[i]});
  }

  // Each from the checkpoint's own running statistics, so that its scores do not depend on those before it.
  void score_clustering(uint64_t seed) {
    segmenter_ = load_segmenter(options_.checkpoint, device_);
    const auto images = open_dataset(options_.data, options_.cluster_split == "train" ? Split::train : Split::val);
    Loader loader(*images, options_.load.loader(options_.batch, scoring_.side));
    int64_t clusters = options_.clusters;
    if (clusters == 0)
      clusters = segmenter_.classifiers.empty() ? std::ssize(names_) : segmenter_.classifiers[0].size();
    const Tensor centroids = cluster_features(*segmenter_.network, loader, images->size(),
                                              {.clusters = clusters, .seed = seed}, options_.device.float_type());
    results_.push_back({concat("clustering ", seed), histograms_of({{.weight = centroids}}).front(), true});
  }

  std::vector<Histogram> histograms_of(const std::vector<Classifier>& classifiers) {
    Scored scored = score_images(*segmenter_.network, classifiers, *data_, scoring_);
    images_ = scored.images;
    return std::move(scored.histograms);
  }

  void print(const Result& result) const {
    for (const NamedMatching& m : matchings_) {
      const std::vector<int64_t> match = match_clusters(result.histogram, m.how);
      std::printf("%s, %s matching\n%s\n", result.name.c_str(), m.name,
                  class_table(score(result.histogram, match), names_).c_str());
      if (data_->thing_classes() == 0) continue;
      std::printf("%s\n", group_table(thing_stuff(result.histogram, match, data_->thing_classes())).c_str());
    }
  }

  // Accuracy and mean IoU of the fresh clusterings.
  struct Fresh {
    std::vector<double> accuracy, mean_iou;
  };
  Fresh fresh(Matching how) const {
    Fresh f;
    for (const Result& result : results_) {
      if (!result.fresh) continue;
      const Scores s = score(result.histogram, match_clusters(result.histogram, how));
      f.accuracy.push_back(s.accuracy);
      f.mean_iou.push_back(s.mean_iou);
    }
    return f;
  }

  void print_summary() const {
    std::vector<std::vector<std::string>> rows{{""}};
    for (const NamedMatching& m : matchings_) rows[0].insert(rows[0].end(), {concat(m.name, " ACC"), "mIoU"});
    for (const Result& result : results_) {
      rows.push_back({result.name});
      for (const NamedMatching& m : matchings_) {
        const Scores s = score(result.histogram, match_clusters(result.histogram, m.how));
        rows.back().insert(rows.back().end(), {fixed(s.accuracy, 2), fixed(s.mean_iou, 2)});
      }
    }
    if (options_.repeats > 1) {
      rows.push_back({"clusterings, mean +- std"});
      for (const NamedMatching& m : matchings_) {
        const Fresh f = fresh(m.how);
        rows.back().insert(rows.back().end(), {mean_and_spread(f.accuracy), mean_and_spread(f.mean_iou)});
      }
    }
    std::printf("%s%lld images\n", table(rows).c_str(), static_cast<long long>(images_));
  }

  nlohmann::json json() const {
    nlohmann::json out = {{"checkpoint", options_.checkpoint},
                          {"images", images_},
                          {"classes", names_},
                          {"protocol", scoring_.protocol},
                          {"resolution", scoring_.side},
                          {"label_resolution", options_.label_resolution},
                          {"tta", options_.inference.tta},
                          {"crf", options_.inference.crf}};
    for (const Result& result : results_) {
      for (const NamedMatching& m : matchings_) {
        const std::vector<int64_t> match = match_clusters(result.histogram, m.how);
        nlohmann::json entry = to_json(result.histogram, match);
        entry["name"] = result.name;
        entry["matching"] = m.name;
        if (data_->thing_classes() > 0) {
          const ThingStuff groups = thing_stuff(result.histogram, match, data_->thing_classes());
          entry["groups"] = {{"full", group_json(groups.full)},
                             {"label_order", group_json(groups.label_order)},
                             {"cluster_order", group_json(groups.cluster_order)}};
        }
        out["results"].push_back(entry);
      }
    }
    for (const NamedMatching& m : matchings_) {
      if (options_.repeats == 0) break;
      const Fresh f = fresh(m.how);
      const auto moments = [](const std::vector<double>& values) {
        const MeanAndSpread s = mean_and_spread_of(values);
        return nlohmann::json{{"mean", s.mean}, {"std", s.spread}};
      };
      out["clusterings"][m.name] = {{"ACC", moments(f.accuracy)}, {"mIoU", moments(f.mean_iou)}};
    }
    return out;
  }

  std::string csv() const {
    std::ostringstream out;
    out << "name,matching,ACC,mIoU,mean recall";
    for (const std::string& name : names_) out << "," << quoted("IoU " + name);
    out << "\n";
    for (const Result& result : results_) {
      for (const NamedMatching& m : matchings_) {
        const Scores s = score(result.histogram, match_clusters(result.histogram, m.how));
        out << result.name << "," << m.name << "," << fixed(s.accuracy, 4) << "," << fixed(s.mean_iou, 4) << ","
            << fixed(s.mean_recall, 4);
        for (const double iou : s.iou) out << "," << (iou != iou ? std::string() : fixed(iou, 4));
        out << "\n";
      }
    }
    return out.str();
  }

  EvaluateOptions options_;
  Device device_;
  Segmenter segmenter_;
  std::unique_ptr<Dataset> data_;
  ScoringOptions scoring_;
  std::vector<std::string> names_;
  std::vector<NamedMatching> matchings_;
  std::vector<Result> results_;
  int64_t images_ = 0;  // scored
};

}  // namespace

void EvaluateOptions::declare(CLI::App& app) {
  app.add_option("checkpoint", checkpoint, "file that training wrote")->required()->check(CLI::ExistingFile);
  declare_dataset(app, data);
  const auto add = [&](const char* name, auto& value, const char* help, const char* group) {
    return app.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--split", split, "of the data set: train or val", "Data")->check(CLI::IsMember({"train", "val"}));
  load.declare(app);
  add("--batch", batch, "images at a time", "Protocol")->check(CLI::Range(1, 65536));
  add("--protocol", protocol,
      "what the network sees: crop (short side to --resolution, centre square), full (short side, the whole image), "
      "fit (long side, the whole image), auto: as the checkpoint was scored in training",
      "Protocol")
      ->check(CLI::IsMember({"auto", "crop", "full", "fit"}));
  add("--resolution", resolution, "that side, 0 for the checkpoint's", "Protocol")->check(CLI::Range(0, 8192));
  add("--label-resolution", label_resolution,
      "short side of the label maps that are scored; 0: crop: as the images, else their own size", "Protocol")
      ->check(CLI::Range(0, 8192));
  add("--matching", matching,
      "cluster to class: hungarian (one to one), majority (each its commonest), identity (as learnt), auto: two of "
      "them",
      "Protocol")
      ->check(CLI::IsMember({"auto", "hungarian", "majority", "identity"}));
  add("--repeats", repeats, "fresh clusterings of the network's features to score too", "Clustering")
      ->check(CLI::Range(0, 1000));
  add("--clusters", clusters, "of those; 0: as many as the checkpoint's first classifier has, or as classes",
      "Clustering")
      ->check(CLI::Range(0, 100'000));
  add("--cluster-split", cluster_split, "images that are clustered: train or val", "Clustering")
      ->check(CLI::IsMember({"train", "val"}));
  add("--seed", seed, "of the first clustering; the next have the next", "Clustering");
  inference.declare(app);
  device.declare(app);
  add("--json", json, "file to write the scores to", "Output");
  add("--csv", csv, "file to write a line of scores for each classifier and matching to", "Output");
}

int run_evaluate(const EvaluateOptions& options) {
  Evaluation(options).run();
  return 0;
}

}  // namespace bareseg
