#include "apps/bench.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/data/files.h"

namespace bareseg {
namespace {

nlohmann::json json_of(const std::filesystem::path& file) { return nlohmann::json::parse(std::ifstream(file)); }

// The CPU in place of a GPU: every kernel is called with the arguments that its primitive asks for.
TEST(Bench, TimesEveryKernel) {
  const TemporaryFolder root;
  BenchKernelsOptions options;
  options.device = "cpu";
  options.batch = 1;
  options.runs = 1;
  options.json = (root / "kernels.json").string();
  testing::internal::CaptureStdout();
  EXPECT_EQ(bench_kernels(options, {}), 0);
  const std::string table = testing::internal::GetCapturedStdout();
  const nlohmann::json all = json_of(options.json);
  std::set<std::string> names;
  for (const nlohmann::json& row : all["kernels"]) {
    ASSERT_FALSE(row.contains("error")) << row;
    EXPECT_GT(row["ms"], 0.0) << row;
    EXPECT_GT(row["gb_per_s"], 0.0) << row;
    EXPECT_NE(table.find(row["name"].get<std::string>()), std::string::npos) << table;
    names.insert(row["name"]);
  }
  // Every primitive of engine/backend.h that cuda/kernels serves.
  for (const char* primitive : {"fill",
                                "cast",
                                "gather_rows",
                                "scatter_rows",
                                "add",
                                "relu",
                                "relu_backward",
                                "multiply",
                                "spread",
                                "sum",
                                "mse",
                                "mse_backward",
                                "sum_rows",
                                "batch_norm_train/relu",
                                "batch_norm_train/add_relu",
                                "batch_norm_eval/relu",
                                "batch_norm_backward/add_relu",
                                "fold_batch_norm",
                                "l2_normalize",
                                "l2_normalize_backward",
                                "dropout",
                                "copy_channels",
                                "normalize_images",
                                "stem/4",
                                "max_pool",
                                "max_pool_backward",
                                "resize_bilinear/add",
                                "resize_bilinear_backward",
                                "crop_resize_flip",
                                "crop_resize_flip_backward",
                                "log_softmax",
                                "log_softmax_backward",
                                "cross_entropy",
                                "cross_entropy_backward",
                                "cosine_cluster_loss/2",
                                "kmeans_assign/27",
                                "kmeans_accumulate/27",
                                "kmeans_accumulate/1000",
                                "kmeans_iteration/27",
                                "argmax",
                                "count_labels",
                                "confusion",
                                "augment/both",
                                "sgd",
                                "adam",
                                "all_finite",
                                "copy",
                                "matmul"}) {
    EXPECT_TRUE(names.contains(primitive)) << primitive;
  }
}

TEST(Bench, TimesTraining) {
  const TemporaryFolder root;
  BenchTrainingOptions options;
  options.device.device = "cpu";
  options.side = 32;
  options.batch = 2;
  options.steps = 3;
  options.warm_up = 2;
  options.json = (root / "training.json").string();
  testing::internal::CaptureStdout();
  EXPECT_EQ(bench_training(options, {}), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("ms a step"), std::string::npos);
  const nlohmann::json all = json_of(options.json);
  ASSERT_EQ(all["losses"].size(), 2u + 3 * 3);
  EXPECT_LT(all["losses"].back(), all["losses"].front());
  EXPECT_GT(all["ms"], 0.0);
  EXPECT_GT(all["peak_tensor_bytes"], 0);
}

TEST(Bench, LoadsPhotographs) {
  const TemporaryFolder root;
  BenchLoadingOptions options;
  options.device.device = "cpu";
  options.images = 5;
  options.batch = 2;
  options.workers = 2;
  options.json = (root / "loading.json").string();
  testing::internal::CaptureStdout();
  EXPECT_EQ(bench_loading(options), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("2 threads: decoded alone"), std::string::npos);
  const nlohmann::json all = json_of(options.json);
  for (const char* key : {"decoded_images_per_s", "views_images_per_s"}) {
    ASSERT_EQ(all[key].size(), 3u);
    for (const double rate : all[key]) EXPECT_GT(rate, 0.0);
  }
}

TEST(Bench, SaysThatThereIsNoGpu) {
  EXPECT_TRUE(refuses([] { bench_kernels({}, {}); }, {"cuda:0", "without CUDA"}));
}

}  // namespace
}  // namespace bareseg
