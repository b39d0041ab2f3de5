// The layouts of the data sets that the program knows.
#include <algorithm>
#include <functional>
#include <sstream>

#include "data/file_dataset.h"
#include "data/id_list.h"
#include "data/scenes.h"
#include "engine/error.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    const fs::path path(part);
    BS_CHECK(!part.empty() && !path.is_absolute() && std::find(path.begin(), path.end(), "..") == path.end(),
             "splits: expected names of folders, comma-separated, got '", text, "'");
    parts.push_back(part);
  }
  return parts;
}

void check_root(const DatasetOptions& options) {
  BS_CHECK(!options.root.empty(), "data set ", options.kind, ": expected the folder that holds it");
  BS_CHECK(fs::is_directory(options.root), options.root.string(), ": no such folder");
}

// The label folders count only where every split has one.
void drop_missing_labels(std::vector<PairFolder>& folders) {
  const bool all = std::all_of(folders.begin(), folders.end(),
                               [](const PairFolder& folder) { return fs::is_directory(folder.labels); });
  if (all) return;
  for (PairFolder& folder : folders) folder.labels.clear();
}

// The user's list; else the lists of the splits, by `list_of`, where each exists; else every image.
std::vector<FilePair> find_pairs(const DatasetOptions& options, const std::vector<std::string>& splits,
                                 const std::vector<PairFolder>& folders,
                                 const std::function<fs::path(const std::string&)>& list_of) {
  if (!options.list.empty()) return pair_files(folders, read_id_list(options.list));
  std::vector<FilePair> pairs;
  for (size_t i = 0; i < folders.size(); ++i) {
    const fs::path list = list_of(splits[i]);
    const std::vector<FilePair> part =
        fs::exists(list) ? pair_files({folders[i]}, read_id_list(list)) : pair_files({folders[i]});
    pairs.insert(pairs.end(), part.begin(), part.end());
  }
  return pairs;
}

bool labelled(const std::vector<PairFolder>& folders) { return !folders.front().labels.empty(); }

// images/SPLIT, labels/SPLIT, SPLIT.txt, classes.txt.
std::unique_ptr<Dataset> open_folder(const DatasetOptions& options, const std::vector<std::string>& splits,
                                     const ClassTable* built_in) {
  std::vector<PairFolder> folders;
  for (const std::string& split : splits) {
    folders.push_back({options.root / "images" / split, options.root / "labels" / split, "", ""});
  }
  drop_missing_labels(folders);
  std::vector<FilePair> pairs =
      find_pairs(options, splits, folders, [&](const std::string& split) { return options.root / (split + ".txt"); });
  ClassTable table;
  if (labelled(folders)) {
    const fs::path file = options.root / "classes.txt";
    table = built_in != nullptr && !fs::exists(file) ? *built_in : read_class_table(file);
  }
  return std::make_unique<FileDataset>(std::move(pairs), std::move(table), Orientation::stored);
}

std::unique_ptr<Dataset> open_coco_stuff(const DatasetOptions& options, const std::vector<std::string>& splits) {
  std::vector<PairFolder> folders;
  const auto list_of = [&](const std::string& split) {
    return options.root / "curated" / split / "Coco164kFull_Stuff_Coarse_7.txt";
  };
  for (const std::string& split : splits) {
    folders.push_back({options.root / "images" / split, options.root / "annotations" / split, "", ""});
    // Without it the images would be others than those that results are published for.
    BS_CHECK(!options.list.empty() || fs::exists(list_of(split)), list_of(split).string(),
             ": the list of images is missing; put it there or name a list");
  }
  drop_missing_labels(folders);
  return std::make_unique<FileDataset>(find_pairs(options, splits, folders, list_of), coco_stuff_classes(),
                                       Orientation::stored);
}

std::vector<std::string> cityscapes_splits(const fs::path& images, Split split) {
  const auto existing = [&](std::vector<std::string> names) {
    std::erase_if(names, [&](const std::string& name) { return !fs::is_directory(images / name); });
    return names;
  };
  if (split == Split::val) {
    const std::vector<std::string> found = existing({"val", "train"});
    return found.empty() ? std::vector<std::string>{"val"} : found;
  }
  const std::vector<std::string> found = existing({"test", "train_extra"});
  return found.empty() ? std::vector<std::string>{"train"} : found;
}

std::unique_ptr<Dataset> open_cityscapes(const DatasetOptions& options, Split split) {
  const fs::path images = options.root / "leftImg8bit";
  BS_CHECK(fs::is_directory(images), images.string(), ": no such folder");
  // The authors keep the labels one level lower than the archive does.
  const fs::path nested = options.root / "annotations" / "gtFine";
  const fs::path labels = fs::is_directory(nested) ? nested : options.root / "gtFine";
  const std::vector<std::string> splits =
      options.splits.empty() ? cityscapes_splits(images, split) : split_commas(options.splits);
  std::vector<PairFolder> folders;
  for (const std::string& name : splits) {
    folders.push_back({images / name, labels / name, "_leftImg8bit", "_gtFine_labelIds"});
  }
  drop_missing_labels(folders);
  std::vector<FilePair> pairs = find_pairs(options, splits, folders, [](const std::string&) { return fs::path(); });
  for (FilePair& pair : pairs) pair.id = fs::path(pair.id).filename().string();  // it names the city already
  return std::make_unique<FileDataset>(std::move(pairs), cityscapes_classes(options.cityscapes_19),
                                       Orientation::stored);
}

std::unique_ptr<Dataset> open_images(const DatasetOptions& options) {
  const std::vector<PairFolder> folder = {{options.root, {}, "", ""}};
  return std::make_unique<FileDataset>(
      options.list.empty() ? pair_files(folder) : pair_files(folder, read_id_list(options.list)), ClassTable(),
      Orientation::exif);
}

std::vector<std::string> splits_or(const DatasetOptions& options, const std::vector<std::string>& usual) {
  return options.splits.empty() ? usual : split_commas(options.splits);
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DatasetOptions& options, Split split) {
  const bool train = split == Split::train;
  if (options.kind == "scenes") return open_scenes(options, split);
  static const std::vector<std::string> kinds = {"camvid", "folder", "images", "coco-stuff", "cityscapes"};
  BS_CHECK(std::find(kinds.begin(), kinds.end(), options.kind) != kinds.end(),
           "data set: expected scenes, camvid, folder, images, coco-stuff or cityscapes, got '", options.kind, "'");
  check_root(options);
  if (options.kind == "camvid") {
    const ClassTable classes = camvid_classes();
    const std::vector<std::string> usual =
        train ? std::vector<std::string>{"train"} : std::vector<std::string>{"val", "test"};
    return open_folder(options, splits_or(options, usual), &classes);
  }
  if (options.kind == "folder") return open_folder(options, splits_or(options, {train ? "train" : "val"}), nullptr);
  if (options.kind == "images") return open_images(options);
  if (options.kind == "cityscapes") return open_cityscapes(options, split);
  return open_coco_stuff(options, splits_or(options, {train ? "train2017" : "val2017"}));
}

}  // namespace bareseg
