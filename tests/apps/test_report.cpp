#include "apps/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "apps/legend.h"
#include "apps/run.h"
#include "apps/run_record.h"
#include "tests/apps/markup.h"
#include "tests/apps/run_folder.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

class Report : public testing::Test {
 protected:
  Report() {
    put_data_set(root_ / "set");
    run_.data = root_ / "set";
    options_.out = (root_ / "report.html").string();
  }

  // The page about runs of these names below the root, read.
  Markup page(const std::vector<std::string>& names) {
    options_.runs.clear();
    for (const std::string& name : names) options_.runs.push_back((root_ / name).string());
    EXPECT_EQ(report(options_), 0);
    const std::vector<uint8_t> bytes = bytes_of(options_.out);
    Markup read({bytes.begin(), bytes.end()});
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.outside(), "");
    return read;
  }
  static std::set<std::string> sections(const Markup& page) {
    std::set<std::string> ids;
    for (const Markup::Element& e : page.all("section")) ids.insert(e.attributes.at("id"));
    return ids;
  }
  static testing::AssertionResult says(const Markup& page, const std::string& what) {
    if (page.text().find(what) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "'" << what << "' is not in:\n" << page.text().substr(0, 20000);
  }

  const TemporaryFolder root_;
  ReportOptions options_;
  RunFolder run_;
};

TEST_F(Report, HasEverySection) {
  put_run(root_ / "one", run_);
  const Markup p = page({"one"});
  EXPECT_EQ(sections(p), (std::set<std::string>{"summary", "curves", "classes", "images", "confusion", "clusters",
                                                "occupancy", "timing", "configuration"}));
  EXPECT_EQ(p.all("a").size(), p.all("section").size());
  EXPECT_EQ(p.all("img").size(), 3u * 4u) << "photo, truth, prediction, errors";
  for (const char* text : {"stone wall", "2 of 2", "lr = 0.001", "best.safetensors, after epoch 1", "errors",
                           "view1, epoch 1: ", "cluster 3: 40.00 %", "1 \u2192 sky", "2 \u2192 no class", "8.0 s"}) {
    EXPECT_TRUE(says(p, text)) << text;
  }
}

TEST_F(Report, NumbersAreThoseOfTheRun) {
  put_run(root_ / "one", run_);
  const Markup p = page({"one"});
  const Scores s = score({3, 5, {1, 100, 0, 0, 0, 0, 5, 5, 20, 0, 30, 0, 0, 0, 9}}, {2, 0, -1, 1, 0});
  EXPECT_TRUE(says(p, concat(fixed(s.mean_iou, 2), " / ", fixed(s.accuracy, 2))));
  EXPECT_TRUE(says(p, "one, stone wall: " + fixed(s.iou[1], 2)));
  // Row stone wall: 0 of cluster 0, 5 of cluster 1 (sky), 5 of 2 (none), 20 of 3 (itself).
  EXPECT_TRUE(says(p, "stone wall \u2192 stone wall: 66.67 %, 20 pixels"));
  EXPECT_TRUE(says(p, "stone wall \u2192 sky: 16.67 %, 5 pixels"));
  EXPECT_TRUE(says(p, "stone wall \u2192 no class: 16.67 %, 5 pixels"));
  EXPECT_TRUE(says(p, "tree: 96.77 % of cluster 0"));

  const Segmenter tiny = tiny_segmenter();
  const Legend legend(tiny, 0, {});
  const Image photo = read_image(root_ / "set/images/val/a.png");
  const LabelMap labels = legend.labels(predict_clusters(tiny, 0, photo, kTinyResolution, kFloat32));
  const RawLabels truth = read_labels(root_ / "set/labels/val/a.png");
  int64_t right = 0, all = 0;
  for (size_t i = 0; i < truth.values.size(); ++i) {
    all += truth.values[i] != 255;
    right += truth.values[i] != 255 && truth.values[i] == labels.classes[i];
  }
  EXPECT_TRUE(says(p, concat("one: ", fixed(100.0 * double(right) / double(all), 1), " % right")));
}

TEST_F(Report, ComparesRuns) {
  put_run(root_ / "one", run_);
  run_.transforms = "colour-only";
  put_run(root_ / "two", run_);
  run_.method = "supervised";
  put_run(root_ / "three", run_);
  options_.images = 2;
  const Markup p = page({"one", "two", "three"});
  EXPECT_EQ(p.all("img").size(), 2u * 6u) << "photo, truth, three predictions, disagreement";
  for (const char* text : {"What differs", "transforms", "colour-only", "disagreement", "two: every option",
                           "Losses of different methods", "three, view2"}) {
    EXPECT_TRUE(says(p, text)) << text;
  }
  std::vector<std::string> compared;
  for (const Markup::Element& e : p.all("td")) compared.push_back(e.text);
  EXPECT_EQ(std::count(compared.begin(), compared.end(), "lr"), 0) << "the same in all";
  EXPECT_EQ(std::count(compared.begin(), compared.end(), "method"), 1);
}

TEST_F(Report, NamesAreEscapedAndTellRunsApart) {
  const std::string nasty = "<b>&\"run'";
  run_.transforms = "<script>alert(1)</script>";
  put_run(root_ / nasty, run_);
  put_run(root_ / "deep" / nasty, run_);
  put_file(root_ / nasty / "log.txt",
           "2026-11-21 12:00:00 info all well\n2026-11-21 12:00:01 warning left out: <img src=x>\x1B\n");
  const Markup p = page({nasty, "deep/" + nasty});
  EXPECT_TRUE(p.all("b").empty());
  EXPECT_TRUE(p.all("script").empty());
  EXPECT_TRUE(says(p, (root_ / nasty).string()));
  EXPECT_TRUE(says(p, "log.txt: 2026-11-21 12:00:01 warning left out: <img src=x>"));
  EXPECT_FALSE(says(p, "all well"));
}

TEST_F(Report, RunsWithoutLabelsShowClusters) {
  fs::remove_all(root_ / "set/labels");
  run_.scored = false;
  put_run(root_ / "one", run_);
  const Markup p = page({"one"});
  EXPECT_EQ(sections(p),
            (std::set<std::string>{"summary", "curves", "images", "occupancy", "timing", "configuration"}));
  EXPECT_TRUE(says(p, "no labels"));
  EXPECT_TRUE(says(p, "cluster 4"));
  EXPECT_EQ(p.all("img").size(), 3u * 2u) << "photo and clusters";
}

TEST_F(Report, UnfinishedRunsSayHowFarTheyCame) {
  run_.checkpoint = false;
  run_.done = 1;
  run_.planned = 5;
  put_run(root_ / "one", run_);
  put_file(root_ / "one/metrics.jsonl", epoch_line(run_, 0).dump() + "\n{\"epoch\":1,\"lo");
  run_.done = 0;
  put_run(root_ / "none", run_);
  const Markup p = page({"one", "none"});
  EXPECT_TRUE(says(p, "Not finished: 1 of 5"));
  EXPECT_TRUE(says(p, "metrics.jsonl, line 2"));
  EXPECT_TRUE(says(p, "no checkpoint yet"));
  EXPECT_TRUE(says(p, "Not finished: 0 of 5"));
  EXPECT_TRUE(says(p, "one, stone wall")) << "the names of the data set";
  EXPECT_TRUE(says(page({"none"}), "No epoch is finished yet."));
}

TEST_F(Report, DataThatHasGone) {
  put_run(root_ / "one", run_);
  fs::rename(root_ / "set", root_ / "moved");
  const Markup p = page({"one"});
  EXPECT_TRUE(says(p, "The images cannot be shown: "));
  EXPECT_TRUE(says(p, (root_ / "set").string()));
  EXPECT_TRUE(p.all("img").empty());
  EXPECT_TRUE(says(p, "stone wall")) << "the checkpoint's names";
  options_.data = (root_ / "moved").string();
  EXPECT_EQ(page({"one"}).all("img").size(), 12u);
  put_file(root_ / "moved/images/val/b.png", "no picture");
  const Markup q = page({"one"});
  EXPECT_EQ(q.all("img").size(), 8u);
  EXPECT_TRUE(says(q, "An image cannot be shown: "));
  put_file(root_ / "one/best.safetensors", "no weights");
  EXPECT_TRUE(says(page({"one"}), "one: no weights: "));
}

TEST_F(Report, RefusesFoldersThatHoldNoRun) {
  const auto refused = [&](const std::string& folder, const std::vector<std::string>& parts) {
    options_.runs = {(root_ / folder).string()};
    EXPECT_TRUE(refuses([&] { report(options_); }, parts)) << folder;
    EXPECT_FALSE(fs::exists(options_.out));
  };
  refused("missing", {"missing", "no such folder"});
  refused("set", {"set", "config.toml is missing"});
  put_file(root_ / "empty/config.toml", "");
  refused("empty", {"empty/config.toml", "[train.METHOD]"});
  put_file(root_ / "other/config.toml", "[evaluate]\nbatch=3\n");
  refused("other", {"other/config.toml", "[train.METHOD]"});
  put_run(root_ / "one", run_);
  options_.out = (root_ / "missing/report.html").string();
  refused("one", {"missing/report.html"});
}

TEST_F(Report, OddMetricsAreNotTrusted) {
  put_run(root_ / "one", run_);
  nlohmann::json line = epoch_line(run_, 0);
  std::string text = "[]\n5\n{\"epoch\":\"x\"}\n";
  for (const char* key : {"loss", "within", "kmeans_loss", "occupancy", "seconds", "view1", "images_per_second"}) {
    for (const nlohmann::json& odd :
         {nlohmann::json(), nlohmann::json("text"), nlohmann::json::array({1, "x", nullptr}),
          nlohmann::json::object({{"ACC", "high"}, {"mIoU", nullptr}}), nlohmann::json(-1)}) {
      nlohmann::json changed = line;
      changed[key] = odd;
      text += changed.dump() + "\n";
    }
  }
  for (const char* key : {"histogram", "cluster_classes", "IoU"}) {
    for (const nlohmann::json& odd : {nlohmann::json::array({1}), nlohmann::json::array({1, 2, 3, 4, 99}),
                                      nlohmann::json(), nlohmann::json::array({-7, 0, 0, 0, 0})}) {
      nlohmann::json changed = line;
      changed["view1"][key] = odd;
      text += changed.dump() + "\n";
    }
  }
  put_file(root_ / "one/metrics.jsonl", text);
  const Markup p = page({"one"});
  EXPECT_TRUE(says(p, "metrics.jsonl, line 3: not the numbers of an epoch; left out"));
}

TEST_F(Report, RecordReadsWhatTrainingWrote) {
  put_run(root_ / "one", run_);
  const RunRecord run = read_run(root_ / "one/");
  EXPECT_EQ(run.name, "one");
  EXPECT_EQ(run.method, "picie");
  EXPECT_EQ(run.option("lr"), "0.001");
  EXPECT_EQ(run.option("no-such"), "");
  EXPECT_EQ(run.planned_epochs(), 2);
  EXPECT_EQ(run.score_names(), (std::vector<std::string>{"view1", "view2"}));
  ASSERT_NE(run.best_epoch(), nullptr);
  EXPECT_EQ((*run.best_epoch())["epoch"], 1);
  const auto scores = run.scores(run.epochs[0], "view1");
  ASSERT_TRUE(scores);
  EXPECT_EQ(scores->histogram.at(1, 3), 20);
  EXPECT_EQ(scores->cluster_classes, (std::vector<int64_t>{2, 0, -1, 1, 0}));
  EXPECT_FALSE(run.scores(run.epochs[0], "seconds"));
}

}  // namespace
}  // namespace bareseg
