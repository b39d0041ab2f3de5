#include "data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/class_table.h"
#include "data/coco_stuff.h"
#include "data/id_list.h"
#include "data/palette.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::string>;

testing::AssertionResult opening_refuses(const DatasetOptions& options, Split split, const Ids& parts) {
  return refuses([&] { open_dataset(options, split); }, parts);
}

class Lists : public testing::Test {
 protected:
  Ids read(std::string_view text) {
    put_file(folder_ / "list.txt", text);
    return read_id_list(folder_ / "list.txt");
  }
  testing::AssertionResult refused(std::string_view text, const std::string& part) {
    return refuses([&] { read(text); }, {"list.txt", part});
  }
  TemporaryFolder folder_;
};

TEST_F(Lists, AcceptsEveryWayToEndALine) {
  const Ids ids = {"b", "a", "city/c d"};
  EXPECT_EQ(read("b\na\ncity/c d\n"), ids);
  EXPECT_EQ(read("b\r\na\r\ncity/c d\r\n"), ids);
  EXPECT_EQ(read("b\na\ncity/c d"), ids);
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "b\na\ncity/c d\n"),
            ids);
  EXPECT_EQ(read("\n  b \n\n\ta\t\n \ncity/c d\n\n"), ids);
}

TEST_F(Lists, RefusesWhatIsNoId) {
  EXPECT_TRUE(refused("", "no id"));
  EXPECT_TRUE(refused(" \n\r\n", "no id"));
  EXPECT_TRUE(refused("a\nb\na\n", ":3: id a is also on line 1"));
  EXPECT_TRUE(refused("a\n../b\n", ":2: an id must stay"));
  EXPECT_TRUE(refused("a/../../b\n", "stay"));
  EXPECT_TRUE(refused("/etc/passwd\n", "stay"));
  EXPECT_TRUE(refused("./a\n", "stay"));
  EXPECT_TRUE(refused("a//b\n", "stay"));
  EXPECT_TRUE(refused(std::string_view("a\0b\n", 4), "NUL"));
  EXPECT_TRUE(refuses([&] { read_id_list(folder_ / "absent.txt"); }, {"absent.txt"}));
  EXPECT_EQ(read("..a\nb..c\n"), (Ids{"..a", "b..c"}));
}

TEST_F(Lists, FoldersAreListedOnceAndInOrder) {
  for (const char* name : {"b/2.JPG", "b/1.png", "a.jpeg", "c.txt", ".hidden.jpg", ".git/d.jpg"}) {
    put_file(folder_ / "tree" / name, "x");
  }
  fs::create_directory_symlink("..", folder_ / "tree/b/up");
  EXPECT_EQ(list_images(folder_ / "tree"), (std::vector<fs::path>{"a.jpeg", "b/1.png", "b/2.JPG"}));
  EXPECT_TRUE(refuses([&] { list_images(folder_ / "absent"); }, {"absent"}));
}

TEST_F(Lists, ClassTables) {
  const auto read_table = [&](std::string_view text) {
    put_file(folder_ / "classes.txt", text);
    return read_class_table(folder_ / "classes.txt");
  };
  const ClassTable table = read_table("# comment\n0 Void\n5 traffic light 1 2 3\r\n2 sky\n\n255 unlabelled 0 0 0\n");
  ASSERT_EQ(table.classes.size(), 2u);
  EXPECT_EQ(table.classes[0].name, "sky");
  EXPECT_EQ(table.classes[0].colour, distinct_colours()[0]);
  EXPECT_EQ(table.classes[1].name, "traffic light");
  EXPECT_EQ(table.classes[1].colour, (Colour{1, 2, 3}));
  EXPECT_EQ(table.map({5, 1, {0, 2, 5, 255, 2}}, "m").classes, (std::vector<uint8_t>{255, 0, 1, 255, 0}));
  EXPECT_TRUE(refuses([&] { table.map({2, 2, {0, 2, 5, 1}}, "m.png"); }, {"m.png", "value 1 at column 1, row 1"}));
  EXPECT_TRUE(refuses([&] { table.map({1, 1, {256}}, "m.png"); }, {"m.png", "value 256"}));
  for (const char* bad : {"sky\n", "256 sky\n", "-1 sky\n", "1 sky\n1 road\n", "1\n", "1x sky\n", "", "0 void\n"}) {
    EXPECT_TRUE(refuses([&] { read_table(bad); }, {"classes.txt"})) << bad;
  }
}

class Layouts : public testing::Test {
 protected:
  void SetUp() override { root_ = folder_ / "data"; }

  // Three labelled images of 4x3 pixels in a split.
  void put_split(const std::string& split, const Ids& ids = {"c", "a", "b"}) {
    for (const std::string& id : ids) {
      put_picture(root_ / "images" / split / (id + ".png"), 4, 3);
      put_labels(root_ / "labels" / split / (id + ".png"), 4, 3, {0, 1, 11});
    }
  }
  void put_classes() { put_file(root_ / "classes.txt", "0 sky 1 2 3\n1 road 4 5 6\n11 void 0 0 0\n"); }

  TemporaryFolder folder_;
  fs::path root_;
};

TEST_F(Layouts, FolderWithLabels) {
  put_split("val");
  put_classes();
  const auto data = open_dataset({.kind = "folder", .root = root_}, Split::val);
  EXPECT_EQ(names_of(*data), (Ids{"a", "b", "c"}));
  ASSERT_TRUE(data->has_labels());
  EXPECT_EQ(data->labels(1).classes, (std::vector<uint8_t>{0, 1, 255, 0, 1, 255, 0, 1, 255, 0, 1, 255}));
  EXPECT_EQ(data->image(0).rgb, drawn_picture(4, 3).rgb);
  ASSERT_EQ(data->classes().size(), 2u);
  EXPECT_EQ(data->classes()[1].name, "road");
  EXPECT_EQ(data->thing_classes(), 0);
  EXPECT_EQ(data->source(2), (root_ / "images/val/c.png").string());
  EXPECT_TRUE(refuses([&] { data->image(3); }, {"index", "3"}));
  EXPECT_TRUE(refuses([&] { data->name(-1); }, {"index", "-1"}));
}

TEST_F(Layouts, FolderWithoutLabelsNeedsNoClasses) {
  put_picture(root_ / "images/train/a.png", 4, 3);
  const auto data = open_dataset({.kind = "folder", .root = root_}, Split::train);
  EXPECT_EQ(data->size(), 1);
  EXPECT_FALSE(data->has_labels());
  EXPECT_TRUE(data->classes().empty());
  EXPECT_TRUE(refuses([&] { data->labels(0); }, {"no labels"}));
}

TEST_F(Layouts, FolderTellsWhatIsMissing) {
  const DatasetOptions options = {.kind = "folder", .root = root_};
  EXPECT_TRUE(opening_refuses(options, Split::val, {root_.string(), "no such folder"}));
  put_split("val");
  EXPECT_TRUE(opening_refuses(options, Split::val, {"classes.txt"}));
  put_classes();
  EXPECT_TRUE(opening_refuses(options, Split::train, {"images/train", "no such folder"}));
  fs::remove(root_ / "labels/val/b.png");
  EXPECT_TRUE(opening_refuses(options, Split::val, {"labels/val/b.png is missing", "images/val/b.png"}));
  put_split("val");
  fs::remove(root_ / "images/val/b.png");
  EXPECT_TRUE(opening_refuses(options, Split::val, {"the image of", "labels/val/b.png", "1 problem"}));
  put_split("val");
  put_picture(root_ / "images/val/b.jpg", 4, 3);
  EXPECT_TRUE(opening_refuses(options, Split::val, {"images/val/b.", "same id"}));
  fs::create_directories(root_ / "images/empty");
  EXPECT_TRUE(opening_refuses({.kind = "folder", .root = root_, .splits = "empty"}, Split::val, {"images/empty"}));
}

TEST_F(Layouts, ListsChooseImages) {
  put_split("val");
  put_classes();
  put_file(root_ / "val.txt", "c\na\n");
  EXPECT_EQ(names_of(*open_dataset({.kind = "folder", .root = root_}, Split::val)), (Ids{"a", "c"}));
  put_file(folder_ / "mine.txt", "b\n");
  DatasetOptions options = {.kind = "folder", .root = root_, .list = folder_ / "mine.txt"};
  EXPECT_EQ(names_of(*open_dataset(options, Split::val)), (Ids{"b"}));
  put_file(folder_ / "mine.txt", "b\nabsent\n");
  EXPECT_TRUE(opening_refuses(options, Split::val, {"images/val/absent"}));
  fs::remove(root_ / "labels/val/b.png");
  put_file(folder_ / "mine.txt", "b\n");
  EXPECT_TRUE(opening_refuses(options, Split::val, {"labels/val/b.png is missing"}));
  options.list = folder_ / "absent.txt";
  EXPECT_TRUE(opening_refuses(options, Split::val, {"absent.txt"}));
}

TEST_F(Layouts, SplitsAreJoinedAndNamesStayUnique) {
  put_split("one", {"a", "b"});
  put_split("two", {"a"});
  put_classes();
  const auto data = open_dataset({.kind = "folder", .root = root_, .splits = "two,one"}, Split::train);
  EXPECT_EQ(names_of(*data), (Ids{"a", "a-2", "b"}));
  EXPECT_EQ(data->source(0), (root_ / "images/two/a.png").string());
  EXPECT_TRUE(opening_refuses({.kind = "folder", .root = root_, .splits = "../one"}, Split::train, {"../one"}));
}

TEST_F(Layouts, WrongLabelsAreNamed) {
  put_split("val", {"a", "b", "c", "d"});
  put_classes();
  put_labels(root_ / "labels/val/a.png", 3, 4, {0});
  put_labels(root_ / "labels/val/b.png", 4, 3, {0, 2});
  put_picture(root_ / "labels/val/c.png", 4, 3);
  put_file(root_ / "labels/val/d.png", encode_any_png(std::vector<uint8_t>(24, 0), 4, 3, {.depth = 16}));
  const auto data = open_dataset({.kind = "folder", .root = root_}, Split::val);
  EXPECT_TRUE(refuses([&] { data->labels(0); }, {"labels/val/a.png", "3x4", "4x3"}));
  EXPECT_TRUE(refuses([&] { data->labels(1); }, {"labels/val/b.png", "value 2 "}));
  EXPECT_TRUE(refuses([&] { data->labels(2); }, {"labels/val/c.png", "one channel"}));
  EXPECT_EQ(data->labels(3).classes, std::vector<uint8_t>(12, 0));
}

TEST_F(Layouts, CamVidScoresValAndTest) {
  put_split("train");
  put_split("val", {"z"});
  put_split("test", {"y"});
  const auto train = open_dataset({.kind = "camvid", .root = root_}, Split::train);
  EXPECT_EQ(train->size(), 3);
  const auto val = open_dataset({.kind = "camvid", .root = root_}, Split::val);
  EXPECT_EQ(names_of(*val), (Ids{"z", "y"}));
  ASSERT_EQ(val->classes().size(), 11u);  // built in
  EXPECT_EQ(val->classes()[3].name, "road");
  EXPECT_EQ(val->labels(0).classes[2], kIgnoreLabel);
}

TEST_F(Layouts, ImagesOfAnyTreeAreTurnedByExif) {
  put_file(root_ / "b/x.jpg", encode_jpeg(drawn_picture(8, 4), {.orientation = 6}));
  put_picture(root_ / "a.png", 3, 2);
  put_picture(root_ / "a.jpg", 3, 3);  // a PNG by content
  put_picture(root_ / "b_x.png", 3, 2);
  const auto data = open_dataset({.kind = "images", .root = root_}, Split::train);
  const Ids names = names_of(*data);
  EXPECT_EQ(names, (Ids{"a", "a-2", "b_x", "b_x-2"}));
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 4u);
  EXPECT_FALSE(data->has_labels());
  EXPECT_EQ(data->image(0).height, 3);
  EXPECT_EQ(data->image(2).width, 4);
  EXPECT_EQ(data->image(2).height, 8);
}

// Turned without label maps; as stored with them, whether they are wanted or not.
TEST_F(Layouts, FoldersAreTurnedByExifWhereNothingIsLabelled) {
  put_file(root_ / "images/train/x.jpg", encode_jpeg(drawn_picture(8, 4), {.orientation = 6}));
  EXPECT_EQ(open_dataset({.kind = "folder", .root = root_}, Split::train)->image(0).width, 4);
  put_labels(root_ / "labels/train/x.png", 8, 4, {0});
  EXPECT_EQ(open_dataset({.kind = "folder", .root = root_, .labels = false}, Split::train)->image(0).width, 8);
  put_classes();
  EXPECT_EQ(open_dataset({.kind = "folder", .root = root_}, Split::train)->image(0).width, 8);
}

TEST_F(Layouts, ImagesAloneNeedNeitherLabelsNorClasses) {
  put_split("val");
  fs::remove(root_ / "labels/val/b.png");  // and there is no classes.txt
  const auto data = open_dataset({.kind = "folder", .root = root_, .labels = false}, Split::val);
  EXPECT_EQ(names_of(*data), (Ids{"a", "b", "c"}));
  EXPECT_FALSE(data->has_labels());
  EXPECT_TRUE(data->classes().empty());
}

TEST_F(Layouts, CocoStuffReadsCuratedLists) {
  const DatasetOptions options = {.kind = "coco-stuff", .root = root_};
  for (const char* id : {"000000000139", "000000000285", "000000000632"}) {
    put_file(root_ / "images/val2017" / (std::string(id) + ".jpg"), encode_jpeg(drawn_picture(4, 3)));
    put_labels(root_ / "annotations/val2017" / (std::string(id) + ".png"), 4, 3, {0, 181, 255});
  }
  EXPECT_TRUE(opening_refuses(options, Split::val, {"curated/val2017/Coco164kFull_Stuff_Coarse_7.txt"}));
  put_file(root_ / "curated/val2017/Coco164kFull_Stuff_Coarse_7.txt", "000000000139\n000000000632\n");
  const auto data = open_dataset(options, Split::val);
  EXPECT_EQ(names_of(*data), (Ids{"000000000139", "000000000632"}));
  const std::vector<uint8_t> classes = data->labels(0).classes;
  EXPECT_EQ(std::vector<uint8_t>(classes.begin(), classes.begin() + 3), (std::vector<uint8_t>{9, 24, 255}));
  EXPECT_EQ(data->classes().size(), 27u);
  EXPECT_EQ(data->thing_classes(), 12);
  EXPECT_EQ(data->classes()[26].name, "water-stuff");
  put_labels(root_ / "annotations/val2017/000000000139.png", 4, 3, {182});
  EXPECT_TRUE(refuses([&] { data->labels(0); }, {"000000000139.png", "182"}));
}

TEST(CocoStuff, ThingsAndStuffStayApart) {
  std::set<int> used;
  for (size_t fine = 0; fine < kCocoFineToCoarse.size(); ++fine) {
    EXPECT_EQ(kCocoFineToCoarse[fine] < kCocoThings, fine <= 90) << fine;
    used.insert(kCocoFineToCoarse[fine]);
  }
  EXPECT_EQ(used.size(), kCocoCoarseNames.size());
}

class CityscapesLayout : public Layouts {
 protected:
  void put_frame(const std::string& split, const std::string& stem, const std::string& labels = "") {
    const std::string city = stem.substr(0, stem.find('_'));
    put_picture(root_ / "leftImg8bit" / split / city / (stem + "_leftImg8bit.png"), 4, 2);
    if (labels.empty()) return;
    put_labels(root_ / labels / split / city / (stem + "_gtFine_labelIds.png"), 4, 2, {0, 6, 7, 9, 11, 26, 33, 255});
    put_file(root_ / labels / split / city / (stem + "_gtFine_polygons.json"), "{}");
    put_picture(root_ / labels / split / city / (stem + "_gtFine_color.png"), 4, 2);
  }
  DatasetOptions options() const { return {.kind = "cityscapes", .root = root_}; }
};

TEST_F(CityscapesLayout, ScoresValThenTrain) {
  for (const std::string labels : {"annotations/gtFine", "gtFine"}) {
    put_frame("train", "aachen_000001_000019", labels);
    put_frame("train", "zurich_000000_000019", labels);
    put_frame("val", "munster_000000_000019", labels);
    const auto data = open_dataset(options(), Split::val);
    EXPECT_EQ(names_of(*data), (Ids{"munster_000000_000019", "aachen_000001_000019", "zurich_000000_000019"}));
    ASSERT_TRUE(data->has_labels());
    EXPECT_EQ(data->labels(2).classes, (std::vector<uint8_t>{255, 255, 0, 2, 4, 19, 26, 255}));
    EXPECT_EQ(data->classes().size(), 27u);
    DatasetOptions few = options();
    few.classes = 19;
    const auto benchmark = open_dataset(few, Split::val);
    EXPECT_EQ(benchmark->labels(0).classes, (std::vector<uint8_t>{255, 255, 0, 255, 2, 13, 18, 255}));
    ASSERT_EQ(benchmark->classes().size(), 19u);
    EXPECT_EQ(benchmark->classes()[13].name, "car");
    EXPECT_EQ(benchmark->classes()[13].colour, (Colour{0, 0, 142}));
    fs::remove_all(root_);
  }
}

TEST_F(CityscapesLayout, TrainsOnTheUnlabelled) {
  put_frame("train", "aachen_000001_000019", "gtFine");
  EXPECT_EQ(names_of(*open_dataset(options(), Split::train)), (Ids{"aachen_000001_000019"}));
  put_frame("train_extra", "erlangen_000000_000000");
  EXPECT_EQ(names_of(*open_dataset(options(), Split::train)), (Ids{"erlangen_000000_000000"}));
  put_frame("test", "berlin_000000_000019", "gtFine");
  const auto data = open_dataset(options(), Split::train);
  EXPECT_EQ(names_of(*data), (Ids{"berlin_000000_000019", "erlangen_000000_000000"}));
  EXPECT_FALSE(data->has_labels());
  EXPECT_EQ(data->image(1).width, 4);
  DatasetOptions chosen = options();
  chosen.splits = "train";
  EXPECT_TRUE(open_dataset(chosen, Split::train)->has_labels());
  fs::remove_all(root_ / "leftImg8bit");
  EXPECT_TRUE(opening_refuses(options(), Split::train, {"leftImg8bit", "no such folder"}));
}

TEST(OpenDataset, NamesTheKinds) {
  EXPECT_TRUE(opening_refuses({.kind = "mnist"}, Split::train, {"mnist", "coco-stuff"}));
  EXPECT_TRUE(opening_refuses({.kind = "camvid"}, Split::train, {"camvid", "folder"}));
  EXPECT_EQ(open_dataset({.kind = "scenes", .scenes = 3}, Split::train)->size(), 3);
}

TEST(Palette, ColoursDifferFromEachOtherAndFromBlack) {
  const auto& colours = distinct_colours();
  EXPECT_EQ(colours[255], (Colour{0, 0, 0}));
  int nearest = 1 << 30;
  for (size_t a = 0; a < 256; ++a) {
    for (size_t b = 0; b < a; ++b) {
      int distance = 0;
      for (size_t c = 0; c < 3; ++c) distance += (colours[a][c] - colours[b][c]) * (colours[a][c] - colours[b][c]);
      nearest = std::min(nearest, distance);
    }
  }
  EXPECT_GE(nearest, 20 * 20);
  const std::vector<uint8_t> palette = palette_of({{"sky", {1, 2, 3}}});
  ASSERT_EQ(palette.size(), 768u);
  EXPECT_EQ((Colour{palette[0], palette[1], palette[2]}), (Colour{1, 2, 3}));
  EXPECT_EQ((Colour{palette[3], palette[4], palette[5]}), colours[1]);
}

class SharedData : public testing::Test {
 protected:
  fs::path folder(const std::string& name) {
    const auto shared = shared_data();
    return shared && fs::is_directory(*shared / name) ? *shared / name : fs::path();
  }
};

TEST_F(SharedData, CamVidCounts) {
  const fs::path root = folder("camvid");
  if (root.empty()) GTEST_SKIP() << "no shared camvid";
  EXPECT_EQ(open_dataset({.kind = "camvid", .root = root}, Split::train)->size(), 367);
  const auto val = open_dataset({.kind = "camvid", .root = root}, Split::val);
  EXPECT_EQ(val->size(), 334);
  const ClassTable built_in = camvid_classes();
  ASSERT_EQ(val->classes().size(), built_in.classes.size());
  for (size_t i = 0; i < built_in.classes.size(); ++i) {
    EXPECT_EQ(val->classes()[i].name, built_in.classes[i].name);
    EXPECT_EQ(val->classes()[i].colour, built_in.classes[i].colour);
  }
}

TEST_F(SharedData, CocoStuffCounts) {
  const fs::path root = folder("coco_stuff_mini");
  if (root.empty()) GTEST_SKIP() << "no shared coco_stuff_mini";
  EXPECT_EQ(open_dataset({.kind = "coco-stuff", .root = root}, Split::train)->size(), 40);
  EXPECT_EQ(open_dataset({.kind = "coco-stuff", .root = root}, Split::val)->size(), 19);
}

TEST_F(SharedData, ListsOfUnusualFiles) {
  const fs::path bad = folder("images_bad");
  if (bad.empty()) GTEST_SKIP() << "no shared images_bad";
  for (const char* name : {"ok", "crlf", "no_final_newline", "blank_lines_and_spaces", "bom"}) {
    EXPECT_EQ(read_id_list(bad / "lists" / (std::string(name) + ".txt")), (Ids{"good", "all_void", "palette_label"}));
  }
  for (const char* name : {"duplicate", "empty", "path_escape", "nul_byte"}) {
    EXPECT_TRUE(refuses([&] { read_id_list(bad / "lists" / (std::string(name) + ".txt")); }, {name})) << name;
  }
  const TemporaryFolder here;
  put_file(here / "classes.txt", bytes_of(*shared_data() / "camvid/classes.txt"));
  for (const auto& entry : fs::directory_iterator(bad / "labels")) {
    const std::string name = entry.path().filename().string();
    const std::string kind = name.ends_with(".png") ? "labels" : "images";
    const std::string target = name == "jpeg_label_label.jpg" ? "labels/train/jpeg_label.png" : kind + "/train/" + name;
    put_file(here / target, bytes_of(entry.path()));
  }
  DatasetOptions options = {.kind = "folder", .root = here.path()};
  EXPECT_TRUE(opening_refuses(options, Split::train, {"2 problems", "no_label.png is missing", "no_image.png"}));
  fs::remove(here / "images/train/no_label.jpg");
  fs::remove(here / "labels/train/no_image.png");
  options.list = bad / "lists/missing_id.txt";
  EXPECT_TRUE(opening_refuses(options, Split::train, {"does_not_exist"}));
  options.list.clear();
  const auto data = open_dataset(options, Split::train);
  const std::set<std::string> accepted = {"good", "palette_label", "all_void", "label16"};
  for (int64_t i = 0; i < data->size(); ++i) {
    const std::string name = data->name(i);
    if (accepted.contains(name)) {
      EXPECT_EQ(data->labels(i).width, 96) << name;
    } else {
      EXPECT_TRUE(refuses([&] { data->labels(i); }, {name + ".png"})) << name;
    }
  }
  EXPECT_EQ(data->size(), 10);
}

}  // namespace
}  // namespace bareseg
