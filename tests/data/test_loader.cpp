#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

#include "data/base_crop.h"
#include "data/disk_cache.h"
#include "data/loader.h"
#include "engine/augment.h"
#include "tests/data/fake_dataset.h"

namespace bareseg {
namespace {

struct Pass {
  std::vector<int64_t> indexes, sizes;
  std::vector<uint8_t> pixels, labels;
  bool operator==(const Pass&) const = default;
};

void append(const Tensor& bytes, std::vector<uint8_t>& out) {
  out.insert(out.end(), bytes.data<uint8_t>(), bytes.data<uint8_t>() + bytes.count());
}

Pass read_all(Loader& loader, std::vector<int64_t> order) {
  Pass pass;
  loader.start(std::move(order));
  Batch batch;
  while (loader.next(batch)) {
    pass.sizes.push_back(batch.images.dim(0));
    EXPECT_EQ(batch.images.dim(0), static_cast<int64_t>(batch.indexes.size()));
    pass.indexes.insert(pass.indexes.end(), batch.indexes.begin(), batch.indexes.end());
    append(batch.images, pass.pixels);
    if (batch.labels.defined()) append(batch.labels, pass.labels);
  }
  return pass;
}

/// What the loader has to give, made without it.
Pass expected_pass(const FakeDataset& data, const std::vector<int64_t>& order, int64_t side, int64_t label_side) {
  Pass pass;
  for (const int64_t index : order) {
    const Image image = base_crop(data.image(index), side);
    pass.pixels.insert(pass.pixels.end(), image.rgb.begin(), image.rgb.end());
    if (label_side == 0) continue;
    const LabelMap labels = base_crop(data.labels(index), label_side);
    pass.labels.insert(pass.labels.end(), labels.classes.begin(), labels.classes.end());
  }
  pass.indexes = order;
  return pass;
}

/// A file name of its own per test, removed before and after.
class LoaderFile : public testing::Test {
 protected:
  LoaderFile()
      : file_(std::filesystem::temp_directory_path() /
              concat("bareseg_", ::getpid(), '_', testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove(file_);
  }
  ~LoaderFile() override { std::filesystem::remove(file_); }
  void overwrite(int64_t offset, char value) const {
    std::fstream out(file_, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(offset);
    out.put(value);
  }
  const std::filesystem::path file_;
};

template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

TEST(Loader, GivesBaseCropsInOrderWhateverTheWorkers) {
  const FakeDataset data(33);
  const auto order = shuffled(33);
  Pass expected = expected_pass(data, order, 9, 5);
  expected.sizes = {7, 7, 7, 7, 5};
  for (const int workers : {1, 4}) {
    for (const int64_t prefetch : {0, 3}) {
      Loader loader(data, {.batch = 7, .side = 9, .label_side = 5, .workers = workers, .prefetch = prefetch});
      EXPECT_TRUE(read_all(loader, order) == expected) << workers << " workers, prefetch " << prefetch;
      EXPECT_TRUE(read_all(loader, order) == expected) << "second pass";
    }
  }
}

TEST(Loader, ReadsNoLabelsUnlessAsked) {
  FakeDataset data(5);
  data.labelled = false;
  Loader loader(data, {.batch = 2, .side = 9, .workers = 2});
  const Pass pass = read_all(loader, shuffled(5));
  EXPECT_EQ(pass.sizes, (std::vector<int64_t>{2, 2, 1}));
  EXPECT_TRUE(pass.labels.empty());
  EXPECT_EQ(data.labels_read, 0);
  EXPECT_THROW(Loader(data, {.batch = 2, .side = 9, .label_side = 4}), Error);
}

TEST(Loader, CacheChangesWorkNotContent) {
  constexpr int64_t kRecord = 9 * 9 * 3;
  struct Case {
    int64_t budget, kept;
  };
  for (const Case& c : {Case{0, 0}, Case{kRecord - 1, 0}, Case{4 * kRecord + 7, 4}, Case{1 << 20, 10}}) {
    const FakeDataset data(10);
    Loader loader(data, {.batch = 3, .side = 9, .workers = 2, .cache_bytes = c.budget});
    const Pass first = read_all(loader, shuffled(10));
    EXPECT_EQ(data.decoded, 10);
    EXPECT_EQ(loader.cached_bytes(), c.kept * kRecord);
    EXPECT_TRUE(read_all(loader, shuffled(10)) == first);
    EXPECT_EQ(data.decoded, 20 - c.kept);
  }
}

// The base crops of a batch, by the host's code: the backend's threads are OpenMP's, of which the thread sanitizer
// knows nothing.
std::vector<uint8_t> crops_of(const Batch& batch, int64_t side) {
  const std::vector<uint8_t> bytes = batch.images.to_vector<uint8_t>();
  if (batch.sources.empty()) return bytes;
  std::vector<uint8_t> crops;
  for (const SourceImage& s : batch.sources) {
    const auto first = bytes.begin() + s.offset;
    const Image square = base_crop(Image{s.width, s.height, {first, first + 3 * s.height * s.width}}, side);
    crops.insert(crops.end(), square.rgb.begin(), square.rgb.end());
  }
  return crops;
}

TEST(NativeImages, GiveTheViewsOfTheirBaseCrops) {
  const FakeDataset data(5);
  Loader loader(data, {.batch = 5, .side = 9, .workers = 1, .native = true});
  loader.start(shuffled(5));
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  const Tensor crops = Tensor::from(crops_of(batch, 9), {5, 9, 9, 3});
  const std::vector<AugmentParams> none(5);
  EXPECT_EQ(augment(batch.images, batch.sources, 9, none, 9).to_vector<float>(),
            normalize_images(crops).to_vector<float>());
}

TEST(Loader, NativeImagesGiveTheSameBaseCrops) {
  const FakeDataset data(23, {4, 9, 10, 11}), again(23, {4, 9, 10, 11});
  for (const int workers : {1, 4}) {
    Loader crops(again, {.batch = 3, .side = 9, .workers = workers});
    Loader natives(data, {.batch = 3, .side = 9, .workers = workers, .native = true});
    for (int pass = 0; pass < 2; ++pass) {
      crops.start(shuffled(23));
      natives.start(shuffled(23));
      Batch expected, batch;
      while (crops.next(expected)) {
        ASSERT_TRUE(natives.next(batch));
        EXPECT_EQ(batch.indexes, expected.indexes);
        EXPECT_EQ(batch.sources.size(), batch.indexes.size());
        EXPECT_EQ(crops_of(batch, 9), crops_of(expected, 9));
      }
      EXPECT_FALSE(natives.next(batch));
    }
    int64_t bytes = 0;
    for (int64_t i = 0; i < 23; ++i) bytes += i == 4 || (i >= 9 && i <= 11) ? 0 : 3 * (20 + i % 7) * (17 + i % 5);
    EXPECT_EQ(natives.cached_bytes(), bytes);
    EXPECT_EQ(natives.skipped(), 4);
  }
  EXPECT_THROW(Loader(data, {.batch = 2, .side = 9, .label_side = 4, .native = true}), Error);
  Loader strict(data, {.batch = 3, .side = 9, .native = true, .strict = true});
  strict.start({1, 4});
  Batch batch;
  EXPECT_NE(message_of([&] { strict.next(batch); }).find("4.fake"), std::string::npos);
}

TEST(Loader, DropsUnreadableImagesWithOneWarningEach) {
  const FakeDataset data(12, {2, 3, 6, 7, 8});
  std::vector<std::string> warnings;
  Loader loader(data, {.batch = 3, .side = 9, .label_side = 5, .workers = 4, .warn = [&](const std::string& text) {
                         warnings.push_back(text);
                       }});
  std::vector<int64_t> order(12);
  std::iota(order.begin(), order.end(), 0);
  Pass expected = expected_pass(data, {0, 1, 4, 5, 9, 10, 11}, 9, 5);
  expected.sizes = {2, 2, 3};  // the third batch ends empty and is passed over
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_TRUE(read_all(loader, order) == expected) << pass;
    EXPECT_EQ(loader.skipped(), 5);
    ASSERT_EQ(warnings.size(), 5u);
    EXPECT_EQ(warnings[0], "image2.fake: cannot be read");
    EXPECT_EQ(warnings[4], "image8.fake: cannot be read");
  }
}

TEST(Loader, StrictCarriesTheErrorToTheCaller) {
  const FakeDataset data(12, {4});
  Loader loader(data, {.batch = 3, .side = 9, .workers = 4, .strict = true});
  std::vector<int64_t> order(12);
  std::iota(order.begin(), order.end(), 0);
  loader.start(order);
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  EXPECT_EQ(message_of([&] { loader.next(batch); }), "image4.fake: cannot be read");
  EXPECT_FALSE(loader.next(batch));  // the pass is over
  EXPECT_EQ(read_all(loader, {0, 1}).indexes, (std::vector<int64_t>{0, 1}));
}

TEST(Loader, OtherExceptionsAlwaysReachTheCaller) {
  FakeDataset data(6);
  data.explodes = 5;
  Loader loader(data, {.batch = 2, .side = 9, .workers = 3});
  loader.start({0, 1, 5, 2});
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  EXPECT_THROW(loader.next(batch), std::bad_alloc);
  EXPECT_FALSE(loader.next(batch));
}

TEST(Loader, PassesMayBeAbandoned) {
  const FakeDataset data(40);
  Batch batch;
  {
    Loader loader(data, {.batch = 4, .side = 9, .workers = 4, .prefetch = 3});
    EXPECT_FALSE(loader.next(batch));  // nothing started
    loader.start(shuffled(40));
    ASSERT_TRUE(loader.next(batch));
    const auto order = shuffled(40, 8);
    EXPECT_TRUE(read_all(loader, order).pixels == expected_pass(data, order, 9, 0).pixels);
    loader.start(shuffled(40));
    ASSERT_TRUE(loader.next(batch));
  }                                   // shut down in the middle
  EXPECT_EQ(batch.images.dim(0), 4);  // a batch outlives its loader
  Loader never_started(data, {.batch = 4, .side = 9, .workers = 2});
}

TEST(Loader, PrefetchIsBounded) {
  const FakeDataset data(40);
  Loader loader(data, {.batch = 2, .side = 9, .workers = 4, .prefetch = 1});
  loader.start(shuffled(40));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(data.decoded, 4);
}

TEST(Loader, RefusesBadArguments) {
  const FakeDataset data(4);
  EXPECT_THROW(Loader(data, {.batch = 0, .side = 9}), Error);
  EXPECT_THROW(Loader(data, {.batch = 1, .side = 0}), Error);
  EXPECT_THROW(Loader(data, {.batch = 1, .side = 9, .label_side = -1}), Error);
  EXPECT_THROW(Loader(data, {.batch = 1, .side = 9, .workers = -1}), Error);
  EXPECT_THROW(Loader(data, {.batch = 1, .side = 9, .prefetch = -1}), Error);
  EXPECT_THROW(Loader(data, {.batch = 1, .side = 9, .cache_bytes = -1}), Error);
  Loader loader(data, {.batch = 1, .side = 9});
  EXPECT_THROW(loader.start({0, 4}), Error);
  EXPECT_THROW(loader.start({-1}), Error);
  EXPECT_TRUE(read_all(loader, {}).indexes.empty());
}

TEST_F(LoaderFile, DiskCacheSparesDecoding) {
  const auto order = shuffled(11);
  Pass first;
  {
    const FakeDataset data(11, {7});
    Loader loader(data, {.batch = 4, .side = 9, .label_side = 5, .workers = 3, .cache_bytes = 0, .disk_cache = file_});
    first = read_all(loader, order);
    EXPECT_EQ(data.decoded, 11);
    EXPECT_TRUE(read_all(loader, order) == first);
    EXPECT_EQ(data.decoded, 11);
  }
  const FakeDataset data(11, {7});
  Loader loader(data, {.batch = 4, .side = 9, .label_side = 5, .workers = 3, .disk_cache = file_});
  EXPECT_TRUE(read_all(loader, order) == first);
  EXPECT_EQ(data.decoded, 1);  // the unreadable one, which is not kept
}

TEST_F(LoaderFile, DamagedRecordsAreMadeAgain) {
  const auto order = shuffled(11);
  constexpr int64_t kTableEnd = (5 + 11) * 8, kRecord = 9 * 9 * 3;
  const auto pass = [&](int64_t decoded) {
    const FakeDataset data(11);
    Loader loader(data, {.batch = 4, .side = 9, .workers = 2, .disk_cache = file_});
    const Pass result = read_all(loader, order);
    EXPECT_EQ(data.decoded, decoded);
    return result;
  };
  const Pass first = pass(11);
  EXPECT_TRUE(pass(0) == first);
  const char damaged = static_cast<char>(
      ~first.pixels[static_cast<size_t>((std::find(order.begin(), order.end(), 3) - order.begin()) * kRecord + 100)]);
  overwrite(kTableEnd + 3 * kRecord + 100, damaged);
  EXPECT_TRUE(pass(1) == first);
  EXPECT_TRUE(pass(0) == first);
  std::filesystem::resize_file(file_, kTableEnd + 9 * kRecord + 5);  // the last two are gone
  EXPECT_TRUE(pass(2) == first);
  EXPECT_TRUE(pass(0) == first);
}

TEST_F(LoaderFile, RefusesADiskCacheThatDoesNotFit) {
  const FakeDataset data(11);
  const auto open = [&](const Dataset& set, LoaderOptions options) {
    options.disk_cache = file_;
    return message_of([&] { Loader loader(set, options); });
  };
  const auto mentions = [&](const std::string& message, const std::string& text) {
    EXPECT_NE(message.find(text), std::string::npos) << message;
    EXPECT_NE(message.find(file_.string()), std::string::npos) << message;
  };
  EXPECT_EQ(open(data, {.batch = 1, .side = 9}), "no error");
  EXPECT_EQ(open(data, {.batch = 5, .side = 9, .workers = 1}), "no error");
  mentions(open(data, {.batch = 1, .side = 10}), "records of 243 bytes, expected 11 of 300");
  mentions(open(FakeDataset(12), {.batch = 1, .side = 9}), "holds 11 records");
  FakeDataset other(11);
  other.prefix = "other";
  mentions(open(other, {.batch = 1, .side = 9}), "other images");
  std::filesystem::resize_file(file_, 60);
  mentions(open(data, {.batch = 1, .side = 9}), "table is cut off");
  overwrite(9, 'x');
  mentions(open(data, {.batch = 1, .side = 9}), "header is damaged");
  overwrite(0, 'x');
  mentions(open(data, {.batch = 1, .side = 9}), "not a cache of crops");
  std::filesystem::resize_file(file_, 0);
  mentions(open(data, {.batch = 1, .side = 9}), "not a cache of crops");
  std::filesystem::remove(file_);
  std::filesystem::create_directory(file_);
  mentions(open(data, {.batch = 1, .side = 9}), "not a regular file");
}

TEST_F(LoaderFile, DiskCacheThatCannotGrowIsGivenUp) {
  const FakeDataset data(6);
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& text) { warnings.push_back(text); };
  { Loader create(data, {.batch = 1, .side = 9, .workers = 1, .disk_cache = file_}); }
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{std::filesystem::file_size(file_), before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  Pass pass;
  {
    Loader loader(data, {.batch = 4, .side = 9, .workers = 2, .disk_cache = file_, .warn = warn});
    pass = read_all(loader, shuffled(6));
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(pass.pixels == expected_pass(data, shuffled(6), 9, 0).pixels);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("cannot be written"), std::string::npos) << warnings[0];
}

TEST(Checksum, SeesEveryByteAndTheSeed) {
  std::vector<uint8_t> bytes(37);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  std::set<uint64_t> sums = {checksum(bytes, 0), checksum(bytes, 1)};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= 0x80;
    sums.insert(checksum(bytes, 0));
    bytes[i] ^= 0x80;
  }
  EXPECT_EQ(sums.size(), 39u);
}

TEST(Loader, ViewsFollowTheImageAndThePassNotTheThreads) {
  const FakeDataset data(9, {4});
  const PairAugment how{
      .height = 11, .width = 13, .short_side = 16, .min_scale = 0.5, .max_scale = 2.0, .hflip = true, .jitter = 0.3};
  const auto views = [&](Loader& loader, const std::vector<int64_t>& order, uint64_t number) {
    Pass pass;
    loader.start(order, 0, number);
    for (Batch batch; loader.next(batch);) {
      EXPECT_EQ(batch.images.shape(), (Shape{batch.images.dim(0), 11, 13, 3}));
      EXPECT_EQ(batch.labels.shape(), (Shape{batch.images.dim(0), 11, 13}));
      pass.indexes.insert(pass.indexes.end(), batch.indexes.begin(), batch.indexes.end());
      append(batch.images, pass.pixels);
      append(batch.labels, pass.labels);
    }
    return pass;
  };
  Loader one(data, {.batch = 3, .augment = how, .workers = 1}), many(data, {.batch = 3, .augment = how, .workers = 4});
  const Pass first = views(one, {7, 4, 0, 8, 2}, 5);
  EXPECT_EQ(first.indexes, (std::vector<int64_t>{7, 0, 8, 2}));
  EXPECT_EQ(views(many, {7, 4, 0, 8, 2}, 5), first);
  EXPECT_EQ(views(many, {7, 4, 0, 8, 2}, 5), first);  // now from the cache
  EXPECT_NE(views(many, {7, 4, 0, 8, 2}, 6).pixels, first.pixels);
  // Each is what augment_pair() makes of the image as stored.
  const Image image = data.image(8);
  const LabelMap labels = data.labels(8);
  const PairSource source{image.height, image.width, image.rgb.data(), labels.classes.data()};
  std::vector<uint8_t> rgb(11 * 13 * 3), classes(11 * 13);
  augment_pair(how, source, draw_pair(how, image.height, image.width, 8, 5), rgb.data(), classes.data());
  EXPECT_TRUE(std::equal(rgb.begin(), rgb.end(), first.pixels.begin() + 2 * 11 * 13 * 3));
  EXPECT_TRUE(std::equal(classes.begin(), classes.end(), first.labels.begin() + 2 * 11 * 13));
}

TEST(Loader, RefusesViewsOfOtherKindsOfOptions) {
  FakeDataset data(3);
  const PairAugment how{.height = 8, .width = 8, .short_side = 8};
  EXPECT_NE(message_of([&] { Loader(data, {.side = 8, .augment = how}); }).find("views have no side"),
            std::string::npos);
  EXPECT_NE(message_of([&] { Loader(data, {.augment = how, .disk_cache = "x"}); }).find("base crops alone"),
            std::string::npos);
  EXPECT_NE(message_of([&] { Loader(data, {.augment = PairAugment{}}); }).find("height and width"), std::string::npos);
  data.labelled = false;
  EXPECT_NE(message_of([&] { Loader(data, {.augment = how}); }).find("no labels"), std::string::npos);
}

}  // namespace
}  // namespace bareseg
