// What PicieTrainer keeps: the end of an epoch, checkpoints, and taking them up again.
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include "apps/picie_trainer.h"
#include "apps/text_table.h"

namespace bareseg {
namespace {

// Doubles go through text exactly.
std::string exact(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

double number(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  BS_CHECK(found != metadata.end(), "checkpoint: '", key, "' is missing from the metadata");
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  BS_CHECK(!found->second.empty() && *end == '\0', "checkpoint: '", key, "' must be a number, got '", found->second,
           "'");
  return value;
}

int64_t peak_resident_bytes() {
  rusage use = {};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<int64_t>(use.ru_maxrss) * 1024;
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

void PicieTrainer::finish_epoch() {
  const double images = std::max(losses_.images, 1.0);
  nlohmann::json line = {{"epoch", epoch_},
                         {"loss", losses_.total / images},
                         {"within", losses_.within / images},
                         {"across", losses_.across / images},
                         {"kmeans_loss", kmeans_loss_},
                         {"occupancy", occupancy_},
                         {"skipped_images", train_loader_->skipped()}};
  if (options_.mse) line["mse"] = losses_.mse / images;
  std::string scores_text;
  double miou = -1.0;
  if (val_loader_ != nullptr) {
    const auto start = std::chrono::steady_clock::now();
    val_loader_->start(every_index(*val_data_));
    const auto classes = static_cast<int64_t>(val_data_->classes().size());
    const auto histograms = evaluate(*segmenter_.network, segmenter_.classifiers, *val_loader_, classes, dtype_);
    for (size_t view = 0; view < histograms.size(); ++view) {
      const std::vector<int64_t> match = match_clusters(histograms[view], Matching::hungarian);
      const Scores s = score(histograms[view], match);
      line[concat("view", view + 1)] = to_json(histograms[view], match);
      scores_text += concat(", view ", view + 1, " ACC ", fixed(s.accuracy, 2), " mIoU ", fixed(s.mean_iou, 2));
      if (view == 0) {
        miou = s.mean_iou;
        segmenter_.cluster_classes = match;
      }
    }
    seconds_["evaluate"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  double total = 0.0;
  for (const auto& [phase, s] : seconds_) total += s;
  line["seconds"] = seconds_;
  line["seconds"]["total"] = total;
  line["images_per_second"] = losses_.images / std::max(seconds_["train"], 1e-9);
  line["peak_tensor_bytes"] = allocator(device_).use().peak;
  line["peak_resident_bytes"] = peak_resident_bytes();
  log_info(concat("epoch ", epoch_, ": loss ", fixed(losses_.total / images, 4), " (within ",
                  fixed(losses_.within / images, 4), ", across ", fixed(losses_.across / images, 4), ")", scores_text,
                  ", ", fixed(total, 1), " s"));
  ++epoch_;
  steps_ = 0;
  const bool best = miou > best_miou_;
  best_miou_ = std::max(best_miou_, miou);
  run_.metrics(line.dump());
  if (best) save(run_.best());  // first: a kill between the two leaves an epoch to be done, and saved, again
  save(run_.last());
}

void PicieTrainer::save(const std::filesystem::path& file) const {
  CheckpointExtra extra;
  for (NamedTensor& t : to_disk(optimizer_->state())) extra.tensors.push_back({"optimizer." + t.name, t.tensor});
  extra.metadata = {{"epoch", std::to_string(epoch_)},
                    {"steps", std::to_string(steps_)},
                    {"images", std::to_string(train_data_->size())},
                    {"best_miou", exact(best_miou_)}};
  if (steps_ > 0) {
    const Losses& l = losses_;
    const std::pair<const char*, double> numbers[] = {
        {"loss.total", l.total},           {"loss.within", l.within},
        {"loss.across", l.across},         {"loss.mse", l.mse},
        {"loss.images", l.images},         {"kmeans_loss.1", kmeans_loss_[0]},
        {"kmeans_loss.2", kmeans_loss_[1]}};
    for (const auto& [key, value] : numbers) extra.metadata[key] = exact(value);
    for (size_t view = 0; view < 2; ++view) {
      extra.tensors.push_back({concat("labels", view + 1), labels_[view].to({})});
      extra.tensors.push_back({concat("occupancy", view + 1), Tensor::from(occupancy_[view], {options_.clusters})});
    }
  }
  save_segmenter(file, segmenter_, extra);
}

void PicieTrainer::restore() {
  if (!std::filesystem::exists(run_.last())) {
    log_info("no checkpoint yet: starting from the beginning");
    run_.keep_metrics(0);
    return;
  }
  CheckpointExtra extra;
  Segmenter saved = load_segmenter(run_.last(), device_, &extra);
  BS_CHECK(saved.design.depth == options_.depth, "--resume: the checkpoint has depth ", saved.design.depth,
           ", the options say ", options_.depth);
  BS_CHECK(metadata_number(extra.metadata, "images") == train_data_->size(), "--resume: the run was started on ",
           extra.metadata["images"], " images, the data set now has ", train_data_->size());
  load_into(segmenter_.network->state(), to_disk(saved.network->state()));
  segmenter_.classifiers = saved.classifiers;
  segmenter_.cluster_classes = saved.cluster_classes;
  NamedTensors optimizer;
  for (const NamedTensor& t : extra.tensors) {
    if (t.name.starts_with("optimizer.")) optimizer.push_back({t.name.substr(10), t.tensor});
  }
  load_into(optimizer_->state(), optimizer);
  epoch_ = metadata_number(extra.metadata, "epoch");
  steps_ = metadata_number(extra.metadata, "steps");
  best_miou_ = number(extra.metadata, "best_miou");
  run_.keep_metrics(epoch_);
  if (steps_ > 0) restore_epoch(extra);
  log_info(concat("going on at epoch ", epoch_, ", step ", steps_));
}

void PicieTrainer::restore_epoch(CheckpointExtra& extra) {
  losses_ = {.total = number(extra.metadata, "loss.total"),
             .within = number(extra.metadata, "loss.within"),
             .across = number(extra.metadata, "loss.across"),
             .mse = number(extra.metadata, "loss.mse"),
             .images = number(extra.metadata, "loss.images")};
  const int64_t side = options_.res1 / 4;
  for (size_t view = 0; view < 2; ++view) {
    kmeans_loss_[view] = number(extra.metadata, concat("kmeans_loss.", view + 1));
    labels_[view] = take(extra, concat("labels", view + 1), {train_data_->size(), side * side},
                         options_.clusters <= 256 ? kUInt8 : kInt32)
                        .to(device_);
    occupancy_[view] = take(extra, concat("occupancy", view + 1), {options_.clusters}, kInt64).to_vector<int64_t>();
    class_weights_[view] = class_weights(occupancy_[view]);
  }
}

}  // namespace bareseg
