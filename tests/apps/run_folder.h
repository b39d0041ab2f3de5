// Folders of runs for tests of what reads them, written as training writes them.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/text_table.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {

/// A data set of kind folder with the classes of tiny_segmenter() and three labelled images in each split.
inline void put_data_set(const std::filesystem::path& root) {
  put_file(root / "classes.txt", "0 sky 10 20 30\n1 stone wall 40 50 60\n2 tree 70 80 90\n255 void\n");
  for (const char* split : {"train", "val"}) {
    for (const char* id : {"a", "b", "c"}) {
      const std::string file = std::string(id) + ".png";
      put_picture(root / "images" / split / file, 40, 30);
      put_labels(root / "labels" / split / file, 40, 30, {0, 1, 2, 2, 255});
    }
  }
}

struct RunFolder {
  std::string method = "picie";
  std::filesystem::path data;
  int64_t planned = 2, done = 2;
  bool scored = true, checkpoint = true;
  std::string transforms = "all";
};

/// Three classes, five clusters as in tiny_segmenter(); the second epoch is the better one.
inline nlohmann::json epoch_line(const RunFolder& run, int64_t epoch) {
  nlohmann::json line = {{"epoch", epoch},
                         {"loss", 2.5 - 0.5 * static_cast<double>(epoch)},
                         {"within", 2.25},
                         {"across", 2.75},
                         {"kmeans_loss", {0.5, 0.25}},
                         {"occupancy", {{10, 20, 30, 40, 0}, {20, 20, 20, 20, 20}}},
                         {"images_per_second", 12.5},
                         {"peak_tensor_bytes", int64_t{1} << 30},
                         {"seconds", {{"train", 3.0}, {"cluster", 1.0}, {"total", 4.0}}}};
  if (run.scored) {
    Histogram h{3, 5, {1, 60, 0, 0, 0, 0, 5, 5, 20, 0, 30, 0, 0, 0, 9}};
    h.counts[1] += 40 * epoch;
    line["view1"] = to_json(h, {2, 0, -1, 1, 0});
    line["view2"] = to_json(h, {2, 0, -1, 1, 0});
  }
  return line;
}

inline void put_run(const std::filesystem::path& folder, const RunFolder& run) {
  put_file(folder / "config.toml",
           concat("[train.", run.method, "]\nout=\"x\"\ndataset=\"folder\"\ndata=\"", run.data.string(),
                  "\"\nepochs=", run.planned, "\nlr=0.001\ntransforms=\"", run.transforms, "\"\nmse=false\n"));
  std::string metrics;
  for (int64_t epoch = 0; epoch < run.done; ++epoch) metrics += epoch_line(run, epoch).dump() + "\n";
  if (run.done > 0) put_file(folder / "metrics.jsonl", metrics);
  if (!run.checkpoint) return;
  Segmenter s = tiny_segmenter();
  if (!run.scored) s.class_names.clear(), s.cluster_classes.clear();
  save_segmenter(folder / "best.safetensors", s,
                 {.tensors = {}, .metadata = {{"epoch", std::to_string(run.done)}, {"steps", "0"}, {"images", "3"}}});
}

}  // namespace bareseg
