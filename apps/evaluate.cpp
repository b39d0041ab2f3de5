#include "apps/evaluate.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/evaluate_whole.h"
#include "apps/run.h"
#include "apps/segmenter.h"
#include "apps/text_table.h"
#include "engine/file.h"

namespace bareseg {
namespace {

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

std::vector<Histogram> histograms_of(const EvaluateOptions& o, const Segmenter& segmenter, const Dataset& dataset,
                                     int64_t side, int64_t& skipped) {
  const DType dtype = o.device.float_type();
  std::vector<Histogram> histograms;
  if (segmenter.frame == "whole") {
    for (size_t i = 0; i < segmenter.classifiers.size(); ++i) {
      skipped = 0;
      histograms.push_back(evaluate_whole(segmenter, static_cast<int64_t>(i), dataset, side, dtype, &skipped));
    }
    return histograms;
  }
  Loader loader(dataset, o.load.loader(o.batch, side, side));
  loader.start(every_index(dataset));
  histograms = evaluate(*segmenter.network, segmenter.classifiers, loader,
                        static_cast<int64_t>(dataset.classes().size()), dtype);
  skipped = loader.skipped();
  return histograms;
}

}  // namespace

void EvaluateOptions::declare(CLI::App& app) {
  app.add_option("checkpoint", checkpoint, "file that training wrote")->required()->check(CLI::ExistingFile);
  declare_dataset(app, data);
  load.declare(app);
  device.declare(app);
  app.add_option("--batch", batch, "images at a time")->check(CLI::Range(1, 65536))->capture_default_str();
  app.add_option("--resolution", resolution, "side of the images, 0 for the checkpoint's")
      ->check(CLI::Range(0, 8192))
      ->capture_default_str();
  app.add_option(
         "--matching", matching,
         "cluster to class: hungarian (one to one), majority, identity (cluster k is class k), or auto: identity "
         "where labels were learnt, else hungarian")
      ->check(CLI::IsMember({"auto", "hungarian", "majority", "identity"}))
      ->capture_default_str();
  app.add_option("--json", json, "file to write the scores to");
}

int run_evaluate(const EvaluateOptions& o) {
  const Device device = o.device.open();
  const Segmenter segmenter = load_segmenter(o.checkpoint, device);
  BS_CHECK(!segmenter.classifiers.empty(), o.checkpoint, ": has no classifier to score");
  const auto dataset = open_dataset(o.data, Split::val);
  BS_CHECK(dataset->has_labels(), "evaluate: the data set has no labels to score against");
  const int64_t side = o.resolution > 0 ? o.resolution : segmenter.resolution;
  int64_t skipped = 0;
  const std::vector<Histogram> histograms = histograms_of(o, segmenter, *dataset, side, skipped);
  const auto& classes = dataset->classes();
  std::vector<std::string> names;
  for (const ClassInfo& c : classes) names.push_back(c.name);
  nlohmann::json out = {{"checkpoint", o.checkpoint}, {"images", dataset->size() - skipped}, {"classes", names}};
  const std::string matching = o.matching != "auto"               ? o.matching
                               : segmenter.method == "supervised" ? "identity"
                                                                  : "hungarian";
  const Matching how = matching == "hungarian"  ? Matching::hungarian
                       : matching == "majority" ? Matching::majority
                                                : Matching::identity;
  for (size_t i = 0; i < histograms.size(); ++i) {
    const std::vector<int64_t> match = match_clusters(histograms[i], how);
    const Scores scores = score(histograms[i], match);
    std::printf("classifier %zu, %s matching\n%s\n", i + 1, matching.c_str(), class_table(scores, names).c_str());
    if (dataset->thing_classes() > 0) {
      std::printf("%s\n", group_table(thing_stuff(histograms[i], match, dataset->thing_classes())).c_str());
    }
    out["classifiers"].push_back(to_json(histograms[i], match));
  }
  if (!o.json.empty()) write_file_atomically(o.json, out.dump(2) + "\n");
  return 0;
}

}  // namespace bareseg
