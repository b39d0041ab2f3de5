// The public benchmarks: tiny trees in their layouts, and the pieces of the shared data.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <sstream>

#include "data/check.h"
#include "data/class_table.h"
#include "data/palette.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::string>;
using Values = std::vector<uint8_t>;

class Benchmarks : public testing::Test {
 protected:
  testing::AssertionResult opening_refuses(const DatasetOptions& options, Split split, const Ids& parts) const {
    return refuses([&] { open_dataset(options, split); }, parts);
  }
  TemporaryFolder root_;
};

class Voc : public Benchmarks {
 protected:
  Voc() {
    for (const char* id : {"2007_000032", "2007_000039", "2008_000002", "2011_003271"}) {
      put_file(voc_ / "JPEGImages" / (std::string(id) + ".jpg"), encode_jpeg(drawn_picture(4, 3)));
    }
    put_palette_labels("SegmentationClass/2007_000032.png", {0, 1, 255});
    put_palette_labels("SegmentationClass/2007_000039.png", {20, 255, 0});
    put_file(lists_ / "train.txt", "2007_000032\n");
    put_file(lists_ / "val.txt", "2007_000039\n");
    put_file(lists_ / "trainval.txt", "2007_000032\n2007_000039\n");
  }
  // As VOC stores them: indexes into its colour map.
  void put_palette_labels(const std::string& file, const Values& first) {
    Values rows(12, 0);
    std::copy(first.begin(), first.end(), rows.begin());
    Values palette;
    for (int i = 0; i < 256; ++i) palette.insert(palette.end(), {uint8_t(255 - i), uint8_t(i), 7});
    put_file(voc_ / file, encode_any_png(rows, 4, 3, {.colour_type = 3, .palette = palette}));
  }
  void put_augmented() {
    put_labels(voc_ / "SegmentationClassAug/2007_000032.png", 4, 3, {0, 1, 1});
    put_labels(voc_ / "SegmentationClassAug/2008_000002.png", 4, 3, {0, 2, 2});
    put_file(lists_ / "trainaug.txt", "2008_000002\n2007_000032\n");
  }
  DatasetOptions options() const { return {.kind = "voc", .root = root_.path()}; }

  const fs::path voc_ = root_ / "VOCdevkit/VOC2012";
  const fs::path lists_ = voc_ / "ImageSets/Segmentation";
};

TEST_F(Voc, SplitsAreTheListsInImageSets) {
  EXPECT_EQ(names_of(*open_dataset(options(), Split::train)), (Ids{"2007_000032"}));
  const auto val = open_dataset(options(), Split::val);
  EXPECT_EQ(names_of(*val), (Ids{"2007_000039"}));
  ASSERT_TRUE(val->has_labels());
  const Values labels = val->labels(0).classes;
  EXPECT_EQ(Values(labels.begin(), labels.begin() + 3), (Values{20, 255, 0}));
  DatasetOptions both = options();
  both.splits = "trainval";
  EXPECT_EQ(open_dataset(both, Split::train)->size(), 2);
  both.val_splits = "train";
  EXPECT_EQ(open_dataset(both, Split::train)->size(), 2);
  EXPECT_EQ(names_of(*open_dataset(both, Split::val)), (Ids{"2007_000032"}));
  both.val_splits = "absent";
  EXPECT_TRUE(opening_refuses(both, Split::val, {"ImageSets/Segmentation/absent.txt", "list"}));
}

TEST_F(Voc, TrainsOnTheAugmentedSetWhereItIs) {
  put_file(lists_ / "trainaug.txt", "2008_000002\n2007_000032\n");
  EXPECT_EQ(open_dataset(options(), Split::train)->size(), 1) << "a list without its labels";
  put_augmented();
  const auto train = open_dataset(options(), Split::train);
  EXPECT_EQ(names_of(*train), (Ids{"2007_000032", "2008_000002"}));
  const Values labels = train->labels(0).classes;
  EXPECT_EQ(Values(labels.begin(), labels.begin() + 3), (Values{0, 1, 1})) << "of SegmentationClassAug";
  DatasetOptions plain = options();
  plain.splits = "train";
  EXPECT_EQ(open_dataset(plain, Split::train)->labels(0).classes[2], kIgnoreLabel) << "of SegmentationClass";
  fs::remove(voc_ / "SegmentationClassAug/2008_000002.png");
  EXPECT_TRUE(opening_refuses(options(), Split::train, {"SegmentationClassAug/2008_000002.png is missing"}));
}

TEST_F(Voc, RootMayBeAnyLevel) {
  for (const char* level : {"VOCdevkit", "VOCdevkit/VOC2012"}) {
    DatasetOptions deeper = options();
    deeper.root = root_ / level;
    EXPECT_EQ(open_dataset(deeper, Split::val)->size(), 1) << level;
  }
  DatasetOptions wrong = options();
  wrong.root = lists_;
  EXPECT_TRUE(opening_refuses(wrong, Split::val, {"JPEGImages", "no such folder", "voc"}));
  wrong = options();
  wrong.classes = 19;
  EXPECT_TRUE(opening_refuses(wrong, Split::val, {"classes", "voc has none", "19"}));
}

TEST_F(Voc, ValuesOfNoClassAreNamed) {
  put_palette_labels("SegmentationClass/2007_000039.png", {21});
  EXPECT_TRUE(refuses([&] { open_dataset(options(), Split::val)->labels(0); }, {"2007_000039.png", "value 21"}));
}

class Ade20k : public Benchmarks {
 protected:
  void put(const std::string& split, const std::string& id, const Values& labels) {
    put_file(root_ / ("ADEChallengeData2016/images/" + split + "/" + id + ".jpg"), encode_jpeg(drawn_picture(4, 3)));
    put_labels(root_ / ("ADEChallengeData2016/annotations/" + split + "/" + id + ".png"), 4, 3, labels);
  }
};

TEST_F(Ade20k, ZeroIsIgnoredAndTheRestMovesDown) {
  put("training", "ADE_train_00000001", {1, 2, 3});
  put("validation", "ADE_val_00000001", {0, 1, 150});
  put("validation", "ADE_val_00000002", {151});
  for (const fs::path& root : {root_.path(), root_ / "ADEChallengeData2016"}) {
    const DatasetOptions options = {.kind = "ade20k", .root = root};
    EXPECT_EQ(names_of(*open_dataset(options, Split::train)), (Ids{"ADE_train_00000001"}));
    const auto val = open_dataset(options, Split::val);
    ASSERT_EQ(val->size(), 2);
    const Values labels = val->labels(0).classes;
    EXPECT_EQ(Values(labels.begin(), labels.begin() + 3), (Values{255, 0, 149}));
    EXPECT_TRUE(refuses([&] { val->labels(1); }, {"ADE_val_00000002.png", "value 151"}));
    ASSERT_EQ(val->classes().size(), 150u);
    EXPECT_EQ(val->classes()[0].name, "wall");
    EXPECT_EQ(val->classes()[149].name, "flag");
  }
}

class Intel : public Benchmarks {};

TEST_F(Intel, FoldersAreClassesOfWholeImages) {
  for (const char* file : {"seg_train/seg_train/sea/10.jpg", "seg_train/seg_train/forest/3.jpg",
                           "seg_train/seg_train/forest/20.jpg", "seg_test/seg_test/sea/1.jpg"}) {
    put_file(root_ / file, encode_jpeg(drawn_picture(5, 5)));
  }
  DatasetOptions options = {.kind = "intel", .root = root_.path()};
  const auto train = open_dataset(options, Split::train);
  EXPECT_EQ(names_of(*train), (Ids{"forest_20", "forest_3", "sea_10"}));
  EXPECT_FALSE(train->has_labels());
  EXPECT_EQ(train->image_classes(), (Ids{"forest", "sea"}));
  EXPECT_EQ(train->image_class(1), 0);
  EXPECT_EQ(train->image_class(2), 1);
  EXPECT_EQ(check_dataset(*train).class_images, (std::vector<int64_t>{2, 1}));
  EXPECT_TRUE(refuses([&] { train->image_class(3); }, {"index", "3"}));
  EXPECT_EQ(names_of(*open_dataset(options, Split::val)), (Ids{"sea_1"}));
  options.splits = "seg_test/seg_test";
  EXPECT_EQ(open_dataset(options, Split::train)->size(), 1);

  fs::rename(root_ / "seg_train/seg_train", root_ / "moved");
  fs::remove(root_ / "seg_train");
  fs::rename(root_ / "moved", root_ / "seg_train");
  options.splits.clear();
  EXPECT_EQ(open_dataset(options, Split::train)->image_class(0), 0) << "with one level less";
  put_file(root_ / "seg_train/lone.jpg", encode_jpeg(drawn_picture(5, 5)));
  EXPECT_TRUE(opening_refuses(options, Split::train, {"seg_train/lone.jpg", "folder of a class"}));
  const auto images = open_dataset({.kind = "images", .root = root_.path()}, Split::train);
  EXPECT_TRUE(images->image_classes().empty());
  EXPECT_TRUE(refuses([&] { images->image_class(0); }, {"no classes of whole images"}));
}

class CocoStuffFine : public Benchmarks {};

TEST_F(CocoStuffFine, AllImagesAnd171Classes) {
  put_file(root_ / "images/val2017/000000000139.jpg", encode_jpeg(drawn_picture(4, 3)));
  put_labels(root_ / "annotations/val2017/000000000139.png", 4, 3, {0, 10, 12, 90, 91, 181, 255});
  DatasetOptions options = {.kind = "coco-stuff", .root = root_.path(), .classes = 171};
  const auto data = open_dataset(options, Split::val);
  EXPECT_EQ(data->size(), 1) << "without a curated list";
  ASSERT_EQ(data->classes().size(), 171u);
  EXPECT_EQ(data->thing_classes(), 80);
  EXPECT_TRUE(refuses([&] { data->labels(0); }, {"000000000139.png", "value 90"})) << "hair brush is never painted";
  put_labels(root_ / "annotations/val2017/000000000139.png", 4, 3, {0, 10, 12, 89, 91, 181, 255});
  const Values labels = data->labels(0).classes;
  EXPECT_EQ(Values(labels.begin(), labels.begin() + 7), (Values{0, 10, 11, 79, 80, 170, 255}));
  EXPECT_EQ(data->classes()[11].name, "stop sign");
  EXPECT_EQ(data->classes()[79].name, "toothbrush");
  EXPECT_EQ(data->classes()[80].name, "banner");
  EXPECT_EQ(data->classes()[170].name, "wood");
  options.classes = 19;
  EXPECT_TRUE(opening_refuses(options, Split::val, {"curated/val2017"}));
  put_file(root_ / "curated/val2017/Coco164kFull_Stuff_Coarse_7.txt", "000000000139\n");
  EXPECT_TRUE(opening_refuses(options, Split::val, {"27 or 171", "19"}));
}

TEST(CityscapesClasses, SevenCategories) {
  const ClassTable table = cityscapes_classes(7);
  ASSERT_EQ(table.classes.size(), 7u);
  // First and last id of each category.
  const int ids[7][2] = {{7, 10}, {11, 16}, {17, 20}, {21, 22}, {23, 23}, {24, 25}, {26, 33}};
  for (int category = 0; category < 7; ++category) {
    for (int id = ids[category][0]; id <= ids[category][1]; ++id) {
      EXPECT_EQ(table.of_value[static_cast<size_t>(id)], category) << id;
    }
  }
  EXPECT_EQ(table.of_value[6], kIgnoreLabel);
  EXPECT_EQ(table.of_value[34], ClassTable::kNoClass);
  EXPECT_EQ(table.classes[6].name, "vehicle");
  EXPECT_TRUE(refuses([] { cityscapes_classes(20); }, {"27, 19 or 7", "20"}));
}

TEST(CityscapesClasses, NineteenAreTheTrainIds) {
  const int of_id[27] = {0, 1, -1, -1, 2,  3,  4,  -1, -1, -1, 5,  -1, 6, 7,
                         8, 9, 10, 11, 12, 13, 14, 15, -1, -1, 16, 17, 18};
  const ClassTable table = cityscapes_classes(19);
  for (size_t i = 0; i < 27; ++i) {
    EXPECT_EQ(table.of_value[7 + i], of_id[i] < 0 ? int16_t{kIgnoreLabel} : of_id[i]) << 7 + i;
  }
}

TEST(KnownClassTables, HaveNamesOfTheirOwn) {
  for (const ClassTable& table : known_class_tables()) {
    std::set<std::string> names;
    std::set<int> used;
    for (const ClassInfo& c : table.classes) names.insert(c.name);
    for (const int16_t value : table.of_value) {
      if (value >= 0 && value != kIgnoreLabel) used.insert(value);
    }
    EXPECT_EQ(names.size(), table.classes.size());
    EXPECT_EQ(used.size(), table.classes.size()) << "every class has a label value";
    EXPECT_LE(table.things, std::ssize(table.classes));
  }
}

class SharedBenchmarks : public testing::Test {
 protected:
  // Skips the test where the piece is not at hand.
  fs::path folder(const std::string& name) {
    const auto shared = shared_data();
    return shared && fs::is_directory(*shared / name) ? *shared / name : fs::path();
  }
  static DataReport report(const DatasetOptions& options, Split split) {
    const auto data = open_dataset(options, split);
    const DataReport report = check_dataset(*data);
    for (const DataProblem& p : report.problems) ADD_FAILURE() << p.source << ": " << p.message;
    return report;
  }
  // The colours of a list "VALUE NAME R G B" by value.
  static std::vector<Colour> colours_of(const fs::path& file) {
    const Values bytes = bytes_of(file);
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    std::vector<Colour> colours(256);
    int value = 0, red = 0, green = 0, blue = 0;
    for (std::string name; in >> value >> name >> red >> green >> blue;) {
      colours[static_cast<size_t>(value)] = {uint8_t(red), uint8_t(green), uint8_t(blue)};
    }
    return colours;
  }
};

TEST_F(SharedBenchmarks, Voc) {
  const fs::path root = folder("voc_mini");
  if (root.empty()) GTEST_SKIP() << "no shared voc_mini";
  DatasetOptions options = {.kind = "voc", .root = root};
  EXPECT_EQ(report(options, Split::train).good, 11);
  EXPECT_EQ(report(options, Split::val).good, 12);
  for (const auto& [split, images] : {std::pair{"train", 4}, {"trainval", 16}}) {
    options.splits = split;
    EXPECT_EQ(report(options, Split::train).good, images) << split;
  }
  const std::vector<Colour> colours = colours_of(root / "classes.txt");
  const ClassTable table = voc_classes();
  for (size_t i = 0; i < table.classes.size(); ++i) EXPECT_EQ(table.classes[i].colour, colours[i]) << i;
}

TEST_F(SharedBenchmarks, Ade20k) {
  const fs::path root = folder("ade20k_mini");
  if (root.empty()) GTEST_SKIP() << "no shared ade20k_mini";
  const DatasetOptions options = {.kind = "ade20k", .root = root};
  EXPECT_EQ(report(options, Split::train).good, 2);
  const DataReport val = report(options, Split::val);
  EXPECT_EQ(val.good, 33);
  EXPECT_GT(std::count_if(val.class_pixels.begin(), val.class_pixels.end(), [](int64_t n) { return n > 0; }), 50);
  const std::vector<Colour> colours = colours_of(root / "classes.txt");
  const ClassTable table = ade20k_classes();
  for (size_t i = 0; i < 150; ++i) EXPECT_EQ(table.classes[i].colour, colours[i + 1]) << i;
}

TEST_F(SharedBenchmarks, CocoStuff) {
  const fs::path root = folder("coco_stuff_mini");
  if (root.empty()) GTEST_SKIP() << "no shared coco_stuff_mini";
  DatasetOptions options = {.kind = "coco-stuff", .root = root};
  const DataReport coarse = report(options, Split::val);
  EXPECT_EQ(coarse.good, 19);
  options.classes = 171;
  EXPECT_EQ(report(options, Split::train).good, 48);
  const DataReport fine = report(options, Split::val);
  EXPECT_EQ(fine.good, 24);
  options.list = root / "curated/val2017/Coco164kFull_Stuff_Coarse_7.txt";
  const DataReport listed = report(options, Split::val);
  ASSERT_EQ(listed.good, 19);
  const auto things = [](const DataReport& r, int64_t count) {
    return std::accumulate(r.class_pixels.begin(), r.class_pixels.begin() + count, int64_t{0});
  };
  EXPECT_EQ(things(listed, 80), things(coarse, 12)) << "the same images, the same things";
  EXPECT_EQ(things(listed, 171), things(coarse, 27));
}

TEST_F(SharedBenchmarks, Intel) {
  const fs::path root = folder("intel_mini");
  if (root.empty()) GTEST_SKIP() << "no shared intel_mini";
  const DatasetOptions options = {.kind = "intel", .root = root};
  EXPECT_EQ(report(options, Split::train).class_images, std::vector<int64_t>(6, 60));
  EXPECT_EQ(report(options, Split::val).class_images, std::vector<int64_t>(6, 40));
  EXPECT_EQ(open_dataset(options, Split::val)->image_classes(),
            (Ids{"buildings", "forest", "glacier", "mountain", "sea", "street"}));
}

}  // namespace
}  // namespace bareseg
