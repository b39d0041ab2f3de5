#include "apps/retrieve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/predict.h"
#include "engine/ops.h"
#include "tests/apps/tiny_segmenter.h"
#include "tests/data/files.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kImages = 5, kCells = kTinyResolution / 4;

class Retrieve : public testing::Test {
 protected:
  Retrieve() {
    options_.checkpoint = (root_ / "tiny.safetensors").string();
    options_.data = {.scenes = kImages, .scene_size = kTinyResolution};
    options_.image = (root_ / "query.png").string();
    options_.out = (root_ / "out").string();
    options_.load.workers = 1;
    options_.device.device = "cpu";
    scenes_ = open_dataset(options_.data, Split::val);
    write_png(options_.image, scenes_->image(3));
  }

  std::vector<std::vector<Neighbour>> find(const Tensor& queries, int64_t count, bool farthest = false) const {
    Loader loader(*scenes_, options_.load.loader(2, kTinyResolution));
    loader.start(every_index(*scenes_));
    return nearest_pixels(tiny_, loader, queries, count, farthest, kFloat32);
  }
  // Every cell of every image, nearest first, by |x - q|^2 in double.
  std::vector<Neighbour> all_cells(const Tensor& queries, int64_t query) const {
    std::vector<Neighbour> cells;
    const int64_t dims = queries.dim(1);
    for (int64_t i = 0; i < kImages; ++i) {
      const NoGrad no_grad;
      const ModeGuard mode(*tiny_.network, false);
      const Tensor map = l2_normalize(tiny_.network->forward(network_input(scenes_->image(i))));
      for (int64_t cell = 0; cell < kCells * kCells; ++cell) {
        double distance = 0.0;
        for (int64_t d = 0; d < dims; ++d) {
          distance += std::pow(double(map.data<float>()[cell * dims + d]) - queries.data<float>()[query * dims + d], 2);
        }
        cells.push_back({i, cell / kCells, cell % kCells, kCells, kCells, distance});
      }
    }
    std::stable_sort(cells.begin(), cells.end(),
                     [](const Neighbour& a, const Neighbour& b) { return a.distance < b.distance; });
    return cells;
  }

  const TemporaryFolder root_;
  RetrieveOptions options_;
  std::unique_ptr<Dataset> scenes_;
  const Segmenter tiny_ = [&] {
    save_segmenter(root_ / "tiny.safetensors", tiny_segmenter());
    return tiny_segmenter();
  }();
};

TEST(CellOf, TheSpecificationsQueries) {
  EXPECT_EQ(cell_of({150, 50}, {289, 217}, 55, 73).row, 12);
  EXPECT_EQ(cell_of({150, 50}, {289, 217}, 55, 73).col, 37);
  EXPECT_EQ(cell_of({80, 120}, {289, 217}, 55, 73).row, 30);
  EXPECT_EQ(cell_of({80, 120}, {289, 217}, 55, 73).col, 20);
  EXPECT_EQ(cell_of({288, 216}, {289, 217}, 55, 73).row, 54);
  EXPECT_TRUE(refuses([] { cell_of({289, 0}, {289, 217}, 55, 73); }, {"--pixel", "289x217", "289,0"}));
}

TEST(ParsePixel, TakesNothingElse) {
  EXPECT_EQ(parse_pixel("150,50").x, 150);
  EXPECT_EQ(parse_pixel("150,50").y, 50);
  for (const char* bad : {"", "5", "5,", ",5", "5,5,5", "-1,5", "5,-1", "5;5", " 5,5", "99999999999999999999,1"}) {
    EXPECT_TRUE(refuses([&] { parse_pixel(bad); }, {"--pixel", "X,Y", bad})) << bad;
  }
}

TEST_F(Retrieve, QueriesAreUnitFeaturesOfTheirCells) {
  const Image image = drawn_picture(61, 45);
  const NoGrad no_grad;
  const ModeGuard mode(*tiny_.network, false);
  const Tensor map = l2_normalize(tiny_.network->forward(network_input(image)));
  EXPECT_EQ(map.dim(1), 12);
  EXPECT_EQ(map.dim(2), 16);
  const Tensor q = query_features(tiny_, image, {{60, 44}, {10, 20}}, 0, kFloat32);
  const int64_t dims = map.dim(3);
  EXPECT_EQ(q.shape(), (Shape{2, dims}));
  for (int64_t d = 0; d < dims; ++d) {
    ASSERT_EQ(q.data<float>()[d], map.data<float>()[(11 * 16 + 15) * dims + d]);
    ASSERT_EQ(q.data<float>()[dims + d], map.data<float>()[(20 * 12 / 45 * 16 + 10 * 16 / 61) * dims + d]);
  }
  EXPECT_TRUE(refuses([&] { query_features(tiny_, image, {{61, 0}}, 0, kFloat32); }, {"--pixel", "61x45"}));
}

TEST_F(Retrieve, NearestCellOfEachImageNearestFirst) {
  const Tensor queries = query_features(tiny_, drawn_picture(40, 40), {{5, 5}, {30, 20}}, 0, kFloat32);
  const auto found = find(queries, 4);
  ASSERT_EQ(found.size(), 2u);
  for (int64_t q = 0; q < 2; ++q) {
    std::vector<Neighbour> expected;
    for (const Neighbour& n : all_cells(queries, q)) {
      const auto same = [&](const Neighbour& other) { return other.image == n.image; };
      if (std::none_of(expected.begin(), expected.end(), same)) expected.push_back(n);
    }
    ASSERT_EQ(found[static_cast<size_t>(q)].size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
      const Neighbour& n = found[static_cast<size_t>(q)][i];
      EXPECT_EQ(n.image, expected[i].image) << i;
      EXPECT_EQ(n.row, expected[i].row) << i;
      EXPECT_EQ(n.col, expected[i].col) << i;
      EXPECT_NEAR(n.distance, expected[i].distance, 1e-5) << i;
    }
  }
}

TEST_F(Retrieve, AsTheAuthorsOneOfEachBatchFarthestFirst) {
  const Tensor queries = query_features(tiny_, drawn_picture(40, 40), {{5, 5}}, 0, kFloat32);
  const std::vector<Neighbour> near = find(queries, kImages)[0], far = find(queries, kImages, true)[0];
  ASSERT_EQ(far.size(), 3u) << "batches of two images";
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LE(far[i].distance, far[i > 0 ? i - 1 : 0].distance);
    const auto better = [&](const Neighbour& n) {
      return n.image / 2 == far[i].image / 2 && n.distance < far[i].distance;
    };
    EXPECT_TRUE(std::none_of(near.begin(), near.end(), better)) << "the best of its batch";
  }
}

TEST_F(Retrieve, APixelFindsItself) {
  options_.pixels = {"9,21", "30,2"};
  options_.count = 3;
  testing::internal::CaptureStdout();
  EXPECT_EQ(retrieve(options_), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find(scenes_->name(3)), std::string::npos);
  const std::vector<uint8_t> bytes = bytes_of(root_ / "out/neighbours.json");
  const nlohmann::json out = nlohmann::json::parse(bytes.begin(), bytes.end());
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0]["neighbours"].size(), 3u);
  const nlohmann::json& first = out[0]["neighbours"][0];
  EXPECT_EQ(first["image"], 3);
  EXPECT_EQ(first["name"], scenes_->name(3));
  EXPECT_EQ(first["row"], 21 / 4);
  EXPECT_EQ(first["column"], 9 / 4);
  EXPECT_NEAR(first["distance"].get<double>(), 0.0, 1e-5);
  for (const char* file : {"query1.png", "query2.png"}) {
    EXPECT_EQ(read_image(root_ / "out" / file).width, 4 + 4 * (kTinyResolution + 4)) << "the query and three";
  }
  options_.pixels = {"32,0"};
  EXPECT_TRUE(refuses([&] { retrieve(options_); }, {"--pixel", "32x32", "32,0"}));
}

}  // namespace
}  // namespace bareseg
