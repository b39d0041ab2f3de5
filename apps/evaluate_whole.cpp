#include "apps/evaluate_whole.h"

#include <optional>

#include "apps/predict.h"
#include "apps/run.h"

namespace bareseg {

Histogram evaluate_whole(const Segmenter& segmenter, int64_t classifier, const Dataset& dataset, int64_t res,
                         DType dtype, int64_t* skipped) {
  const Device device = segmenter.network->device();
  ConfusionMatrix matrix(static_cast<int64_t>(dataset.classes().size()),
                         segmenter.classifiers.at(static_cast<size_t>(classifier)).size(), device);
  Progress progress("scoring", dataset.size());
  for (int64_t i = 0; i < dataset.size(); ++i) {
    std::optional<Image> image;
    std::optional<LabelMap> truth;
    try {
      image = dataset.image(i);
      truth = dataset.labels(i);
    } catch (const Error& error) {
      log_warning(concat("left out: ", error.message()));
      if (skipped != nullptr) ++*skipped;
      continue;
    }
    const ClusterMap map = predict_clusters(segmenter, classifier, *image, res, dtype);
    const Shape shape{map.height, map.width};
    matrix.add(Tensor::from(truth->classes, shape, device), Tensor::from(map.clusters, shape, device));
    progress.update(i + 1);
  }
  return matrix.histogram();
}

}  // namespace bareseg
