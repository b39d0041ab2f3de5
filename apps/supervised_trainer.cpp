#include "apps/supervised_trainer.h"

#include <cmath>
#include <numeric>

#include "apps/initial_weights.h"
#include "apps/score_images.h"
#include "apps/training.h"
#include "engine/augment.h"
#include "engine/ops.h"

namespace bareseg {
namespace {

constexpr uint64_t kHeadPart = 1 << 20;  // of the stream of weights, past those of any network

}  // namespace

SupervisedTrainer::SupervisedTrainer(const SupervisedOptions& options, const std::string& config)
    : options_(options),
      device_(options.device.open()),
      dtype_(options.device.float_type()),
      run_(options.resume.empty() ? options.out : options.resume, config, !options.resume.empty(),
           options.tensorboard) {
  install_signal_handlers();
  try {
    open_data();
    open_network();
    open_optimizer();
  } catch (...) {
    if (options_.resume.empty()) forget_run(run_);
    throw;
  }
  if (!options_.resume.empty()) restore();
}

void SupervisedTrainer::open_data() {
  train_data_ = open_dataset(options_.data, Split::train);
  BS_CHECK(train_data_->has_labels(), "train supervised: the data set '", options_.data.kind, "' has no labels here");
  BS_CHECK(steps_per_epoch() > 0, "--batch: expected at most the ", train_data_->size(),
           " images of the data set, got ", options_.batch);
  LoaderOptions loader = options_.load.loader(options_.batch, 0);
  loader.augment = options_.augment();
  loader.disk_cache.clear();
  train_loader_ = std::make_unique<Loader>(*train_data_, loader);
  val_data_ = open_dataset(options_.data, Split::val);
  BS_CHECK(val_data_->has_labels() && val_data_->classes().size() == train_data_->classes().size(),
           "train supervised: expected validation images with labels of the same ", train_data_->classes().size(),
           " classes, got ", val_data_->classes().size());
  if (options_.frame == "square") {
    val_loader_ =
        std::make_unique<Loader>(*val_data_, options_.load.loader(options_.batch_test, options_.res, options_.res));
  }
  log_info(concat("training on ", train_data_->size(), " images (", options_.data.kind, "), ",
                  train_data_->classes().size(), " classes, scoring on ", val_data_->size()));
}

void SupervisedTrainer::open_network() {
  const auto classes = static_cast<int64_t>(train_data_->classes().size());
  segmenter_.method = "supervised";
  segmenter_.design = options_.design;
  segmenter_.resolution = options_.res;
  segmenter_.frame = options_.frame;
  for (const ClassInfo& c : train_data_->classes()) segmenter_.class_names.push_back(c.name);
  segmenter_.cluster_classes.resize(static_cast<size_t>(classes));
  std::iota(segmenter_.cluster_classes.begin(), segmenter_.cluster_classes.end(), int64_t{0});
  segmenter_.network = make_network(options_.design, {.device = device_, .seed = options_.seed});
  const int64_t features = segmenter_.network->features();
  const float bound = 1.0f / std::sqrt(static_cast<float>(features));  // torch's start of a 1x1 convolution
  const Random random(options_.seed, Draws::weights, kHeadPart);
  Classifier& classifier = segmenter_.classifiers.emplace_back();
  classifier.weight = random_uniform({classes, features}, -bound, bound, random, kFloat32, device_);
  classifier.bias = random_uniform({classes}, -bound, bound, random.split(), kFloat32, device_);
  classifier.unit = false;
  classifier.weight.set_requires_grad();
  classifier.bias.set_requires_grad();
  if (!options_.pretrained.empty()) load_initial_weights(*segmenter_.network, options_.pretrained, &classifier);
}

StateDict SupervisedTrainer::head() const {
  const Classifier& c = segmenter_.classifiers.front();
  return {{"weight", c.weight}, {"bias", c.bias}};
}

void SupervisedTrainer::open_optimizer() {
  std::vector<Tensor> parameters = segmenter_.network->parameters();
  for (const StateEntry& entry : head()) parameters.push_back(entry.tensor);
  const auto lr = static_cast<float>(options_.lr), decay = static_cast<float>(options_.weight_decay);
  if (options_.optimizer == "sgd") {
    optimizer_ = std::make_unique<Sgd>(
        parameters, Sgd::Options{.lr = lr, .momentum = static_cast<float>(options_.momentum), .weight_decay = decay});
  } else {
    optimizer_ = std::make_unique<Adam>(
        parameters, Adam::Options{.lr = lr, .weight_decay = decay, .decoupled = options_.optimizer == "adamw"});
  }
  schedule_ = options_.schedule_of(steps_per_epoch());
  if (options_.class_weights != "none") class_weights_ = class_weights(options_.class_weights, count_labels(), device_);
  step_graph_ = std::make_unique<StepGraph>(
      device_, [this](const std::vector<Tensor>& inputs) { return step_on_device(inputs); }, options_.cuda_graph);
}

std::vector<int64_t> SupervisedTrainer::count_labels() const {
  std::vector<int64_t> counts(train_data_->classes().size());
  Progress progress("counting labels", train_data_->size());
  for (int64_t i = 0; i < train_data_->size(); ++i) {
    for (const uint8_t c : train_data_->labels(i).classes) {
      if (c != kIgnoreLabel) ++counts[c];
    }
    progress.update(i + 1);
  }
  return counts;
}

int SupervisedTrainer::run() {
  try {
    while (epoch_ < options_.epochs) epoch();
  } catch (const ExitError& error) {
    if (error.code == kExitInterrupted && steps_ > 0) save_step();
    return go_on_later(error, run_, epoch_, steps_);
  }
  log_info(concat("done: ", run_.last().string()));
  return 0;
}

void SupervisedTrainer::epoch() {
  if (steps_ == 0) {
    seconds_.clear();
    losses_ = {};
  }
  {
    const PhaseTimer timer("train", seconds_);
    train();
  }
  finish_epoch();
}

void SupervisedTrainer::train() {
  const auto pass = static_cast<uint64_t>(epoch_);
  std::vector<int64_t> order = Random(options_.seed, Draws::permutation, pass).permutation(train_data_->size());
  order.resize(static_cast<size_t>(steps_per_epoch() * options_.batch));
  const int64_t before = steps_;
  order.erase(order.begin(), order.begin() + before * options_.batch);
  train_loader_->start(order, 0, pass);
  train_batches(
      *train_loader_, concat("epoch ", epoch_, " training"), std::ssize(order), options_.save_minutes,
      [&](const Batch& batch) {
        steps_ = before + batch.number;  // of the order, whatever of it could be read
        step(batch);
        ++steps_;
        if (std::ssize(pending_) >= options_.log_every) read_pending();
      },
      [&] { save_step(); });
  read_pending();
  warn_of(*step_graph_);
}

void SupervisedTrainer::step(const Batch& batch) {
  optimizer_->set_lr(static_cast<float>(schedule_.at(epoch_ * steps_per_epoch() + steps_)));
  const Tensor images = normalize_images(batch.images.to(device_), dtype_, backend(device_).image_channels());
  const std::vector<Tensor> results = step_graph_->run({images, batch.labels.to(device_)});
  pending_.push_back({results.front(), batch.size()});
}

std::vector<Tensor> SupervisedTrainer::step_on_device(const std::vector<Tensor>& inputs) {
  const Tensor &images = inputs[0], &labels = inputs[1];
  optimizer_->clear_gradients();
  const Tensor scores = class_scores(segmenter_.network->forward(images), segmenter_.classifiers.front());
  const Tensor loss = cross_entropy(resize_bilinear(scores, images.dim(1), images.dim(2)), labels, class_weights_,
                                    int64_t{kIgnoreLabel});
  backward(loss);
  optimizer_->step();
  return {loss};
}

void SupervisedTrainer::read_pending() {
  for (const Pending& p : pending_) {
    const double loss = p.loss.item(), images = static_cast<double>(p.images);
    if (!std::isfinite(loss)) {
      throw ExitError{kExitDiverged, concat("the loss is ", loss, " in epoch ", epoch_, " near step ", steps_,
                                            "; the last checkpoint is untouched. Try a lower --lr")};
    }
    losses_.total += images * loss;
    losses_.images += images;
  }
  pending_.clear();
}

Histogram SupervisedTrainer::evaluate_now() {
  if (val_loader_ == nullptr) {
    ScoringOptions whole;
    whole.protocol = "full";
    whole.side = options_.res;
    whole.dtype = dtype_;
    whole.load = options_.load;
    return score_images(*segmenter_.network, segmenter_.classifiers, *val_data_, whole).histograms.front();
  }
  val_loader_->start(every_index(*val_data_));
  const auto classes = static_cast<int64_t>(val_data_->classes().size());
  return evaluate(*segmenter_.network, segmenter_.classifiers, *val_loader_, classes, dtype_).front();
}

}  // namespace bareseg
