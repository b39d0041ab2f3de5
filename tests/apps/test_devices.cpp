// Commands on another device than the CPU: the emulated one, whose kernels see no memory but their own.
#include "apps/devices.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cluster_options.h"
#include "apps/predict.h"
#include "data/loader.h"
#include "engine/file.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/fake_dataset.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

constexpr Device kEmulated{Device::Type::emulated, 0};

class Devices : public testing::Test {
#if !defined(BARESEG_EMULATOR)
  void SetUp() override { GTEST_SKIP() << "built without the emulator"; }
#endif
};

TEST_F(Devices, AutoSaysWhyItTakesTheCpu) {
  std::string why;
  EXPECT_EQ(automatic_device({}, why), Device{});
  EXPECT_EQ(why, "no backend serves device cuda:0: this program was built without CUDA");  // as this test was
  testing::internal::CaptureStderr();
  EXPECT_EQ(DeviceOptions{}.open(), Device{});
  EXPECT_NE(testing::internal::GetCapturedStderr().find("computing on the CPU: " + why), std::string::npos);
}

TEST_F(Devices, WhatIsAskedForIsTaken) {
  EXPECT_EQ(DeviceOptions{.device = "cpu"}.open(), Device{});
  EXPECT_EQ(DeviceOptions{.device = "emulated"}.open(), kEmulated);
  EXPECT_TRUE(refuses([] { DeviceOptions{.device = "cuda:3"}.open(); }, {"cuda:3", "without CUDA"}));
  EXPECT_TRUE(refuses([] { DeviceOptions{.device = "abacus"}.open(); }, {"abacus"}));
}

TEST_F(Devices, AreListedWithWhatIsMissing) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(list_devices(), 0);
  const std::string text = testing::internal::GetCapturedStdout();
  for (const char* part :
       {"cpu ", " threads\n", "oneDNN ", "libdnnl.so", "built without CUDA\n\n--device auto  cpu: "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
  }
}

TEST_F(Devices, PredictTheSameClusters) {
  const TemporaryFolder folder;
  save_segmenter(folder / "tiny.safetensors", tiny_segmenter());
  const Image photo = drawn_picture(45, 33);
  const auto clusters = [&](Device device) {
    return predict_clusters(load_segmenter(folder / "tiny.safetensors", device), 0, photo, 32, kFloat32).clusters;
  };
  const std::vector<int32_t> expected = clusters({}), got = clusters(kEmulated);
  ASSERT_EQ(got.size(), expected.size());
  size_t same = 0;
  for (size_t i = 0; i < got.size(); ++i) same += got[i] == expected[i] ? 1 : 0;
  EXPECT_GE(static_cast<double>(same), 0.995 * static_cast<double>(expected.size()));  // but for near ties
}

// All, some or none of them, over three passes.
TEST_F(Devices, KeepImagesInTheirMemory) {
  const std::set<int64_t> bad{4, 9};
  const FakeDataset same(23, bad);
  constexpr int64_t kAll = 1 << 20, kSome = 8 * 1400;
  for (const int64_t room : {kAll, kSome, int64_t{0}}) {
    const FakeDataset data(23, bad);
    Loader loader(data,
                  {.batch = 3, .side = 9, .workers = 2, .cache_bytes = room, .native = true, .device = kEmulated});
    for (uint64_t pass = 0; pass < 3; ++pass) {
      loader.start(shuffled(23, pass));
      int64_t images = 0;
      for (Batch batch; loader.next(batch); images += batch.size()) {
        ASSERT_EQ(batch.images.device(), kEmulated);
        ASSERT_EQ(std::ssize(batch.sources), batch.size());
        const std::vector<uint8_t> bytes = batch.images.to_vector<uint8_t>();
        for (size_t i = 0; i < batch.sources.size(); ++i) {
          const SourceImage& s = batch.sources[i];
          const Image expected = same.image(batch.indexes[i]);
          ASSERT_EQ(s.height, expected.height);
          ASSERT_EQ(s.width, expected.width);
          ASSERT_LE(s.offset + std::ssize(expected.rgb), std::ssize(bytes));
          EXPECT_TRUE(std::equal(expected.rgb.begin(), expected.rgb.end(), bytes.begin() + s.offset)) << room;
        }
      }
      EXPECT_EQ(images, 21);
    }
    if (room == kAll) {
      EXPECT_EQ(data.decoded, 23);
      EXPECT_EQ(loader.cached_bytes(), 0) << "the host keeps none of them";
    } else if (room == kSome) {
      EXPECT_GT(data.decoded, 23);
      EXPECT_LT(data.decoded, 23 + 2 * 21 - 6) << "the device keeps some";
    } else {
      EXPECT_EQ(data.decoded, 23 + 2 * 21);
    }
  }
  EXPECT_TRUE(refuses([&] { Loader(same, {.batch = 1, .side = 9, .device = kEmulated}); }, {"native", "emulated"}));
}

TEST_F(Devices, TrainTheSameNetwork) {
  const TemporaryFolder folder;
  const auto trained = [&](const char* device) {
    ClusterOptions o;
    o.out = (folder / device).string();
    o.device.device = device;
    o.data = {.kind = "scenes", .scenes = 8, .scene_size = 32};
    o.res = o.res1 = o.res2 = 32;
    o.clusters = 3;
    o.epochs = o.num_init_batches = o.num_batches = 1;
    o.kmeans_iterations = 2;
    o.batch_cluster = o.batch_test = o.batch_train = 4;
    o.lr = 1e-3;
    EXPECT_EQ(train_on_clusters(o, ""), 0);
    const std::vector<std::byte> bytes = read_file(folder / device / "metrics.jsonl");
    return nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                                 reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  };
  const nlohmann::json expected = trained("cpu"), got = trained("emulated");
  for (const char* key : {"loss", "within", "across"}) {
    const double a = got.at(key), b = expected.at(key);
    EXPECT_LT(std::abs(a - b), 1e-3 * std::abs(b)) << key << ": " << a << ", on the CPU " << b;
  }
}

}  // namespace
}  // namespace bareseg
