// What ClusterTrainer keeps: the end of an epoch, checkpoints, and taking them up again.
#include <nlohmann/json.hpp>

#include "apps/cluster_trainer.h"
#include "apps/picie_parts.h"
#include "apps/sample_pictures.h"
#include "apps/text_table.h"
#include "apps/training.h"

namespace bareseg {
namespace {

constexpr const char *kOptimizer = "optimizer.", *kClassifierOptimizer = "classifier_optimizer.";

// The tensors whose names begin with `prefix`, without it.
NamedTensors named_below(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors found;
  for (const NamedTensor& t : tensors) {
    if (t.name.starts_with(prefix)) found.push_back({t.name.substr(prefix.size()), t.tensor});
  }
  return found;
}

Tensor take(CheckpointExtra& extra, const std::string& name, const Shape& shape, DType dtype) {
  for (const NamedTensor& t : extra.tensors) {
    if (t.name != name) continue;
    BS_CHECK(t.tensor.shape() == shape && t.tensor.dtype() == dtype, "checkpoint: ", name, " must be ", dtype, " ",
             shape, ", got ", t.tensor.dtype(), " ", t.tensor.shape());
    return t.tensor;
  }
  fail_at(__FILE__, __LINE__, "checkpoint: ", name, " is missing");
}

}  // namespace

void ClusterTrainer::finish_epoch() {
  check_weights(segmenter_.network->state(), epoch_);
  const double images = std::max(losses_.images, 1.0);
  nlohmann::json line = {{"epoch", epoch_},         {"loss", losses_.total / images},
                         {"lr", optimizer_->lr()},  {"kmeans_loss", kmeans_loss_},
                         {"occupancy", occupancy_}, {"skipped_images", train_loader_->skipped()}};
  std::string parts_text;
  if (options_.views == 2) {
    line["within"] = losses_.within / images;
    line["across"] = losses_.across / images;
    parts_text =
        concat(" (within ", fixed(losses_.within / images, 4), ", across ", fixed(losses_.across / images, 4), ")");
  }
  if (options_.mse) line["mse"] = losses_.mse / images;
  const std::string scores_text = score_epoch(line);
  double total = 0.0;
  for (const auto& [phase, s] : seconds_) total += s;
  line["seconds"] = seconds_;
  line["seconds"]["total"] = total;
  line["images_per_second"] = losses_.images / std::max(seconds_["train"], 1e-9);
  line["peak_tensor_bytes"] = allocator(device_).use().peak;
  line["peak_resident_bytes"] = peak_resident_bytes();
  const int64_t skipped = train_loader_->skipped();
  log_info(concat("epoch ", epoch_, ": loss ", fixed(losses_.total / images, 4), parts_text, scores_text, ", ",
                  fixed(total, 1), " s", skipped > 0 ? concat(", ", skipped, " images could not be read") : ""));
  if (options_.tensorboard) {
    run_.pictures(epoch_, sample_pictures(segmenter_, val_data_ != nullptr ? *val_data_ : *train_data_, dtype_));
  }
  ++epoch_;
  steps_ = 0;
  const double miou = line.value("mIoU", -1.0);
  const bool best = miou > best_miou_;
  best_miou_ = std::max(best_miou_, miou);
  run_.metrics(line.dump());
  if (best) save(run_.best());  // first: a kill between the two leaves an epoch to be done, and saved, again
  save(run_.last());
}

void ClusterTrainer::score_random_classifier() {
  constexpr uint64_t kBeforeTraining = ~uint64_t{0};  // no epoch's part
  const Random random(options_.seed, Draws::classifier, kBeforeTraining);
  const Shape shape{options_.clusters, segmenter_.network->features()};
  val_loader_->start(every_index(*val_data_));
  const Histogram h =
      evaluate(*segmenter_.network, {{.weight = random_normal(shape, random, kFloat32, device_, 0.01f)}}, *val_loader_,
               static_cast<int64_t>(val_data_->classes().size()), dtype_)
          .front();
  const Scores s = score(h, match_clusters(h, Matching::hungarian));
  log_info(
      concat("before training, with a random classifier: ACC ", fixed(s.accuracy, 2), " mIoU ", fixed(s.mean_iou, 2)));
}

// Adds the scores of every classifier to `line`, the first one's also as the epoch's, and says them in words.
std::string ClusterTrainer::score_epoch(nlohmann::json& line) {
  const auto start = std::chrono::steady_clock::now();
  if (options_.scores_apart()) segmenter_.classifiers[0].weight = cluster_plain_images(options_.seed, false);
  std::string text;
  if (val_loader_ != nullptr) {
    val_loader_->start(every_index(*val_data_));
    const auto classes = static_cast<int64_t>(val_data_->classes().size());
    const auto histograms = evaluate(*segmenter_.network, segmenter_.classifiers, *val_loader_, classes, dtype_);
    for (size_t i = 0; i < histograms.size(); ++i) {
      const std::vector<int64_t> match = match_clusters(histograms[i], Matching::hungarian);
      const Scores s = score(histograms[i], match);
      const bool apart = i < first_view_;
      line[apart ? "clusters_test" : concat("view", i - first_view_ + 1)] = to_json(histograms[i], match);
      text += concat(", ", apart ? concat(options_.clusters_test, " clusters") : concat("view ", i - first_view_ + 1),
                     " ACC ", fixed(s.accuracy, 2), " mIoU ", fixed(s.mean_iou, 2));
      if (i > 0) continue;
      line["ACC"] = s.accuracy;
      line["mIoU"] = s.mean_iou;
      segmenter_.cluster_classes = match;
    }
  }
  seconds_["evaluate"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return text;
}

void ClusterTrainer::save_step() {
  read_pending();
  check_weights(segmenter_.network->state(), epoch_);
  save(run_.last());
}

void ClusterTrainer::save(const std::filesystem::path& file) const {
  CheckpointExtra extra;
  for (NamedTensor& t : to_disk(optimizer_->state())) extra.tensors.push_back({kOptimizer + t.name, t.tensor});
  extra.metadata = {{"epoch", std::to_string(epoch_)},
                    {"steps", std::to_string(steps_)},
                    {"images", std::to_string(train_data_->size())},
                    {"best_miou", exact(best_miou_)},
                    {"lr", exact(optimizer_->lr())}};
  if (steps_ > 0) {
    const Losses& l = losses_;
    const std::pair<const char*, double> numbers[] = {{"loss.total", l.total},
                                                      {"loss.within", l.within},
                                                      {"loss.across", l.across},
                                                      {"loss.mse", l.mse},
                                                      {"loss.images", l.images}};
    for (const auto& [key, value] : numbers) extra.metadata[key] = exact(value);
    if (classifier_optimizer_ != nullptr) {
      for (NamedTensor& t : to_disk(classifier_optimizer_->state())) {
        extra.tensors.push_back({kClassifierOptimizer + t.name, t.tensor});
      }
    }
    for (size_t view = 0; view < occupancy_.size(); ++view) {
      extra.metadata[concat("kmeans_loss.", view + 1)] = exact(kmeans_loss_[view]);
      extra.tensors.push_back({concat("labels", view + 1), labels_[view].to({})});
      extra.tensors.push_back({concat("occupancy", view + 1), Tensor::from(occupancy_[view], {options_.clusters})});
    }
  }
  save_segmenter(file, segmenter_, extra);
}

void ClusterTrainer::restore() {
  if (!std::filesystem::exists(run_.last())) {
    log_info("no checkpoint yet: starting from the beginning");
    run_.keep_metrics(0);
    return;
  }
  CheckpointExtra extra;
  Segmenter saved = load_segmenter(run_.last(), device_, &extra);
  BS_CHECK(saved.method == options_.method, "--resume: the checkpoint is of ", saved.method, ", the options are for ",
           options_.method);
  BS_CHECK(saved.classifiers.size() == segmenter_.classifiers.size(), "--resume: the checkpoint has ",
           saved.classifiers.size(), " classifiers, the options need ", segmenter_.classifiers.size());
  BS_CHECK(saved.design.depth == options_.depth, "--resume: the checkpoint has depth ", saved.design.depth,
           ", the options say ", options_.depth);
  BS_CHECK(metadata_number(extra.metadata, "images") == train_data_->size(), "--resume: the run was started on ",
           extra.metadata["images"], " images, the data set now has ", train_data_->size());
  load_into(segmenter_.network->state(), to_disk(saved.network->state()));
  segmenter_.classifiers = saved.classifiers;
  segmenter_.cluster_classes = saved.cluster_classes;
  load_into(optimizer_->state(), named_below(extra.tensors, kOptimizer));
  epoch_ = metadata_number(extra.metadata, "epoch");
  steps_ = metadata_number(extra.metadata, "steps");
  best_miou_ = metadata_real(extra.metadata, "best_miou");
  run_.keep_metrics(epoch_);
  if (steps_ > 0) restore_epoch(extra);
  log_info(concat("going on at epoch ", epoch_, ", step ", steps_));
}

void ClusterTrainer::restore_epoch(CheckpointExtra& extra) {
  losses_ = {.total = metadata_real(extra.metadata, "loss.total"),
             .within = metadata_real(extra.metadata, "loss.within"),
             .across = metadata_real(extra.metadata, "loss.across"),
             .mse = metadata_real(extra.metadata, "loss.mse"),
             .images = metadata_real(extra.metadata, "loss.images")};
  if (!options_.nonparametric) {
    const Classifier saved = classifier(0);
    BS_CHECK(saved.bias.defined() && saved.size() == options_.clusters, "checkpoint: the classifier must have ",
             options_.clusters, " clusters and a bias");
    start_classifier();
    const NamedTensors values{{"weight", saved.weight.to({})}, {"bias", saved.bias.to({})}};
    load_into({{"weight", classifier(0).weight}, {"bias", classifier(0).bias}}, values);
    load_into(classifier_optimizer_->state(), named_below(extra.tensors, kClassifierOptimizer));
  }
  const int64_t side = options_.res1 / 4;
  for (size_t view = 0; view < occupancy_.size(); ++view) {
    kmeans_loss_[view] = metadata_real(extra.metadata, concat("kmeans_loss.", view + 1));
    labels_[view] = take(extra, concat("labels", view + 1), {train_data_->size(), side * side},
                         options_.clusters <= 256 ? kUInt8 : kInt32)
                        .to(device_);
    occupancy_[view] = take(extra, concat("occupancy", view + 1), {options_.clusters}, kInt64).to_vector<int64_t>();
    class_weights_[view] = class_weights(options_.class_weights, occupancy_[view], device_);
  }
}

}  // namespace bareseg
