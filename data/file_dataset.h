// Data sets that are image files with label files beside them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/class_table.h"
#include "data/dataset.h"

namespace bareseg {

struct FilePair {
  std::string id;                      // path below the folder of images, without ending
  std::filesystem::path image, label;  // label is empty where there is none
};

/// One folder of images and its labels.
struct PairFolder {
  std::filesystem::path images;
  std::filesystem::path labels;  // empty: images without labels
  std::string image_suffix;      // between an image's id and its ending .jpg, .jpeg or .png
  std::string label_suffix;      // between a label's id and its ending .png
};

/// Pairs of all images of the folders, or of those with the given ids, each looked up in the folders in turn. Sorted by
/// id within a folder; folders in their order.
/// @throws Error naming the files: an id without an image, an image without a label, a label without an image (where no
///         ids are given), two images of one id, a folder without images.
std::vector<FilePair> pair_files(const std::vector<PairFolder>& folders);
std::vector<FilePair> pair_files(const std::vector<PairFolder>& folders, const std::vector<std::string>& ids);

enum class ImageClasses { none, by_folder };  // by_folder: the first part of an id

/// Has labels when every pair has one; then the images are read as stored.
class FileDataset : public Dataset {
 public:
  /// `table` is dropped without labels.
  /// @throws Error when images are to have classes and an id has no folder.
  FileDataset(std::vector<FilePair> pairs, ClassTable table, Orientation orientation,
              ImageClasses image_classes = ImageClasses::none);

  int64_t size() const override { return static_cast<int64_t>(pairs_.size()); }
  std::string name(int64_t index) const override { return names_[checked(index)]; }
  std::string source(int64_t index) const override { return pairs_[checked(index)].image.string(); }
  Image image(int64_t index) const override;
  bool has_labels() const override { return labelled_; }
  LabelMap labels(int64_t index) const override;
  const std::vector<ClassInfo>& classes() const override { return table_.classes; }
  int64_t thing_classes() const override { return table_.things; }
  const std::vector<std::string>& image_classes() const override { return image_classes_; }
  int64_t image_class(int64_t index) const override;

 private:
  size_t checked(int64_t index) const;
  void read_image_classes();

  std::vector<FilePair> pairs_;
  std::vector<std::string> names_;
  ClassTable table_;
  Orientation orientation_;
  bool labelled_;
  std::vector<std::string> image_classes_;
  std::vector<int64_t> image_class_;
};

}  // namespace bareseg
