#include "apps/bench_cases.h"
#include "data/augment_plan.h"
#include "data/scenes.h"

namespace bareseg {
namespace {

// Images of COCO's usual size; their squares have its longer side.
constexpr int64_t kWidth = 640, kHeight = 480, kSquare = 640, kView = 320;
constexpr uint64_t kSeed = 2021;

// A rendered scene, in every place of the batch; the draws differ from image to image.
Tensor pictures(const BenchSetup& s) {
  Image image = open_scenes({.scenes = 1, .scene_size = kWidth}, Split::train)->image(0);
  image.rgb.resize(static_cast<size_t>(kHeight * kWidth * 3));
  const Tensor one = Tensor::from(image.rgb, {1, kHeight, kWidth, 3}, s.device);
  return s.repeated(one, s.batch).view({s.batch, kHeight, kWidth, 3});
}

std::vector<SourceImage> squares_of(const Tensor& images) {
  std::vector<SourceImage> sources;
  for (int64_t i = 0; i < images.dim(0); ++i) {
    sources.push_back({.offset = i * kHeight * kWidth * 3,
                       .height = kHeight,
                       .width = kWidth,
                       .out_height = kSquare,
                       .out_width = kWidth * kSquare / kHeight,
                       .col = (kWidth * kSquare / kHeight - kSquare) / 2});
  }
  return sources;
}

// Bytes: the images and their squares written, then per view the squares read and the view written.
BenchCase views_case(const BenchSetup& s, const std::vector<int>& views) {
  const Tensor images = pictures(s), pixels = images.view({images.count()});
  const std::vector<SourceImage> sources = squares_of(images);
  const EpochPlan plan(AugmentConfig{}, kSeed, s.batch, 0);
  std::vector<AugmentParams> params;
  for (const int view : views) {
    for (int64_t i = 0; i < s.batch; ++i) params.push_back(plan.params(i, view, kSquare));
  }
  Tensor y = s.empty({std::ssize(params), kView, kView, s.on().image_channels()});
  const int64_t squares = s.batch * kSquare * kSquare * 3;
  return {concat(images.shape()), images.bytes() + (1 + std::ssize(views)) * squares + y.bytes(), 0.0,
          [=]() mutable { s.on().augment(pixels, sources, kSquare, params, y); }};
}

}  // namespace

void add_augment_cases(std::vector<BenchKernel>& list) {
  list.push_back({"augment/view1", kBenchFloats, [](const BenchSetup& s) { return views_case(s, {0}); }});
  list.push_back({"augment/view2", kBenchFloats, [](const BenchSetup& s) { return views_case(s, {1}); }});
  list.push_back({"augment/both", kBenchFloats, [](const BenchSetup& s) { return views_case(s, {0, 1}); }});
  list.push_back({"normalize_images", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor images = pictures(s);
                    Tensor y = s.empty({s.batch, kHeight, kWidth, s.on().image_channels()});
                    return {concat(images.shape()), images.bytes() + y.bytes(), 0.0,
                            [=]() mutable { s.on().normalize_images(images, y); }};
                  }});
}

}  // namespace bareseg
