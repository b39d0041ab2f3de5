#include "apps/bench_cases.h"
#include "data/augment_plan.h"
#include "data/scenes.h"

namespace bareseg {
namespace {

constexpr int64_t kBase = 640, kView = 320;
constexpr uint64_t kSeed = 2021;

// A rendered scene, in every place of the batch; the draws differ from image to image.
Tensor pictures(const BenchSetup& s) {
  const Image image = open_scenes({.scenes = 1, .scene_size = kBase}, Split::train)->image(0);
  const Tensor one = Tensor::from(image.rgb, {1, kBase, kBase, 3}, s.device);
  return s.repeated(one, s.batch).view({s.batch, kBase, kBase, 3});
}

// Images of COCO's usual size, in the memory of pictures().
constexpr int64_t kHeight = 480;
std::vector<SourceImage> images_of(const BenchSetup& s) {
  constexpr int64_t kOutWidth = 853, kLeft = 106;
  std::vector<SourceImage> sources;
  for (int64_t i = 0; i < s.batch; ++i) {
    sources.push_back({.offset = i * kBase * kBase * 3,
                       .height = kHeight,
                       .width = kBase,
                       .out_height = kBase,
                       .out_width = kOutWidth,
                       .col = kLeft});
  }
  return sources;
}

BenchCase base_crops_case(const BenchSetup& s) {
  const Tensor pixels = pictures(s).view({s.batch * kBase * kBase * 3});
  const std::vector<SourceImage> sources = images_of(s);
  Tensor y = s.empty({s.batch, kBase, kBase, 3}, kUInt8);
  return {concat("[", s.batch, ", ", kHeight, ", ", kBase, ", 3]"), s.batch * kHeight * kBase * 3 + y.bytes(), 0.0,
          [=]() mutable { s.on().base_crops(pixels, sources, y); }};
}

// `from_images` begins with the squares.
BenchCase view_case(const BenchSetup& s, std::vector<int> views, bool from_images = false) {
  const Tensor images = pictures(s), pixels = images.view({images.count()});
  Tensor squares = from_images ? s.empty(images.shape(), kUInt8) : images;
  const std::vector<SourceImage> sources = images_of(s);
  const EpochPlan plan(AugmentConfig{}, kSeed, s.batch, 0);
  std::vector<std::vector<AugmentParams>> params;
  for (const int view : views) {
    std::vector<AugmentParams>& each = params.emplace_back();
    for (int64_t i = 0; i < s.batch; ++i) each.push_back(plan.params(i, view, kBase));
  }
  Tensor y = s.empty({s.batch, kView, kView, s.on().image_channels()});
  const auto count = static_cast<int64_t>(views.size());
  const int64_t before = from_images ? s.batch * kHeight * kBase * 3 + squares.bytes() : 0;
  return {concat(images.shape()), before + count * (squares.bytes() + y.bytes()), 0.0, [=]() mutable {
            if (from_images) s.on().base_crops(pixels, sources, squares);
            for (size_t i = 0; i < views.size(); ++i)
              s.on().augment(squares, params[i], plan.config().options(views[i]), y);
          }};
}

}  // namespace

void add_augment_cases(std::vector<BenchKernel>& list) {
  list.push_back({"base_crops", {kFloat32}, base_crops_case});
  list.push_back({"augment/view1", kBenchFloats, [](const BenchSetup& s) { return view_case(s, {0}); }});
  list.push_back({"augment/view2", kBenchFloats, [](const BenchSetup& s) { return view_case(s, {1}); }});
  list.push_back({"normalize_images", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor images = pictures(s);
                    Tensor y = s.empty({s.batch, kBase, kBase, s.on().image_channels()});
                    return {concat(images.shape()), images.bytes() + y.bytes(), 0.0,
                            [=]() mutable { s.on().normalize_images(images, y); }};
                  }});
  list.push_back({"augment/both", kBenchFloats, [](const BenchSetup& s) { return view_case(s, {0, 1}); }});
  list.push_back({"augment/from_images", kBenchFloats, [](const BenchSetup& s) { return view_case(s, {0, 1}, true); }});
}

}  // namespace bareseg
