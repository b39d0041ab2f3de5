#include "data/augment_plan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "data/legacy_random.h"
#include "engine/error.h"

namespace bareseg {
namespace {

// Numbers after `name` in each such line of tests/golden/random.txt (tests/golden/make_random.py).
std::vector<std::vector<double>> golden_lines(const std::string& name) {
  const std::string path = BARESEG_TESTS_DIR "/golden/random.txt";
  std::ifstream file(path);
  BS_CHECK(file, "cannot open ", path);
  std::vector<std::vector<double>> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string first, word;
    in >> first;
    if (first != name) continue;
    lines.emplace_back();
    while (in >> word) lines.back().push_back(std::stod(word));
  }
  BS_CHECK(!lines.empty(), path, " has no line ", name);
  return lines;
}

TEST(LegacyRandom, EqualsNumpyAndPython) {
  for (const auto& line : golden_lines("shuffle")) {
    const std::vector<int64_t> got = NumpyRandom(static_cast<uint32_t>(line[0])).permutation(37);
    EXPECT_EQ(std::vector<double>(got.begin(), got.end()), std::vector<double>(line.begin() + 1, line.end()));
  }
  // The draws of one seed go on in one stream.
  const auto shuffles = golden_lines("shuffle"), integers = golden_lines("randint"), uniforms = golden_lines("uniform");
  for (size_t i = 0; i < shuffles.size(); ++i) {
    NumpyRandom rng(static_cast<uint32_t>(shuffles[i][0]));
    rng.permutation(37);
    const uint32_t highs[] = {1, 2, 2021, 1, 2147483647u, 4294967295u, 4000000000u, 5};
    for (size_t j = 0; j < std::size(highs); ++j) EXPECT_EQ(rng.randint(highs[j]), integers[i][j + 1]);
    for (int j = 0; j < 397; ++j) rng.uniform(0.5, 1.0);
    for (size_t j = 1; j < 4; ++j) EXPECT_EQ(rng.uniform(0.5, 1.0), uniforms[i][j]);
  }
  for (const auto& line : golden_lines("python")) {
    PythonRandom rng(static_cast<uint64_t>(line[0]));
    for (int j = 0; j < 397; ++j) rng.uniform(0.7, 1.3);
    for (size_t j = 1; j < 4; ++j) EXPECT_EQ(rng.uniform(0.7, 1.3), line[j]);
  }
  EXPECT_THROW(NumpyRandom(1).randint(0), Error);
}

std::vector<double> flat(const EpochPlan& plan) {
  std::vector<double> v(plan.permutation().begin(), plan.permutation().end());
  const auto each = [&](auto&& value) {
    for (int64_t i = 0; i < plan.size(); ++i) v.push_back(value(plan.draws(i)));
  };
  for (const auto jitter :
       {&ImageDraws::brightness, &ImageDraws::contrast, &ImageDraws::saturation, &ImageDraws::hue}) {
    for (size_t view = 0; view < 2; ++view) {
      each([&](const ImageDraws& d) { return (d.*jitter)[view].probability; });
      each([&](const ImageDraws& d) { return (d.*jitter)[view].value; });
    }
  }
  for (const auto decision : {&ImageDraws::grey, &ImageDraws::blur}) {
    for (size_t view = 0; view < 2; ++view) each([&](const ImageDraws& d) { return (d.*decision)[view]; });
  }
  each([](const ImageDraws& d) { return d.hflip; });
  each([](const ImageDraws& d) { return d.vflip; });
  each([](const ImageDraws& d) { return d.crop_scale; });
  for (int64_t i = 0; i < plan.size(); ++i) {
    v.push_back(plan.draws(i).crop_row);
    v.push_back(plan.draws(i).crop_col);
  }
  v.push_back(plan.kmeans_seed(0));
  v.push_back(plan.kmeans_seed(1));
  return v;
}

TEST(EpochPlan, ReplaysTheAuthorsStreams) {
  for (const auto& line : golden_lines("epoch")) {
    const EpochPlan plan({}, static_cast<uint64_t>(line[0]), 5, static_cast<int64_t>(line[1]));
    EXPECT_EQ(flat(plan), std::vector<double>(line.begin() + 2, line.end())) << "seed " << line[0];
  }
}

TEST(EpochPlan, FixturesOfTheAuthors) {
  constexpr int64_t kImages = 49629;
  const std::vector<int64_t> first = NumpyRandom(1).permutation(kImages);
  EXPECT_EQ(std::vector<int64_t>(first.begin(), first.begin() + 6),
            (std::vector<int64_t>{12284, 39444, 721, 37166, 28571, 6966}));
  EXPECT_EQ(first.back(), 33003);

  const EpochPlan plan({}, 1, kImages, 0);
  const std::vector<int64_t>& order = plan.permutation();
  EXPECT_EQ(std::vector<int64_t>(order.begin(), order.begin() + 6),
            (std::vector<int64_t>{2957, 41219, 19723, 13182, 38375, 41160}));
  EXPECT_EQ(order.back(), 9283);
  EXPECT_EQ(plan.kmeans_seed(0), 0u);
  EXPECT_EQ(plan.kmeans_seed(1), 0u);
  const ImageDraws& d = plan.draws(0);
  const auto expect_jitter = [](const std::array<ImageDraws::Jitter, 2>& j, double p1, double v1, double p2,
                                double v2) {
    EXPECT_NEAR(j[0].probability, p1, 5.1e-9);
    EXPECT_NEAR(j[0].value, v1, 5.1e-9);
    EXPECT_NEAR(j[1].probability, p2, 5.1e-9);
    EXPECT_NEAR(j[1].value, v2, 5.1e-9);
  };
  expect_jitter(d.brightness, 0.48278770, 0.89762700, 0.69882415, 1.11235676);
  expect_jitter(d.contrast, 0.19859560, 1.12867061, 0.82927924, 1.17879132);
  expect_jitter(d.saturation, 0.43392881, 0.85865844, 0.28997088, 0.82523182);
  expect_jitter(d.hue, 0.49062121, 0.04292834, 0.00205661, -0.07333858);
  EXPECT_NEAR(d.blur[0], 0.76251624, 5.1e-9);
  EXPECT_NEAR(d.blur[1], 0.54066508, 5.1e-9);
  EXPECT_NEAR(d.hflip, 0.84606330, 5.1e-9);
  EXPECT_NEAR(d.crop_scale, 0.60048500, 5.1e-9);
  EXPECT_NEAR(d.crop_row, 0.39528657, 5.1e-9);
  EXPECT_NEAR(d.crop_col, 0.94491069, 5.1e-9);

  const CropWindow image = plan.window(0, 640), map = plan.window(0, 80);
  EXPECT_EQ((std::vector<int32_t>{image.height, image.width, image.row, image.col}),
            (std::vector<int32_t>{384, 384, 101, 242}));
  EXPECT_EQ((std::vector<int32_t>{map.height, map.width, map.row, map.col}), (std::vector<int32_t>{48, 48, 13, 30}));
  EXPECT_FALSE(image.flip_horizontal);
}

// The draw at construction, which a plan passes over: its NumPy stream in the order of section 5.2.
TEST(EpochPlan, FixturesOfTheDrawAtConstruction) {
  constexpr int64_t kImages = 49629;
  NumpyRandom np(1);
  // The draws of one array, of which the value of image 0 is returned.
  const auto first_of = [&](double low) {
    const double first = np.uniform(low, 1.0);
    for (int64_t i = 1; i < kImages; ++i) np.random();
    return first;
  };
  np.permutation(kImages);
  // Decisions of each view: brightness, contrast, saturation, hue, grey, blur.
  for (int array = 0; array < 12; ++array) first_of(0.0);
  EXPECT_NEAR(first_of(0.0), 0.73633417, 5.1e-9);  // horizontal flip
  first_of(0.0);                                   // vertical flip
  EXPECT_NEAR(first_of(0.5), 0.77525831, 5.1e-9);  // scale of the crop
  EXPECT_NEAR(np.random(), 0.03847619, 5.1e-9);    // its position: row, column, then those of the other images
  EXPECT_NEAR(np.random(), 0.29339566, 5.1e-9);
  for (int64_t i = 2; i < 2 * kImages; ++i) np.random();
  // Epoch 0 goes on where construction ends.
  EXPECT_EQ(np.permutation(kImages), EpochPlan({}, 1, kImages, 0).permutation());
}

TEST(EpochPlan, ParametersFollowTheDecisions) {
  const EpochPlan plan({}, 1, 49629, 0);
  const AugmentParams one = plan.params(0, 0, 640), two = plan.params(0, 1, 640);
  EXPECT_TRUE(one.brightness && one.contrast && one.saturation && one.hue);
  EXPECT_FALSE(one.blur);
  EXPECT_TRUE(two.brightness && two.saturation && two.hue);
  EXPECT_FALSE(two.contrast);  // 0.829 is not below 0.8
  EXPECT_EQ(one.brightness_factor, static_cast<float>(plan.draws(0).brightness[0].value));
  EXPECT_EQ(one.hue_shift, 10);   // trunc(255 * 0.0429)
  EXPECT_EQ(two.hue_shift, -18);  // trunc(255 * -0.0733)
  EXPECT_EQ(one.window.height, 384);
  EXPECT_EQ(two.window.height, 640);
  int64_t greys = 0, blurs = 0, flips = 0;
  for (int64_t i = 0; i < plan.size(); ++i) {
    const AugmentParams p = plan.params(i, 1, 640);
    greys += p.grey;
    blurs += p.blur;
    flips += plan.window(i, 80).flip_horizontal;
    ASSERT_FALSE(plan.window(i, 80).flip_vertical);
    if (!p.blur) continue;
    ASSERT_FLOAT_EQ(p.blur_radius, static_cast<float>(3.8 * (plan.draws(i).blur[1] - 0.5) + 0.1));
    ASSERT_GE(p.blur_radius, -1.8f);
    ASSERT_LT(p.blur_radius, 0.1f);
  }
  const auto n = static_cast<double>(plan.size());
  EXPECT_NEAR(static_cast<double>(greys) / n, 0.2, 0.01);
  EXPECT_NEAR(static_cast<double>(blurs) / n, 0.5, 0.01);
  EXPECT_NEAR(static_cast<double>(flips) / n, 0.5, 0.01);
}

TEST(EpochPlan, SwitchesAreIndependentAndDoNotDraw) {
  AugmentConfig config = parse_transforms("hflip,vflip");
  const EpochPlan all({}, 3, 64, 1), flips(config, 3, 64, 1);
  EXPECT_EQ(flat(all), flat(flips));
  config.compat_grey_off = true;
  AugmentConfig dead = {};
  dead.compat_grey_off = true;
  const EpochPlan no_grey(dead, 3, 64, 1);
  bool grey = false, vertical = false;
  for (int64_t i = 0; i < 64; ++i) {
    const AugmentParams p = flips.params(i, 0, 40);
    EXPECT_FALSE(p.brightness || p.contrast || p.saturation || p.hue || p.grey || p.blur);
    EXPECT_EQ(p.window.height, 40);
    EXPECT_EQ(p.window.row, 0);
    EXPECT_EQ(p.window.flip_horizontal, all.window(i, 40).flip_horizontal);
    vertical |= p.window.flip_vertical;
    grey |= all.params(i, 0, 40).grey;
    EXPECT_FALSE(no_grey.params(i, 0, 40).grey);
    EXPECT_FALSE(flips.params(i, 1, 40).window.flip_horizontal);
  }
  EXPECT_TRUE(vertical);
  EXPECT_TRUE(grey);
  EXPECT_EQ(flips.params(0, 0, 40).shape, AugmentParams::Shape::pillow);
  EXPECT_EQ(all.params(0, 0, 40).shape, AugmentParams::Shape::window);
  EXPECT_EQ(all.params(0, 1, 40).shape, AugmentParams::Shape::pillow);
}

TEST(EpochPlan, WindowsStayInsideSmallMaps) {
  const EpochPlan plan({}, 9, 500, 0);
  for (const int64_t side : {1, 2, 5, 40}) {
    for (int64_t i = 0; i < plan.size(); ++i) {
      const CropWindow w = plan.window(i, side);
      ASSERT_GE(w.row, 0);
      ASSERT_GE(w.col, 0);
      ASSERT_GT(w.height, 0);
      ASSERT_LE(w.row + w.height, side);
      ASSERT_LE(w.col + w.width, side);
    }
  }
}

TEST(EpochPlan, RefusesArgumentsOutOfRange) {
  EXPECT_THROW(EpochPlan({}, 1, -1, 0), Error);
  EXPECT_THROW(EpochPlan({}, 1, 1, -1), Error);
  EXPECT_THROW(EpochPlan({}, uint64_t{1} << 32, 1, 0), Error);
  AugmentConfig config;
  config.min_scale = 0.0;
  EXPECT_THROW(EpochPlan(config, 1, 1, 0), Error);
  config = {};
  config.blur_probability = 1.5;
  EXPECT_THROW(EpochPlan(config, 1, 1, 0), Error);
  const EpochPlan plan({}, 0, 1, 0);
  EXPECT_THROW(plan.draws(1), Error);
  EXPECT_THROW(plan.params(0, 2, 8), Error);
  EXPECT_THROW(plan.window(0, 0), Error);
  EXPECT_THROW(plan.kmeans_seed(2), Error);
}

TEST(ParseTransforms, ReadsNamesAndPresets) {
  EXPECT_EQ(parse_transforms("all"), AugmentConfig{});
  EXPECT_EQ(transform_names(parse_transforms("none")), "none");
  EXPECT_EQ(transform_names(parse_transforms("colour-only")), "brightness,contrast,saturation,hue,grey,blur");
  EXPECT_EQ(transform_names(parse_transforms("geometry-only")), "crop,hflip");
  EXPECT_EQ(transform_names(parse_transforms(" vflip , hue,brightness")), "brightness,hue,vflip");
  EXPECT_EQ(transform_names(parse_transforms("geometry-only,vflip")), "crop,hflip,vflip");
  const std::string all = transform_names(AugmentConfig{});
  EXPECT_EQ(parse_transforms(all), AugmentConfig{});
  try {
    parse_transforms("hue,gray,crop,blurr");
    FAIL() << "unknown names were accepted";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("'gray', 'blurr'"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("saturation"), std::string::npos) << error.message();
  }
  EXPECT_THROW(parse_transforms(""), Error);
  EXPECT_THROW(parse_transforms("hue,"), Error);
}

}  // namespace
}  // namespace bareseg
