#include "apps/score_images.h"

#include <algorithm>

#include "apps/run.h"
#include "apps/training.h"
#include "data/picture.h"

namespace bareseg {
namespace {

// The longer side is `side`, the shorter at least one pixel.
ImageSize fitted(ImageSize image, int64_t side) {
  const int64_t longer = std::max(image.width, image.height);
  return {std::max<int64_t>(1, side * image.width / longer), std::max<int64_t>(1, side * image.height / longer)};
}

// Image by image, on the host.
class Scoring {
 public:
  Scoring(SegmentationNetwork& network, const std::vector<Classifier>& classifiers, const Dataset& data,
          const ScoringOptions& options)
      : network_(network), classifiers_(classifiers), data_(data), options_(options) {
    for (const Classifier& c : classifiers) matrices_.emplace_back(std::ssize(data.classes()), c.size());
  }

  void add_crops(int64_t label_side) {
    const int64_t side = options_.side, pixels = side * side * 3, label_pixels = label_side * label_side;
    Loader loader(data_, options_.load.loader(options_.batch, side, label_side));
    loader.start(every_index(data_));
    Progress progress("evaluate", data_.size());
    for (Batch batch; loader.next(batch);) {
      for (int64_t i = 0; i < batch.images.dim(0); ++i) {
        const uint8_t* rgb = batch.images.data<uint8_t>() + i * pixels;
        const uint8_t* labels = batch.labels.data<uint8_t>() + i * label_pixels;
        add({side, side, {rgb, rgb + pixels}}, {side, side}, {label_side, label_side, {labels, labels + label_pixels}});
      }
      progress.update(images_);
    }
  }

  void add_whole_images() {
    Progress progress("evaluate", data_.size());
    for (int64_t i = 0; i < data_.size(); ++i) {
      Image image;
      LabelMap labels;
      try {
        image = data_.image(i);
        labels = data_.labels(i);
      } catch (const Error& error) {
        if (options_.load.strict) throw;
        log_warning(concat("left out: ", error.message()));
        continue;
      }
      if (options_.label_side > 0) {
        labels = resized(labels, network_size({labels.width, labels.height}, options_.label_side));
      }
      const ImageSize whole{image.width, image.height};
      add(image, options_.protocol == "full" ? network_size(whole, options_.side) : fitted(whole, options_.side),
          labels);
      progress.update(i + 1);
    }
  }

  Scored result() const {
    Scored scored{{}, images_};
    for (const ConfusionMatrix& m : matrices_) scored.histograms.push_back(m.histogram());
    return scored;
  }

 private:
  void add(const Image& image, ImageSize size, const LabelMap& labels) {
    const auto features = version_features(network_, image, size, options_.inference, options_.dtype);
    const Tensor truth = Tensor::from(labels.classes, {labels.height, labels.width});
    for (size_t c = 0; c < classifiers_.size(); ++c) {
      const ClusterMap map =
          label_pixels(features, classifiers_[c], image, {labels.width, labels.height}, options_.inference);
      matrices_[c].add(truth, Tensor::from(map.clusters, truth.shape()));
    }
    ++images_;
    stop_when_asked();
  }

  SegmentationNetwork& network_;
  const std::vector<Classifier>& classifiers_;
  const Dataset& data_;
  const ScoringOptions& options_;
  std::vector<ConfusionMatrix> matrices_;
  int64_t images_ = 0;
};

}  // namespace

Scored score_images(SegmentationNetwork& network, const std::vector<Classifier>& classifiers, const Dataset& data,
                    const ScoringOptions& o) {
  BS_CHECK(data.has_labels(), "evaluate: the data set has no labels to score against");
  const int64_t label_side = o.label_side > 0 ? o.label_side : o.side;
  if (o.protocol == "crop" && o.inference.plain()) {
    Loader loader(data, o.load.loader(o.batch, o.side, label_side));
    loader.start(every_index(data));
    std::vector<Histogram> histograms = evaluate(network, classifiers, loader, std::ssize(data.classes()), o.dtype);
    return {std::move(histograms), data.size() - loader.skipped()};
  }
  Scoring scoring(network, classifiers, data, o);
  if (o.protocol == "crop") {
    scoring.add_crops(label_side);
  } else {
    scoring.add_whole_images();
  }
  return scoring.result();
}

}  // namespace bareseg
