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
  /// Classes of whole images, sorted by name; empty where images have none.
  virtual const std::vector<std::string>& image_classes() const;
  /// The number in image_classes() of an image. @throws Error where images have none.
  virtual int64_t image_class(int64_t index) const;
};

enum class Split { train, val };  // val: what is scored

/// Kinds and what they read below `root`:
///   scenes      nothing; rendered by the program (data/scenes.h)
///   folder      images/SPLIT, labels/SPLIT (optional), SPLIT.txt (ids, optional), classes.txt (with labels);
///               train: "train", val: "val"
///   camvid      the same layout; train: "train", val: "val" and "test"; a missing classes.txt is built in
///   images      every photograph below root, no labels, turned as its EXIF record says
///   coco-stuff  images/SPLIT, annotations/SPLIT; "train2017", "val2017". 27 classes, 12 of them things, of the images
///               in curated/SPLIT/Coco164kFull_Stuff_Coarse_7.txt; or 171, 80 of them things, of all images
///   cityscapes  leftImg8bit/SPLIT/CITY, annotations/gtFine or gtFine; train: those of "test" and "train_extra" that
///               exist, else "train"; val: those of "val" and "train" that exist, as PiCIE's authors score;
///               27 classes, the 19 of the benchmark, or 7 categories
///   voc         Pascal VOC 2012: JPEGImages, ImageSets/Segmentation/SPLIT.txt, SegmentationClass, SegmentationClassAug
///               (labels of "trainaug"), in root, root/VOC2012 or root/VOCdevkit/VOC2012; train: "trainaug" where it
///               exists, else "train"; val: "val"; 21 classes with the background
///   ade20k      images/SPLIT, annotations/SPLIT in root or root/ADEChallengeData2016; "training", "validation"; 150
///               classes, everything else is ignored
///   intel       seg_train/seg_train/CLASS and seg_test/seg_test/CLASS, or the same with one level less; no label maps,
///               the folders are classes of whole images
/// Labels are used where every split has a label folder. Images of kinds that can have labels are read as stored, those
/// of "folder" without a label folder as their EXIF record says.
struct DatasetOptions {
  std::string kind = "scenes";
  std::filesystem::path root = {};  // unused by scenes
  std::filesystem::path list = {};  // text file of ids, one per line, in place of the splits' own lists; optional
  std::string splits = {};          // comma-separated, in place of the usual ones; unused by scenes and images
  std::string val_splits = {};      // the same for Split::val alone
  int64_t scenes = 256;             // scenes: how many images the split has
  int64_t val_scenes = 0;           // scenes: the same of "val"; 0: as many
  int64_t scene_size = 160;         // scenes: side in pixels
  uint64_t seed = 1;                // scenes: what is rendered
  int64_t classes = 0;              // cityscapes and coco-stuff: how many; 0: 27
  bool labels = true;               // false: label maps are not looked for, and may be missing or incomplete
};

/// All of the above.
const std::vector<std::string>& dataset_kinds();

/// What must exist, at least one of them, for the split to be there: its folders of images, or its lists. Empty for
/// kinds that have no splits. @throws Error when root is not there.
std::vector<std::filesystem::path> split_places(const DatasetOptions& options, Split split);

/// Opens a data set. Files are listed and paired, not decoded.
/// @throws Error naming what is missing: folder, list, label file, class table.
std::unique_ptr<Dataset> open_dataset(const DatasetOptions& options, Split split);

}  // namespace bareseg
