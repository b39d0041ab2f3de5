#include "data/file_dataset.h"

#include <algorithm>
#include <set>

#include "data/id_list.h"
#include "engine/error.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kImageEndings[] = {".jpg", ".png", ".jpeg", ".JPG", ".JPEG", ".PNG"};

// Collects what is wrong, so that one message tells of several files.
class Problems {
 public:
  template <typename... Args>
  void add(const Args&... args) {
    if (++count_ <= 5) text_ += concat("\n  ", args...);
  }
  void check(const std::string& what) const {
    BS_CHECK(count_ == 0, what, ": ", count_, " problem", count_ == 1 ? "" : "s", text_, count_ > 5 ? "\n  ..." : "");
  }

 private:
  int64_t count_ = 0;
  std::string text_;
};

fs::path label_of(const PairFolder& folder, const std::string& id) {
  return folder.labels.empty() ? fs::path() : folder.labels / (id + folder.label_suffix + ".png");
}

fs::path find_image(const PairFolder& folder, const std::string& id) {
  for (const char* ending : kImageEndings) {
    fs::path file = folder.images / (id + folder.image_suffix + ending);
    if (fs::exists(file)) return file;
  }
  return {};
}

void check_label(const FilePair& pair, Problems& problems) {
  if (!pair.label.empty() && !fs::exists(pair.label)) {
    problems.add(pair.label.string(), " is missing, the label map of ", pair.image.string());
  }
}

// Labels of the folder whose image is not among `ids`.
void check_lone_labels(const PairFolder& folder, const std::set<std::string>& ids, Problems& problems) {
  const std::string ending = folder.label_suffix + ".png";
  for (const fs::path& file : list_images(folder.labels)) {
    const std::string path = file.string();
    if (!path.ends_with(ending) || ids.contains(path.substr(0, path.size() - ending.size()))) continue;
    problems.add("the image of ", (folder.labels / file).string(), " is missing in ", folder.images.string());
  }
}

std::vector<FilePair> pair_folder(const PairFolder& folder, Problems& problems) {
  std::vector<FilePair> pairs;
  std::set<std::string> ids;
  for (const fs::path& file : list_images(folder.images)) {
    std::string id = (file.parent_path() / file.stem()).string();
    if (!id.ends_with(folder.image_suffix)) continue;
    id.resize(id.size() - folder.image_suffix.size());
    pairs.push_back({id, folder.images / file, label_of(folder, id)});
    check_label(pairs.back(), problems);
    const bool fresh = ids.insert(id).second;
    if (!fresh && !folder.labels.empty()) problems.add(pairs.back().image.string(), ": another image has the same id");
  }
  if (pairs.empty()) problems.add(folder.images.string(), " holds no image ", folder.image_suffix, ".jpg or .png");
  if (!folder.labels.empty()) check_lone_labels(folder, ids, problems);
  return pairs;
}

}  // namespace

std::vector<FilePair> pair_files(const std::vector<PairFolder>& folders) {
  std::vector<FilePair> pairs;
  Problems problems;
  for (const PairFolder& folder : folders) {
    std::vector<FilePair> found = pair_folder(folder, problems);
    pairs.insert(pairs.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
  problems.check("the data set is not complete");
  return pairs;
}

std::vector<FilePair> pair_files(const std::vector<PairFolder>& folders, const std::vector<std::string>& ids) {
  std::vector<std::string> sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::vector<FilePair>> found(folders.size());
  Problems problems;
  for (const std::string& id : sorted) {
    bool exists = false;
    for (size_t i = 0; i < folders.size() && !exists; ++i) {
      const fs::path image = find_image(folders[i], id);
      exists = !image.empty();
      if (!exists) continue;
      found[i].push_back({id, image, label_of(folders[i], id)});
      check_label(found[i].back(), problems);
    }
    if (!exists) problems.add("the image ", (folders.back().images / id).string(), ".jpg (or .png) is missing");
  }
  problems.check("the listed files are not complete");
  std::vector<FilePair> pairs;
  for (std::vector<FilePair>& part : found) {
    pairs.insert(pairs.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return pairs;
}

FileDataset::FileDataset(std::vector<FilePair> pairs, ClassTable table, Orientation orientation,
                         ImageClasses image_classes)
    : pairs_(std::move(pairs)), table_(std::move(table)), orientation_(orientation) {
  labelled_ = std::none_of(pairs_.begin(), pairs_.end(), [](const FilePair& p) { return p.label.empty(); });
  if (!labelled_) table_ = {};
  std::set<std::string> used;
  for (const FilePair& pair : pairs_) {
    std::string name = pair.id;
    std::replace(name.begin(), name.end(), '/', '_');
    std::string unique = name;
    for (int i = 2; !used.insert(unique).second; ++i) unique = concat(name, "-", i);
    names_.push_back(unique);
  }
  if (image_classes == ImageClasses::by_folder) read_image_classes();
}

void FileDataset::read_image_classes() {
  std::set<std::string> folders;
  std::vector<std::string> of_pair;
  for (const FilePair& pair : pairs_) {
    const size_t end = pair.id.find('/');
    BS_CHECK(end != std::string::npos, pair.image.string(), ": expected it in the folder of a class");
    of_pair.push_back(pair.id.substr(0, end));
    folders.insert(of_pair.back());
  }
  image_classes_.assign(folders.begin(), folders.end());
  for (const std::string& folder : of_pair) {
    image_class_.push_back(std::distance(folders.begin(), folders.find(folder)));
  }
}

int64_t FileDataset::image_class(int64_t index) const {
  return image_classes_.empty() ? Dataset::image_class(index) : image_class_[checked(index)];
}

Image FileDataset::image(int64_t index) const {
  return read_image(pairs_[checked(index)].image, labelled_ ? Orientation::stored : orientation_);
}

LabelMap FileDataset::labels(int64_t index) const {
  BS_CHECK(labelled_, "this data set has no labels");
  const FilePair& pair = pairs_[checked(index)];
  LabelMap map = table_.map(read_labels(pair.label), pair.label.string());
  const ImageSize size = read_image_size(pair.image);
  BS_CHECK(map.width == size.width && map.height == size.height, pair.label.string(), ": the label map has ", map.width,
           "x", map.height, " pixels; expected ", size.width, "x", size.height, " as its image ", pair.image.string());
  return map;
}

size_t FileDataset::checked(int64_t index) const {
  BS_CHECK(index >= 0 && index < size(), "Dataset: index must be in [0, ", size(), "), got ", index);
  return static_cast<size_t>(index);
}

}  // namespace bareseg
