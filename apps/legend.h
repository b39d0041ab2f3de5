// What the values of predicted label maps stand for, and their colours.
#pragma once

#include <string>
#include <vector>

#include "apps/predict.h"
#include "apps/segmenter.h"
#include "data/dataset.h"
#include "data/palette.h"

namespace bareseg {

/// Classes of these names, coloured as `of_data` where it has them, or as a data set that the program knows, or apart.
std::vector<ClassInfo> classes_named(const std::vector<std::string>& names, const std::vector<ClassInfo>& of_data);

struct Legend {
  bool classes = false;  // values are classes; else clusters
  std::vector<ClassInfo> values;
  std::vector<uint8_t> of_cluster;  // value of each cluster, kIgnoreLabel for none
  std::vector<uint8_t> palette;

  /// Of one classifier of a segmenter. @throws Error where label maps cannot hold its clusters.
  Legend(const Segmenter& segmenter, int64_t classifier, const std::vector<ClassInfo>& of_data);

  LabelMap labels(const ClusterMap& map) const;
  /// Read back by read_class_table().
  std::string table() const;
  Image picture() const;
};

}  // namespace bareseg
