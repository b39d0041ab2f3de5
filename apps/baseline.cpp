#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/clusterer.h"
#include "apps/evaluate.h"
#include "apps/run.h"
#include "apps/segmenter.h"
#include "apps/text_table.h"
#include "cluster/kmeans.h"

namespace bareseg {
namespace {

using Row = std::vector<std::string>;

constexpr int64_t kSamples = 200'000;  // pixels that colour k-means is fitted on

Row row_of(const char* name, const Histogram& h) {
  const Scores s = score(h, match_clusters(h, Matching::hungarian));
  return {name, fixed(s.accuracy, 2), fixed(s.mean_iou, 2)};
}

// RGB in 0..1, and with `position` row and column in 0..1, of every `step`th pixel of images on the host.
std::vector<float> pixel_points(const Tensor& images, bool position, int64_t step) {
  const int64_t side = images.dim(1), pixels = images.dim(0) * side * side;
  const auto* rgb = images.data<uint8_t>();
  std::vector<float> points;
  for (int64_t p = 0; p < pixels; p += step) {
    for (int64_t c = 0; c < 3; ++c) points.push_back(static_cast<float>(rgb[p * 3 + c]) / 255.0f);
    if (!position) continue;
    points.push_back((static_cast<float>(p / side % side) + 0.5f) / static_cast<float>(side));
    points.push_back((static_cast<float>(p % side) + 0.5f) / static_cast<float>(side));
  }
  return points;
}

class Baselines {
 public:
  explicit Baselines(const BaselineOptions& o)
      : options_(o),
        device_(o.device.open()),
        train_(open_dataset(o.data, Split::train)),
        val_(open_dataset(o.data, Split::val)),
        train_loader_(*train_, o.load.loader(o.batch, o.resolution)),
        val_loader_(*val_, o.load.loader(o.batch, o.resolution, o.resolution)),
        classes_(static_cast<int64_t>(val_->classes().size())),
        clusters_(o.clusters > 0 ? o.clusters : classes_) {}

  Row one_class() {
    ConfusionMatrix matrix(classes_, clusters_, device_);
    each_val([&](const Batch& batch) {
      matrix.add(batch.labels.to(device_), Tensor::zeros(batch.labels.shape(), kUInt8, device_));
    });
    return row_of("one class everywhere", matrix.histogram());
  }

  Row colour(bool position) {
    const int64_t pixels = options_.resolution * options_.resolution * train_->size();
    const int64_t step = std::max<int64_t>(1, pixels / kSamples) | 1;  // odd: walks through all columns
    std::vector<float> sample;
    train_loader_.start(every_index(*train_));
    for (Batch batch; train_loader_.next(batch);) {
      const std::vector<float> some = pixel_points(batch.images, position, step);
      sample.insert(sample.end(), some.begin(), some.end());
    }
    const KMeansResult found =
        kmeans(on_device(sample, position), {.clusters = clusters_, .iterations = 30, .seed = options_.seed});
    ConfusionMatrix matrix(classes_, clusters_, device_);
    each_val([&](const Batch& batch) {
      const Tensor points = on_device(pixel_points(batch.images, position, 1), position);
      matrix.add(batch.labels.to(device_), assign_clusters(points, found.centroids));
    });
    return row_of(position ? "k-means on colour and position" : "k-means on colour", matrix.histogram());
  }

  Row random_network() {
    ResNetFpn network({.depth = options_.depth}, {.device = device_, .seed = options_.seed});
    const FeatureClustering how{.clusters = clusters_, .seed = options_.seed};
    const DType dtype = options_.device.float_type();
    const Tensor centroids = cluster_features(network, train_loader_, train_->size(), how, dtype);
    val_loader_.start(every_index(*val_));
    return row_of("untrained network", evaluate(network, {{centroids}}, val_loader_, classes_, dtype).front());
  }

  Row checkpoint() {
    const Segmenter s = load_segmenter(options_.with, device_);
    BS_CHECK(!s.classifiers.empty(), options_.with, ": has no classifier to score");
    val_loader_.start(every_index(*val_));
    const Histogram h =
        evaluate(*s.network, {s.classifiers.front()}, val_loader_, classes_, options_.device.float_type()).front();
    return row_of(s.method == "picie" ? "PiCIE" : s.method == "mdc" ? "MDC" : s.method.c_str(), h);
  }

 private:
  template <typename Use>
  void each_val(const Use& use) {
    val_loader_.start(every_index(*val_));
    for (Batch batch; val_loader_.next(batch);) use(batch);
  }

  Tensor on_device(const std::vector<float>& points, bool position) const {
    const int64_t depth = position ? 5 : 3;
    return Tensor::from(points, {static_cast<int64_t>(points.size()) / depth, depth}, device_);
  }

  const BaselineOptions& options_;
  Device device_;
  std::unique_ptr<Dataset> train_, val_;
  Loader train_loader_, val_loader_;
  int64_t classes_, clusters_;
};

}  // namespace

void BaselineOptions::declare(CLI::App& app) {
  declare_dataset(app, data);
  load.declare(app);
  device.declare(app);
  const auto positive = CLI::Range(1, 1 << 20);
  app.add_option("--with", with, "checkpoint to show beside")->check(CLI::ExistingFile);
  app.add_option("--clusters", clusters, "K, 0 for as many as classes")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  app.add_option("--resolution", resolution, "side of the images")->check(positive)->capture_default_str();
  app.add_option("--batch", batch, "images at a time")->check(positive)->capture_default_str();
  app.add_option("--depth", depth, "layers of the untrained ResNet")
      ->check(CLI::IsMember({18, 34, 50, 101}))
      ->capture_default_str();
  app.add_option("--seed", seed, "seed of the clusterings and the untrained network")->capture_default_str();
}

int run_baseline(const BaselineOptions& o) {
  Baselines baselines(o);
  std::vector<Row> rows{{"method", "ACC", "mIoU"},
                        baselines.one_class(),
                        baselines.colour(false),
                        baselines.colour(true),
                        baselines.random_network()};
  if (!o.with.empty()) rows.push_back(baselines.checkpoint());
  std::printf("%s", table(rows).c_str());
  return 0;
}

}  // namespace bareseg
