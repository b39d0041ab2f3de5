#include "apps/experiment.h"

#include <gtest/gtest.h>

#include "tests/apps/program.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

const char* const kTwo = R"(seeds = [1, 2]

[shared]
method = "picie"
lr = 1e-3
epochs = 2
mse = true

[[configuration]]
name = "a"

[[configuration]]
name = "b"
method = "mdc"
epochs = 3
)";

// The value that holds: the last one.
std::string value_of(const ExperimentConfiguration& c, const std::string& key) {
  std::string value;
  for (const ExperimentSetting& s : c.settings) {
    if (s.key == key) value = s.value;
  }
  return value;
}

TEST(ExperimentFile, ConfigurationsInheritWhatIsShared) {
  const Experiment e = parse_experiment(kTwo, "two.toml");
  EXPECT_EQ(e.seeds, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(e.baseline, "a");
  ASSERT_EQ(e.configurations.size(), 2u);
  const auto& [a, b] = std::tie(e.configurations[0], e.configurations[1]);
  EXPECT_EQ(a.method.value, "picie");
  EXPECT_EQ(b.method.value, "mdc");
  EXPECT_EQ(value_of(a, "epochs"), "2");
  EXPECT_EQ(value_of(b, "epochs"), "3");
  EXPECT_EQ(value_of(a, "lr"), "0.001");
  EXPECT_EQ(value_of(b, "mse"), "true");
  EXPECT_EQ(b.settings.back().where, "two.toml:15");
  EXPECT_TRUE(b.settings.back().own);
}

TEST(ExperimentFile, ReplacedSettingsStandBetweenSharedAndOwn) {
  const Experiment e = parse_experiment(
      kTwo, "two.toml", {{.key = "epochs", .value = "9", .where = "--set"}, {.key = "lr", .value = "1", .where = ""}});
  EXPECT_EQ(value_of(e.configurations[0], "epochs"), "9");
  EXPECT_EQ(value_of(e.configurations[1], "epochs"), "3");
  EXPECT_EQ(value_of(e.configurations[1], "lr"), "1");
}

TEST(ExperimentFile, ErrorsNameFileLineAndKey) {
  const auto bad = [](const std::string& text, const std::vector<std::string>& parts) {
    return refuses([&] { parse_experiment(text, "x.toml"); }, parts);
  };
  const std::string one = "[[configuration]]\nname = \"a\"\nmethod = \"picie\"\n";
  EXPECT_TRUE(bad("seeds = [1\n", {"x.toml:"}));
  EXPECT_TRUE(bad("[\x01shared]\n", {"x.toml", "a key must be"}));
  EXPECT_TRUE(bad("seeds = [1]\n\xc3\xa9 = 1\n", {"x.toml:2", "expected ASCII", "\\u00e9"}));
  EXPECT_TRUE(bad(one, {"x.toml", "seeds", "missing"}));
  EXPECT_TRUE(bad("seeds = [1]\n", {"x.toml", "[[configuration]]"}));
  EXPECT_TRUE(bad("seeds = []\n" + one, {"x.toml:1", "seeds"}));
  EXPECT_TRUE(bad("seeds = [1, -2]\n" + one, {"x.toml:1", "seeds", "from 0 on"}));
  EXPECT_TRUE(bad("seeds = 1\n" + one, {"x.toml:1", "an array", "a whole number"}));
  EXPECT_TRUE(bad("seed = 1\n" + one, {"x.toml:1", "'seed'"}));
  EXPECT_TRUE(bad("shared = 1\nseeds = [1]\n" + one, {"x.toml:1", "[shared]"}));
  EXPECT_TRUE(bad("seeds = [1]\nbaseline = \"z\"\n" + one, {"x.toml:2", "baseline", "'z'"}));
  EXPECT_TRUE(bad("seeds = [1]\n" + one + "epochs = [1, 2]\n", {"x.toml:5", "epochs", "an array"}));
  EXPECT_TRUE(bad("seeds = [1]\n" + one + one, {"x.toml:6", "two configurations", "'a'"}));
  EXPECT_TRUE(bad("seeds = [1]\n[[configuration]]\nname = \"../a\"\nmethod = \"picie\"\n", {"x.toml:3", "'../a'"}));
  EXPECT_TRUE(bad("seeds = [1]\n[[configuration]]\nmethod = \"picie\"\n", {"x.toml:2", "name"}));
  EXPECT_TRUE(bad("seeds = [1]\n[[configuration]]\nname = \"a\"\n", {"x.toml:3", "method"}));
  EXPECT_TRUE(bad("seeds = [1]\nconfiguration = 3\n", {"x.toml:2", "[[configuration]]"}));
}

TEST(ExperimentTable, ComparesSeedBySeed) {
  const Experiment e = parse_experiment(kTwo, "two.toml");
  std::vector<RunResult> results;
  const auto add = [&](const char* name, int64_t seed, double acc, double miou, bool diverged = false) {
    results.push_back({.configuration = name,
                       .seed = seed,
                       .diverged = diverged,
                       .accuracy = acc,
                       .mean_iou = miou,
                       .best_mean_iou = miou + 1,
                       .loss = 2.5,
                       .seconds = 60});
  };
  add("a", 1, 40, 10);
  add("a", 2, 50, 20);
  add("b", 1, 43, 9);
  add("b", 2, 55, 21);
  auto rows = experiment_rows(e, results);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1], (std::vector<std::string>{"a", "2", "45.00 +- 5.00", "baseline", "15.00 +- 5.00", "baseline",
                                               "16.00 +- 5.00", "2.500 +- 0.000", "60 +- 0"}));
  EXPECT_EQ(rows[2][3], "+4.00 +- 1.00") << "3 and 5, although the seeds are 10 apart";
  EXPECT_EQ(rows[2][5], "+0.00 +- 1.00");
  results.back().diverged = true;
  rows = experiment_rows(e, results);
  EXPECT_EQ(rows[2][1], "1, 1 diverged");
  EXPECT_EQ(rows[2][3], "+3.00");
  results.pop_back();
  results.pop_back();
  EXPECT_EQ(experiment_rows(e, results).size(), 2u) << "not begun";
  add("b", 1, 0, 0, true);
  EXPECT_EQ(experiment_rows(e, results)[2],
            (std::vector<std::string>{"b", "0, 1 diverged", "-", "-", "-", "-", "-", "-", "-"}));
}

class ExperimentRuns : public ProgramTest {
 protected:
  // The options of tiny_training(), shared.
  std::string file(const std::string& more, const std::string& shared = "") const {
    const Args args = tiny_training("picie", "");
    std::string toml = "seeds = [1, 2]\n[shared]\n" + shared;
    for (size_t i = 2; i + 1 < args.size(); i += 2) {
      const std::string key = args[i].substr(2);
      if (key == "seed" || key == "out" || key == "epochs") continue;
      toml += key + " = \"" + args[i + 1] + "\"\n";
    }
    put_file(at("e.toml"), toml + "epochs = 1\n" + more);
    return at("e.toml");
  }
  static constexpr const char* kMethods =
      "[[configuration]]\nname = \"pic\"\nmethod = \"picie\"\n[[configuration]]\nname = \"mdc\"\nmethod = \"mdc\"\n"
      "repeats = 0\nkmeans-iterations = \"\"\n";
};

TEST_F(ExperimentRuns, TrainsCountsAndCompares) {
  ASSERT_EQ(run({"experiment", file(kMethods, "mse = true\n"), "--out", at("runs")}), 0) << output();
  EXPECT_NE(text(at("runs/pic-seed1/config.toml")).find("mse=true"), std::string::npos) << "MDC has no such option";
  EXPECT_NE(text(at("runs/mdc-seed1/config.toml")).find("kmeans-iterations=30"), std::string::npos)
      << "the default, in place of what is shared";
  for (const char* name : {"pic-seed1", "pic-seed2", "mdc-seed1", "mdc-seed2"}) {
    EXPECT_TRUE(std::filesystem::exists(at("runs") + "/" + name + "/last.safetensors")) << name;
  }
  const std::string table = text(at("runs/table.md")), runs = text(at("runs/runs.csv"));
  EXPECT_NE(table.find("| pic | 2 |"), std::string::npos) << table;
  EXPECT_NE(table.find("| mdc | 2 |"), std::string::npos) << table;
  EXPECT_EQ(std::count(runs.begin(), runs.end(), '\n'), 5) << runs;
  // Again: nothing is trained twice, and the table is the same.
  ASSERT_EQ(run({"experiment", at("e.toml"), "--out", at("runs")}), 0) << output();
  EXPECT_EQ(output().find("run 1 of"), std::string::npos) << output();
  EXPECT_EQ(text(at("runs/table.md")), table);
  // One of them alone.
  ASSERT_EQ(run({"experiment", at("e.toml"), "--out", at("runs"), "--only", "mdc"}), 0) << output();
  EXPECT_EQ(text(at("runs/table.md")).find("pic"), std::string::npos);
  EXPECT_NE(text(at("runs/table.md")).find("mdc"), std::string::npos);
  EXPECT_EQ(run({"experiment", at("e.toml"), "--out", at("runs"), "--only", "mdc,nobody"}), 1);
  EXPECT_NE(output().find("--only: no configuration is called 'nobody'"), std::string::npos) << output();
  // With other options it is another experiment.
  EXPECT_EQ(run({"experiment", at("e.toml"), "--out", at("runs"), "--set", "lr=2e-3"}), 1);
  EXPECT_NE(output().find("other options"), std::string::npos) << output();
}

TEST_F(ExperimentRuns, AreCutShortAndGoOn) {
  const std::string toml = file("[[configuration]]\nname = \"a\"\nmethod = \"picie\"\n");
  ASSERT_EQ(run({"experiment", toml, "--out", at("whole")}), 0) << output();
  // Before the first run has begun, before it can save, and while it works.
  for (const char* sign : {"a-seed1/experiment.json", "a-seed1/config.toml", "a-seed1/last.safetensors"}) {
    ASSERT_EQ(cut_short({"experiment", toml, "--out", at("cut")}, SIGTERM, sign), 130) << sign << '\n' << output();
    EXPECT_NE(output().find("the same command goes on"), std::string::npos) << output();
    EXPECT_FALSE(fs::exists(at("cut/a-seed2"))) << "a run was started after the signal";
    ASSERT_EQ(run({"experiment", toml, "--out", at("cut")}), 0) << output();
    for (const std::string last : {"/a-seed1/last.safetensors", "/a-seed2/last.safetensors"}) {
      EXPECT_TRUE(same_bytes(at("whole") + last, at("cut") + last)) << sign << last;
    }
  }
}

TEST_F(ExperimentRuns, BadSettingsAreFoundBeforeAnyRun) {
  const auto refused = [&](const std::string& more, const std::vector<std::string>& parts, const Args& args = {}) {
    Args command{"experiment", file(more, "deterministic = false\n"), "--out", at("runs")};
    command.insert(command.end(), args.begin(), args.end());
    EXPECT_EQ(run(command), 1) << output();
    for (const std::string& part : parts) EXPECT_NE(output().find(part), std::string::npos) << output();
    EXPECT_FALSE(std::filesystem::exists(at("runs")));
  };
  const std::string one = "[[configuration]]\nname = \"a\"\n", pic = one + "method = \"picie\"\n";
  refused(one + "method = \"telepathy\"\n", {"e.toml:", "method", "'telepathy'"});
  refused(pic + "clusterz = 4\n", {"e.toml:", "train picie", "'clusterz'"});
  refused(pic + "clusters = \"many\"\n", {"e.toml:", "clusters", "many"});
  refused(pic + "class-weights = \"heavy\"\n", {"e.toml:", "class-weights", "heavy"});
  refused(pic + "seed = 4\n", {"e.toml:", "'seed'"});
  refused(pic + "scenes = 4\n", {"e.toml:", "'scenes'", "[shared]"});
  refused(pic + "clusters = 4.5\n", {"e.toml:", "clusters", "4.5"});
  refused(pic, {"--set nonsense=1", "'nonsense'"}, {"--set", "nonsense=1"});
  refused(pic, {"--set", "KEY=VALUE"}, {"--set", "nonsense"});
}

TEST_F(ExperimentRuns, DivergenceIsAResult) {
  ASSERT_EQ(run({"experiment", file("[[configuration]]\nname = \"wild\"\nmethod = \"picie\"\n", ""), "--out",
                 at("runs"), "--set", "lr=1e30", "--seeds", "1"}),
            0)
      << output();
  EXPECT_NE(text(at("runs/table.md")).find("0, 1 diverged"), std::string::npos);
}

TEST_F(ExperimentRuns, AFailedRunEndsTheExperiment) {
  EXPECT_EQ(
      run({"experiment", file("[[configuration]]\nname = \"a\"\nmethod = \"picie\"\npretrained = \"nowhere.pth\"\n"),
           "--out", at("runs")}),
      1);
  EXPECT_NE(output().find("'a' with seed 1 failed"), std::string::npos) << output();
}

}  // namespace
}  // namespace bareseg
