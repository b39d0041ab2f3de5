// What the values of a label file mean.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace bareseg {

struct ClassTable {
  static constexpr int16_t kNoClass = -1;

  ClassTable() { of_value.fill(kNoClass); }

  std::vector<ClassInfo> classes;
  std::array<int16_t, 256> of_value;  // class, kIgnoreLabel or kNoClass
  int64_t things = 0;                 // classes below this are things

  /// Classes of a label map, in its order. @throws Error with `name` and the pixel when a value means nothing.
  LabelMap map(const RawLabels& labels, const std::string& name) const;
};

/// Reads lines "VALUE NAME [R G B]"; blank lines and lines that start with # are skipped. Values named void, ignore,
/// unlabeled or unlabelled become kIgnoreLabel; the others are numbered 0, 1, ... in ascending order of value. Without
/// a colour a class gets that of distinct_colours().
/// @throws Error naming the file and the line: no number, a value past 255 or twice, no class at all, more than 255.
ClassTable read_class_table(const std::filesystem::path& file);

ClassTable camvid_classes();
/// The 27 classes, or the 19 of the benchmark.
ClassTable cityscapes_classes(bool evaluated_only);
/// The 27 coarse classes of the 182 fine ones.
ClassTable coco_stuff_classes();

}  // namespace bareseg
