// Data sets: numbered images with, perhaps, a label map each.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/image.h"

namespace bareseg {

struct ClassInfo {
  std::string name;
  std::array<uint8_t, 3> colour{};
};

/// Read-only and thread-safe once opened. Indexes run from 0 to size() - 1 in a fixed, sorted order.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// Short identifier of an image, unique in the data set, fit for a file name.
  virtual std::string name(int64_t index) const = 0;
  /// What a message calls an image: its file, or its name where there is none.
  virtual std::string source(int64_t index) const = 0;
  /// @throws Error naming the file when it cannot be read.
  virtual Image image(int64_t index) const = 0;
  /// True when labels() may be called. Training never calls it.
  virtual bool has_labels() const = 0;
  /// Classes 0 .. classes().size() - 1 or kIgnoreLabel, same size as image(index).
  /// @throws Error naming the file when it cannot be read, has another size, or holds a value that is no class.
  virtual LabelMap labels(int64_t index) const = 0;
  /// Names and colours of the classes; empty without labels.
  virtual const std::vector<ClassInfo>& classes() const = 0;
  /// Classes below this number are things, the rest stuff; 0 where the data set makes no such difference.
  virtual int64_t thing_classes() const { return 0; }
};

enum class Split { train, val };  // val: what is scored

/// Kinds and what they read below `root`:
///   scenes      nothing; rendered by the program (data/scenes.h)
///   folder      images/SPLIT, labels/SPLIT (optional), SPLIT.txt (ids, optional), classes.txt (with labels);
///               train: "train", val: "val"
///   camvid      the same layout; train: "train", val: "val" and "test"; a missing classes.txt is built in
///   images      every photograph below root, no labels, turned as its EXIF record says
///   coco-stuff  images/SPLIT, annotations/SPLIT, curated/SPLIT/Coco164kFull_Stuff_Coarse_7.txt; "train2017",
///   "val2017";
///               27 classes, 12 of them things
///   cityscapes  leftImg8bit/SPLIT/CITY, annotations/gtFine or gtFine; train: those of "test" and "train_extra" that
///               exist, else "train"; val: those of "val" and "train" that exist, as PiCIE's authors score
/// Labels are used where every split has a label folder; images of kinds that can have labels are read as stored.
struct DatasetOptions {
  std::string kind = "scenes";
  std::filesystem::path root = {};  // unused by scenes
  std::filesystem::path list = {};  // text file of ids, one per line, in place of the splits' own lists; optional
  std::string splits = {};          // comma-separated folders in place of the usual ones; unused by scenes and images
  int64_t scenes = 256;             // scenes: how many images the split has
  int64_t scene_size = 160;         // scenes: side in pixels
  uint64_t seed = 1;                // scenes: what is rendered
  bool cityscapes_19 = false;       // cityscapes: the 19 evaluation classes in place of 27
};

/// Opens a data set. Files are listed and paired, not decoded.
/// @throws Error naming what is missing: folder, list, label file, class table.
std::unique_ptr<Dataset> open_dataset(const DatasetOptions& options, Split split);

}  // namespace bareseg
