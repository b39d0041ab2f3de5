// What SupervisedTrainer keeps: the end of an epoch, checkpoints, and taking them up again.
#include <nlohmann/json.hpp>

#include "apps/sample_pictures.h"
#include "apps/supervised_trainer.h"
#include "apps/text_table.h"
#include "apps/training.h"

namespace bareseg {

void SupervisedTrainer::finish_epoch() {
  check_weights(segmenter_.network->state(), epoch_);
  const double loss = losses_.total / std::max(losses_.images, 1.0);
  nlohmann::json line = {
      {"epoch", epoch_}, {"loss", loss}, {"lr", optimizer_->lr()}, {"skipped_images", train_loader_->skipped()}};
  std::string text = concat("epoch ", epoch_, ": loss ", fixed(loss, 4));
  bool best = false;
  if ((epoch_ + 1) % options_.val_every == 0 || epoch_ + 1 == options_.epochs) {
    const PhaseTimer timer("evaluate", seconds_);
    const Histogram h = evaluate_now();
    const Scores s = score(h, segmenter_.cluster_classes);
    const Scores matched = score(h, match_clusters(h, Matching::hungarian));
    line["ACC"] = s.accuracy;
    line["mIoU"] = s.mean_iou;
    line["classes"] = to_json(h, segmenter_.cluster_classes);
    line["hungarian"] = {{"ACC", matched.accuracy}, {"mIoU", matched.mean_iou}};
    text += concat(", ACC ", fixed(s.accuracy, 2), " mIoU ", fixed(s.mean_iou, 2), " (by Hungarian matching ",
                   fixed(matched.accuracy, 2), " ", fixed(matched.mean_iou, 2), ")");
    best = s.mean_iou > best_miou_;
    best_miou_ = std::max(best_miou_, s.mean_iou);
  }
  double total = 0.0;
  for (const auto& [phase, s] : seconds_) total += s;
  line["seconds"] = seconds_;
  line["seconds"]["total"] = total;
  line["images_per_second"] = losses_.images / std::max(seconds_["train"], 1e-9);
  line["peak_tensor_bytes"] = allocator(device_).use().peak;
  line["peak_resident_bytes"] = peak_resident_bytes();
  const int64_t skipped = train_loader_->skipped();
  log_info(
      concat(text, ", ", fixed(total, 1), " s", skipped > 0 ? concat(", ", skipped, " images could not be read") : ""));
  if (options_.tensorboard) {
    run_.pictures(epoch_, sample_pictures(segmenter_, val_data_ != nullptr ? *val_data_ : *train_data_, dtype_));
  }
  ++epoch_;
  steps_ = 0;
  run_.metrics(line.dump());
  if (best) save(run_.best());  // first: a kill between the two leaves an epoch to be done, and saved, again
  save(run_.last());
}

void SupervisedTrainer::save_step() {
  read_pending();
  check_weights(segmenter_.network->state(), epoch_);
  save(run_.last());
}

void SupervisedTrainer::save(const std::filesystem::path& file) const {
  CheckpointExtra extra;
  for (NamedTensor& t : to_disk(optimizer_->state())) extra.tensors.push_back({"optimizer." + t.name, t.tensor});
  extra.metadata = {{"epoch", std::to_string(epoch_)},
                    {"steps", std::to_string(steps_)},
                    {"images", std::to_string(train_data_->size())},
                    {"best_miou", exact(best_miou_)}};
  if (steps_ > 0) {
    extra.metadata["loss.total"] = exact(losses_.total);
    extra.metadata["loss.images"] = exact(losses_.images);
  }
  save_segmenter(file, segmenter_, extra);
}

void SupervisedTrainer::restore() {
  if (!std::filesystem::exists(run_.last())) {
    log_info("no checkpoint yet: starting from the beginning");
    run_.keep_metrics(0);
    return;
  }
  CheckpointExtra extra;
  const Segmenter saved = load_segmenter(run_.last(), device_, &extra);
  BS_CHECK(saved.method == segmenter_.method && saved.classifiers.size() == 1, "--resume: ", run_.last().string(),
           " is of a run of train ", saved.method);
  BS_CHECK(metadata_number(extra.metadata, "images") == train_data_->size(), "--resume: the run was started on ",
           extra.metadata["images"], " images, the data set now has ", train_data_->size());
  load_into(segmenter_.network->state(), to_disk(saved.network->state()));
  const Classifier& classifier = saved.classifiers.front();
  load_into(head(), to_disk({{"weight", classifier.weight}, {"bias", classifier.bias}}));
  NamedTensors optimizer;
  for (const NamedTensor& t : extra.tensors) {
    if (t.name.starts_with("optimizer.")) optimizer.push_back({t.name.substr(10), t.tensor});
  }
  load_into(optimizer_->state(), optimizer);
  epoch_ = metadata_number(extra.metadata, "epoch");
  steps_ = metadata_number(extra.metadata, "steps");
  best_miou_ = metadata_real(extra.metadata, "best_miou");
  run_.keep_metrics(epoch_);
  if (steps_ > 0) {
    losses_ = {.total = metadata_real(extra.metadata, "loss.total"),
               .images = metadata_real(extra.metadata, "loss.images")};
  }
  log_info(concat("going on at epoch ", epoch_, ", step ", steps_));
}

}  // namespace bareseg
