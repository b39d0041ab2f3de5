#include "apps/clusterer.h"

#include <algorithm>

#include "apps/run.h"
#include "cluster/kmeans.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace bareseg {

Tensor cluster_features(SegmentationNetwork& network, Loader& loader, int64_t images, const FeatureClustering& how,
                        DType dtype) {
  const NoGrad no_grad;
  const ModeGuard mode(network, how.batch_statistics);
  loader.start(Random(how.seed, Draws::kmeans).permutation(images));
  std::unique_ptr<MiniBatchKMeans> kmeans;
  Progress progress("clustering", images);
  int64_t done = 0, batch_size = 0;
  for (Batch batch; loader.next(batch);) {
    const Tensor f = l2_normalize(plain_features(network, batch.images, dtype));
    const int64_t rows = f.count() / f.dim(-1);
    if (kmeans == nullptr) {
      batch_size = batch.size();
      kmeans = std::make_unique<MiniBatchKMeans>(
          MiniBatchKMeansOptions{.kmeans = {.clusters = how.clusters, .iterations = how.iterations, .seed = how.seed},
                                 .init_batches = how.init_batches,
                                 .num_batches = how.num_batches},
          (images + batch_size - 1) / batch_size);
    }
    kmeans->add(f.view({rows, f.dim(-1)}));
    progress.update(done += batch.size());
  }
  BS_CHECK(kmeans != nullptr, "clustering: no image could be read");
  return kmeans->centroids();
}

namespace {

LoadReport load_from(const std::string& file, const NamedTensors& weights, const StateDict& target) {
  try {
    return load_into(target, weights, false);
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, file, ": ", error.message());
  }
}

// torchvision's "classifier.4" [N, D, 1, 1], which makes the classes, is no part of our networks.
void load_head(const NamedTensors& weights, Classifier& head, const std::string& file) {
  constexpr const char *kWeight = "classifier.4.weight", *kBias = "classifier.4.bias";
  const auto theirs =
      std::find_if(weights.begin(), weights.end(), [&](const NamedTensor& w) { return w.name == kWeight; });
  if (theirs == weights.end() || theirs->tensor.rank() != 4) return;
  if (const int64_t classes = theirs->tensor.dim(0); classes != head.size()) {
    return log_info(concat(file, ": its classifier of ", classes, " classes is left out; here are ", head.size()));
  }
  const StateDict target = {{kWeight, head.weight.view({head.size(), head.weight.dim(1), 1, 1})}, {kBias, head.bias}};
  BS_CHECK(load_from(file, weights, target).missing.empty(), file, ": '", kBias, "' is missing");
}

}  // namespace

void load_initial_weights(SegmentationNetwork& network, const std::string& file, Classifier* head) {
  constexpr const char* kBackbone = "backbone.";
  NamedTensors weights = read_weights(file);
  for (NamedTensor& w : weights) {
    if (w.name.starts_with("model.")) w.name.erase(0, 6);
  }
  StateDict target = network.state();
  const bool whole = std::any_of(weights.begin(), weights.end(), [&](const NamedTensor& w) {
    return std::any_of(target.begin(), target.end(), [&](const StateEntry& entry) { return entry.name == w.name; });
  });
  if (!whole) {
    std::erase_if(target, [](const StateEntry& entry) { return !entry.name.starts_with(kBackbone); });
    for (StateEntry& entry : target) entry.name.erase(0, std::string(kBackbone).size());
    BS_CHECK(!target.empty(), file, ": holds none of the network's weights, and the network has no backbone");
  }
  for (const std::string& name : load_from(file, weights, target).missing) {
    BS_CHECK(name.ends_with("num_batches_tracked"), file, ": '", name, "' is missing; expected the weights of a ",
             whole ? "network of the same architecture and size" : "ResNet of the given --depth");
  }
  if (whole && head != nullptr) load_head(weights, *head, file);
  log_info(concat("weights from ", file, whole ? "" : " (backbone)"));
}

}  // namespace bareseg
