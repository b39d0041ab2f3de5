// The layouts of the data sets that the program knows.
#include <algorithm>
#include <sstream>

#include "data/file_dataset.h"
#include "data/id_list.h"
#include "data/scenes.h"
#include "engine/error.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

using Names = std::vector<std::string>;

enum class ListUse { optional, required };

// How a kind keeps its files. Functions that are null: there is no such thing.
struct Layout {
  const char* kind;
  Names probes;  // the first of these folders that exists below the given one marks the root, as its parent
  Names (*splits)(const fs::path& root, Split split);
  PairFolder (*folder)(const fs::path& root, const std::string& split);
  fs::path (*list)(const fs::path& root, const std::string& split) = nullptr;
  ListUse list_use = ListUse::optional;
  ClassTable (*classes)(const fs::path& root, int64_t count) = nullptr;
  int64_t usual_classes = 0;  // where there is a choice
};

Names existing(const fs::path& folder, Names names) {
  std::erase_if(names, [&](const std::string& name) { return !fs::is_directory(folder / name); });
  return names;
}

Names train_or_val(const fs::path&, Split split) { return {split == Split::train ? "train" : "val"}; }

PairFolder images_and_labels(const fs::path& root, const std::string& split) {
  return {root / "images" / split, root / "labels" / split, "", ""};
}

PairFolder images_and_annotations(const fs::path& root, const std::string& split) {
  return {root / "images" / split, root / "annotations" / split, "", ""};
}

fs::path list_at_root(const fs::path& root, const std::string& split) { return root / (split + ".txt"); }

Layout folder_layout() {
  return {.kind = "folder",
          .probes = {""},
          .splits = train_or_val,
          .folder = images_and_labels,
          .list = list_at_root,
          .classes = [](const fs::path& root, int64_t) { return read_class_table(root / "classes.txt"); }};
}

Layout camvid_layout() {
  Layout layout = folder_layout();
  layout.kind = "camvid";
  layout.splits = [](const fs::path&, Split split) {
    return split == Split::train ? Names{"train"} : Names{"val", "test"};
  };
  layout.classes = [](const fs::path& root, int64_t) {
    const fs::path file = root / "classes.txt";
    return fs::exists(file) ? read_class_table(file) : camvid_classes();
  };
  return layout;
}

fs::path coco_stuff_list(const fs::path& root, const std::string& split) {
  return root / "curated" / split / "Coco164kFull_Stuff_Coarse_7.txt";
}

Layout coco_stuff_layout(int64_t classes) {
  return {.kind = "coco-stuff",
          .probes = {""},
          .splits = [](const fs::path&, Split split) { return Names{split == Split::train ? "train2017" : "val2017"}; },
          .folder = images_and_annotations,
          // The coarse classes are scored on curated images; others would give other results than those published.
          .list = classes == 171 ? nullptr : coco_stuff_list,
          .list_use = ListUse::required,
          .classes = [](const fs::path&, int64_t count) { return coco_stuff_classes(count); },
          .usual_classes = 27};
}

Names cityscapes_splits(const fs::path& root, Split split) {
  const fs::path images = root / "leftImg8bit";
  const Names found = existing(images, split == Split::val ? Names{"val", "train"} : Names{"test", "train_extra"});
  return found.empty() ? Names{split == Split::val ? "val" : "train"} : found;
}

PairFolder cityscapes_folder(const fs::path& root, const std::string& split) {
  // PiCIE's authors keep the labels one level lower than the archive does.
  const fs::path nested = root / "annotations" / "gtFine";
  const fs::path labels = fs::is_directory(nested) ? nested : root / "gtFine";
  return {root / "leftImg8bit" / split, labels / split, "_leftImg8bit", "_gtFine_labelIds"};
}

Layout cityscapes_layout() {
  return {.kind = "cityscapes",
          .probes = {"leftImg8bit"},
          .splits = cityscapes_splits,
          .folder = cityscapes_folder,
          .classes = [](const fs::path&, int64_t count) { return cityscapes_classes(count); },
          .usual_classes = 27};
}

fs::path voc_list(const fs::path& root, const std::string& split) {
  return root / "ImageSets/Segmentation" / (split + ".txt");
}

Names voc_splits(const fs::path& root, Split split) {
  if (split == Split::val) return {"val"};
  const bool augmented = fs::exists(voc_list(root, "trainaug")) && fs::is_directory(root / "SegmentationClassAug");
  return {augmented ? "trainaug" : "train"};
}

Layout voc_layout() {
  return {.kind = "voc",
          .probes = {"JPEGImages", "VOC2012/JPEGImages", "VOCdevkit/VOC2012/JPEGImages"},
          .splits = voc_splits,
          .folder =
              [](const fs::path& root, const std::string& split) {
                const char* labels = split == "trainaug" ? "SegmentationClassAug" : "SegmentationClass";
                return PairFolder{root / "JPEGImages", root / labels, "", ""};
              },
          .list = voc_list,
          .list_use = ListUse::required,
          .classes = [](const fs::path&, int64_t) { return voc_classes(); }};
}

Layout ade20k_layout() {
  return {
      .kind = "ade20k",
      .probes = {"images", "ADEChallengeData2016/images"},
      .splits = [](const fs::path&, Split split) { return Names{split == Split::train ? "training" : "validation"}; },
      .folder = images_and_annotations,
      .classes = [](const fs::path&, int64_t) { return ade20k_classes(); }};
}

Layout intel_layout() {
  return {.kind = "intel",
          .probes = {""},
          .splits =
              [](const fs::path& root, Split split) {
                const std::string name = split == Split::train ? "seg_train" : "seg_test";
                const std::string nested = name + "/" + name;  // as the archive has it
                return Names{fs::is_directory(root / nested) ? nested : name};
              },
          .folder =
              [](const fs::path& root, const std::string& split) {
                return PairFolder{root / split, {}, "", ""};
              }};
}

Layout images_layout() {
  return {.kind = "images",
          .probes = {""},
          .splits = [](const fs::path&, Split) { return Names{""}; },
          .folder =
              [](const fs::path& root, const std::string&) {
                return PairFolder{root, {}, "", ""};
              }};
}

Layout layout_of(const DatasetOptions& options) {
  const Layout layouts[] = {camvid_layout(),     folder_layout(), images_layout(), coco_stuff_layout(options.classes),
                            cityscapes_layout(), voc_layout(),    ade20k_layout(), intel_layout()};
  for (const Layout& layout : layouts) {
    if (options.kind == layout.kind) return layout;
  }
  std::string names;
  for (const std::string& kind : dataset_kinds()) names += (names.empty() ? "" : ", ") + kind;
  fail_at(__FILE__, __LINE__, "data set: expected one of ", names, "; got '", options.kind, "'");
}

Names split_commas(const std::string& text) {
  Names parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    const fs::path path(part);
    BS_CHECK(!part.empty() && !path.is_absolute() && std::find(path.begin(), path.end(), "..") == path.end(),
             "splits: expected names of folders, comma-separated, got '", text, "'");
    parts.push_back(part);
  }
  return parts;
}

fs::path root_of(const DatasetOptions& options, const Layout& layout) {
  BS_CHECK(!options.root.empty(), "data set ", options.kind, ": expected the folder that holds it");
  BS_CHECK(fs::is_directory(options.root), options.root.string(), ": no such folder");
  for (const std::string& probe : layout.probes) {
    const fs::path folder = options.root / probe;
    if (fs::is_directory(folder)) return probe.empty() ? options.root : folder.parent_path();
  }
  fail_at(__FILE__, __LINE__, (options.root / layout.probes.front()).string(), ": no such folder; expected it, as ",
          options.kind, " has it");
}

Names splits_of(const DatasetOptions& options, const Layout& layout, const fs::path& root, Split split) {
  const bool own = split == Split::val && !options.val_splits.empty();
  const std::string& chosen = own ? options.val_splits : options.splits;
  return chosen.empty() || options.kind == "images" ? layout.splits(root, split) : split_commas(chosen);
}

// The label folders count only where every split has one.
void drop_missing_labels(std::vector<PairFolder>& folders) {
  const bool all = std::all_of(folders.begin(), folders.end(),
                               [](const PairFolder& folder) { return fs::is_directory(folder.labels); });
  if (all) return;
  for (PairFolder& folder : folders) folder.labels.clear();
}

// The user's list; else the lists of the splits where they exist; else every image.
std::vector<FilePair> find_pairs(const DatasetOptions& options, const Layout& layout, const fs::path& root,
                                 const Names& splits, const std::vector<PairFolder>& folders) {
  if (!options.list.empty()) return pair_files(folders, read_id_list(options.list));
  std::vector<FilePair> pairs;
  for (size_t i = 0; i < folders.size(); ++i) {
    const fs::path list = layout.list == nullptr ? fs::path() : layout.list(root, splits[i]);
    const bool listed = !list.empty() && fs::exists(list);
    BS_CHECK(listed || list.empty() || layout.list_use == ListUse::optional, list.string(),
             ": the list of images is missing; put it there or name a list");
    const std::vector<FilePair> part = listed ? pair_files({folders[i]}, read_id_list(list)) : pair_files({folders[i]});
    pairs.insert(pairs.end(), part.begin(), part.end());
  }
  return pairs;
}

int64_t class_count(const DatasetOptions& options, const Layout& layout) {
  BS_CHECK(options.classes == 0 || layout.usual_classes > 0,
           "classes: cityscapes (27, 19, 7) and coco-stuff (27, 171) have a choice, ", options.kind, " has none; got ",
           options.classes);
  return options.classes > 0 ? options.classes : layout.usual_classes;
}

}  // namespace

const std::vector<std::string>& Dataset::image_classes() const {
  static const std::vector<std::string> none;
  return none;
}

int64_t Dataset::image_class(int64_t) const {
  fail_at(__FILE__, __LINE__, "this data set has no classes of whole images");
}

const std::vector<std::string>& dataset_kinds() {
  static const Names kinds = {"scenes",     "camvid", "folder", "images", "coco-stuff",
                              "cityscapes", "voc",    "ade20k", "intel"};
  return kinds;
}

std::vector<fs::path> split_places(const DatasetOptions& options, Split split) {
  if (options.kind == "scenes" || options.kind == "images") return {};
  const Layout layout = layout_of(options);
  const fs::path root = root_of(options, layout);
  std::vector<fs::path> places;
  for (const std::string& name : splits_of(options, layout, root, split)) {
    // One folder may hold the images of all splits.
    places.push_back(options.kind == "voc" ? layout.list(root, name) : layout.folder(root, name).images);
  }
  return places;
}

std::unique_ptr<Dataset> open_dataset(const DatasetOptions& options, Split split) {
  if (options.kind == "scenes") return open_scenes(options, split);
  const Layout layout = layout_of(options);
  const fs::path root = root_of(options, layout);
  const int64_t count = class_count(options, layout);
  const Names splits = splits_of(options, layout, root, split);
  std::vector<PairFolder> folders;
  for (const std::string& name : splits) folders.push_back(layout.folder(root, name));
  drop_missing_labels(folders);
  const bool have_labels = !folders.front().labels.empty();
  if (!options.labels) {
    for (PairFolder& folder : folders) folder.labels.clear();
  }
  std::vector<FilePair> pairs = find_pairs(options, layout, root, splits, folders);
  if (options.kind == "cityscapes") {
    for (FilePair& pair : pairs) pair.id = fs::path(pair.id).filename().string();  // it names the city already
  }
  if (layout.classes == nullptr) {
    return std::make_unique<FileDataset>(std::move(pairs), ClassTable(), Orientation::exif,
                                         options.kind == "intel" ? ImageClasses::by_folder : ImageClasses::none);
  }
  return std::make_unique<FileDataset>(
      std::move(pairs), have_labels && options.labels ? layout.classes(root, count) : ClassTable(),
      have_labels || options.kind != "folder" ? Orientation::stored : Orientation::exif);
}

}  // namespace bareseg
