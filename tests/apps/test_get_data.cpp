// scripts/get_data.sh.
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "tests/data/files.h"
#include "tests/process.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

Outcome get_data(const std::string& arguments) {
  return run("'" BARESEG_TESTS_DIR "/../scripts/get_data.sh' " + arguments);
}

testing::AssertionResult says(const Outcome& outcome, int code, const std::vector<std::string>& parts) {
  if (outcome.code != code) return testing::AssertionFailure() << "exit " << outcome.code << "\n" << outcome.output;
  for (const std::string& part : parts) {
    if (outcome.output.find(part) == std::string::npos) {
      return testing::AssertionFailure() << "no '" << part << "' in:\n" << outcome.output;
    }
  }
  return testing::AssertionSuccess();
}

TEST(GetData, TellsOfEveryPublicDataSet) {
  const std::string own = "scenes folder images";
  const Outcome names = get_data("");
  for (const std::string& kind : dataset_kinds()) {
    if (own.find(kind) != std::string::npos) continue;
    EXPECT_TRUE(says(names, 0, {kind + "\n"}));
    EXPECT_TRUE(says(get_data(kind), 0, {"from ", "terms ", "size ", "fetch", "--verify", "--dataset " + kind}))
        << kind;
  }
  EXPECT_TRUE(says(get_data("cityscapes"), 0, {"asks for an account"}));
  EXPECT_TRUE(says(get_data("mnist"), 2, {"usage", "ade20k"}));
  EXPECT_TRUE(says(get_data("voc --verify"), 2, {"usage"}));
}

TEST(GetData, VerifyNamesEachDifference) {
  const TemporaryFolder root;
  const auto verify = [&](const std::string& name) {
    return get_data(name + " --verify '" + root.path().string() + "'");
  };
  std::string list;
  for (int i = 0; i < 367; ++i) {
    const std::string id = std::to_string(i);
    put_file(root / ("images/train/" + id + ".png"), "x");
    put_file(root / ("labels/train/" + id + ".png"), "x");
    list += id + "\n";
  }
  put_file(root / "train.txt", list);
  put_file(root / "images/val/1.png", "x");
  EXPECT_TRUE(says(
      verify("camvid"), 1,
      {"good      images/train: 367 files", "good      train.txt: 367 lines",
       "different images/val: 1 files, expected 101 files", "different labels/val: no such folder, expected 101 files",
       "different test.txt: no such file, expected 233 lines", "camvid: 6 differences"}));
  put_file(root / "ADEChallengeData2016.zip", "cut short");
  EXPECT_TRUE(
      says(verify("ade20k"), 1,
           {"different ADEChallengeData2016.zip: sha1 ", "expected sha1 219e1696abb36c8ba3a3afe7fb2f4b4606a897c7"}));
  EXPECT_TRUE(says(verify("coco-stuff"), 1, {"unchecked train2017.zip: not here"}));
}

TEST(GetData, TheSharedCamVidIsWhole) {
  const auto shared = shared_data();
  if (!shared || !fs::is_directory(*shared / "camvid")) GTEST_SKIP() << "no shared camvid";
  EXPECT_TRUE(says(get_data("camvid --verify '" + (*shared / "camvid").string() + "'"), 0, {"camvid is whole"}));
}

}  // namespace
}  // namespace bareseg
