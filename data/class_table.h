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
/// 27 classes, the 19 of the benchmark, or 7 categories. @throws Error on another number.
ClassTable cityscapes_classes(int64_t count);
/// 27 coarse classes, or the 171 fine ones that occur. @throws Error on another number.
ClassTable coco_stuff_classes(int64_t count);
ClassTable voc_classes();
/// 150 classes; label value 0, everything else, is ignored.
ClassTable ade20k_classes();

/// All of the above.
std::vector<ClassTable> known_class_tables();

}  // namespace bareseg
