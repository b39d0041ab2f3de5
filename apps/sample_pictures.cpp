#include "apps/sample_pictures.h"

#include <algorithm>

#include "apps/legend.h"
#include "apps/run.h"
#include "data/picture.h"

namespace bareseg {
namespace {

constexpr int64_t kSamples = 4, kSide = 256;  // longest side of a picture

Image sample(const Segmenter& segmenter, const Dataset& data, int64_t index, DType dtype) {
  const Image photo = data.image(index);
  const Legend legend(segmenter, 0, data.classes());
  const auto fit = [&](int64_t side) {
    return std::max<int64_t>(1, side * kSide / std::max(photo.width, photo.height));
  };
  const ImageSize size{fit(photo.width), fit(photo.height)};
  const LabelMap labels = legend.labels(predict_clusters(segmenter, 0, photo, segmenter.resolution, dtype));
  std::vector<Image> parts = {resized(photo, size), colourise(resized(labels, size), legend.palette)};
  std::vector<std::string> captions = {data.name(index), legend.classes ? "classes" : "clusters"};
  if (data.has_labels()) {
    parts.push_back(colourise(resized(data.labels(index), size), palette_of(data.classes())));
    captions.emplace_back("truth");
  }
  return side_by_side(parts, std::ssize(parts), captions);
}

}  // namespace

std::vector<Image> sample_pictures(const Segmenter& segmenter, const Dataset& data, DType dtype) {
  std::vector<Image> samples;
  const int64_t count = std::min(kSamples, data.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = i * data.size() / count;
    try {
      samples.push_back(sample(segmenter, data, index, dtype));
    } catch (const Error& error) {
      log_warning(concat("no picture of ", data.source(index), ": ", error.message()));
    }
  }
  return samples;
}

}  // namespace bareseg
