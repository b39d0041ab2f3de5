#include "apps/cluster_trainer.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/clusterer.h"
#include "apps/initial_weights.h"
#include "apps/picie_parts.h"
#include "apps/text_table.h"
#include "apps/training.h"
#include "cluster/kmeans.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace bareseg {
namespace {

constexpr int64_t kStride = 4;  // of the features

double sum_of(const std::vector<int64_t>& counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
}

}  // namespace

ClusterTrainer::ClusterTrainer(const ClusterOptions& options, const std::string& config)
    : options_(options),
      device_(options.device.open()),
      dtype_(options.device.float_type()),
      run_(options.resume.empty() ? options.out : options.resume, config, !options.resume.empty(), options.tensorboard),
      first_view_(options.scores_apart() ? 1 : 0) {
  install_signal_handlers();
  try {
    open_data();
    open_network();
  } catch (...) {
    if (options_.resume.empty()) forget_run(run_);
    throw;
  }
  if (!options_.resume.empty()) restore();
}

void ClusterTrainer::open_data() {
  DatasetOptions images = options_.data;
  images.labels = false;  // the method learns from images alone
  train_data_ = open_dataset(images, Split::train);
  log_info(concat("training on ", train_data_->size(), " images (", options_.data.kind, ")"));
  LoaderOptions load = options_.load.loader(options_.batch_cluster, options_.res2);
  load.native = device_ != Device{} && load.disk_cache.empty();  // a GPU has time for the resize
  if (load.native) load.device = device_;
  train_loader_ = std::make_unique<Loader>(*train_data_, load);
  try {
    val_data_ = open_dataset(options_.data, Split::val);
  } catch (const Error& error) {
    log_warning(concat("no scores: ", error.message()));
  }
  if (val_data_ != nullptr && val_data_->has_labels()) {
    val_loader_ =
        std::make_unique<Loader>(*val_data_, options_.load.loader(options_.batch_test, options_.res, options_.res));
    log_info(concat("scoring on ", val_data_->size(), " images, ", val_data_->classes().size(), " classes"));
  } else {
    log_info("the data set has no labels: nothing is scored");
  }
}

void ClusterTrainer::open_network() {
  auto network = std::make_unique<ResNetFpn>(ResNetFpn::Options{.depth = options_.depth},
                                             ModuleOptions{.device = device_, .seed = options_.seed});
  if (!options_.pretrained.empty()) load_initial_weights(*network, options_.pretrained);
  segmenter_.method = options_.method;
  segmenter_.design.depth = options_.depth;
  segmenter_.resolution = options_.res;
  segmenter_.network = std::move(network);
  const auto views = static_cast<size_t>(options_.views);
  segmenter_.classifiers.resize(first_view_ + views);
  if (options_.scores_apart()) {  // until the first epoch ends
    segmenter_.classifiers[0].weight =
        Tensor::zeros({options_.clusters_test, segmenter_.network->features()}, kFloat32, device_);
  }
  kmeans_loss_.resize(views);
  occupancy_.resize(views);
  if (val_loader_ != nullptr) {
    for (const ClassInfo& c : val_data_->classes()) segmenter_.class_names.push_back(c.name);
  }
  optimizer_ = make_optimizer(segmenter_.network->parameters());
}

std::unique_ptr<Optimizer> ClusterTrainer::make_optimizer(const std::vector<Tensor>& parameters) const {
  const auto lr = static_cast<float>(options_.lr);
  if (options_.optimizer == "adam") return std::make_unique<Adam>(parameters, Adam::Options{.lr = lr});
  return std::make_unique<Sgd>(parameters, Sgd::Options{.lr = lr,
                                                        .momentum = static_cast<float>(options_.momentum),
                                                        .weight_decay = static_cast<float>(options_.weight_decay)});
}

int ClusterTrainer::run() {
  try {
    if (epoch_ == 0 && steps_ == 0 && val_loader_ != nullptr) score_random_classifier();
    while (epoch_ < options_.epochs) epoch();
    if (options_.repeats > 0 && val_loader_ != nullptr) repeat_clustering();
  } catch (const ExitError& error) {
    if (error.code == kExitInterrupted && steps_ > 0) save_step();
    return go_on_later(error, run_, epoch_, steps_);
  }
  log_info(concat("done: ", run_.last().string()));
  return 0;
}

void ClusterTrainer::epoch() {
  plan_.emplace(options_.augment(), options_.seed, train_data_->size(), epoch_);
  optimizer_->set_lr(epoch_lr());
  if (steps_ == 0) {
    seconds_.clear();
    losses_ = {};
    each_view("cluster", &ClusterTrainer::cluster);
    each_view("label", &ClusterTrainer::label);
    if (!options_.nonparametric) start_classifier();
  }
  {
    const PhaseTimer timer("train", seconds_);
    train();
  }
  finish_epoch();
}

void ClusterTrainer::each_view(const char* name, void (ClusterTrainer::*phase)(int)) {
  for (int view = 0; view < options_.views; ++view) {
    const PhaseTimer timer(name, seconds_);
    (this->*phase)(view);
  }
}

float ClusterTrainer::epoch_lr() const {
  const int64_t decays = options_.lr_decay_epochs > 0 ? epoch_ / options_.lr_decay_epochs : 0;
  return static_cast<float>(options_.lr * std::pow(0.1, static_cast<double>(decays)));
}

Tensor ClusterTrainer::view_features(const Batch& batch, int view) {
  const View one{.number = view};
  const Tensor x = view_inputs(*plan_, batch, options_.res2, {&one, 1}, options_.res1, dtype_, device_).front();
  return in_final_frame(*plan_, segmenter_.network->forward(x), batch.indexes, view);
}

void ClusterTrainer::cluster(int view) {
  const NoGrad no_grad;
  const ModeGuard mode(*segmenter_.network, options_.kmeans_bn == "train");
  train_loader_->start(plan_->permutation());
  const int64_t batches = (train_data_->size() + options_.batch_cluster - 1) / options_.batch_cluster;
  const MiniBatchKMeansOptions how{
      .kmeans = {.clusters = options_.clusters,
                 .iterations = options_.kmeans_iterations,
                 .seed = plan_->kmeans_seed(view),
                 .start = options_.kmeans_start == "random" ? KMeansStart::random : KMeansStart::plus_plus},
      .init_batches = options_.num_init_batches,
      .num_batches = options_.num_batches,
      .batch_rows = options_.batch_cluster * (options_.res1 / kStride) * (options_.res1 / kStride)};
  MiniBatchKMeans kmeans(how, batches);
  Progress progress(concat("epoch ", epoch_, " clustering view ", view + 1), train_data_->size());
  int64_t done = 0;
  for (Batch batch; train_loader_->next(batch);) {
    stop_when_asked();
    const Tensor f = l2_normalize(view_features(batch, view));
    kmeans.add(f.view({f.count() / f.dim(-1), f.dim(-1)}));
    progress.update(done += batch.size());
  }
  kmeans.finish();
  const auto at = static_cast<size_t>(view);
  classifier(view).weight = kmeans.centroids();
  kmeans_loss_[at] = kmeans.loss();
  int64_t repaired = 0;
  for (const KMeansIteration& iteration : kmeans.iterations()) repaired += iteration.repaired;
  log_info(concat("epoch ", epoch_, " view ", view + 1, ": k-means loss ", fixed(kmeans.loss(), 4), " (first group ",
                  fixed(kmeans.initial_loss(), 4), ")",
                  repaired > 0 ? concat(", ", repaired, " empty clusters repaired") : "", ", ",
                  fixed(static_cast<double>(done) / progress.seconds(), 1), " images/s"));
}

void ClusterTrainer::label(int view) {
  const NoGrad no_grad;
  const ModeGuard mode(*segmenter_.network, false);
  const auto at = static_cast<size_t>(view);
  const int64_t side = options_.res1 / kStride;
  const DType type = options_.clusters <= 256 ? kUInt8 : kInt32;
  if (!labels_[at].defined()) {
    labels_[at] = Tensor::zeros({train_data_->size(), side * side}, type, device_);
  }
  Tensor counts = Tensor::zeros({options_.clusters}, kInt64, device_);
  train_loader_->start(plan_->permutation());
  Progress progress(concat("epoch ", epoch_, " labelling view ", view + 1), train_data_->size());
  int64_t done = 0;
  for (Batch batch; train_loader_->next(batch);) {
    stop_when_asked();
    const Tensor f = l2_normalize(view_features(batch, view));
    const Tensor assigned = assign_clusters(f.view({f.count() / f.dim(-1), f.dim(-1)}), classifier(view).weight);
    backend(device_).count_labels(assigned, counts);
    backend(device_).scatter_rows(assigned, batch.indexes, labels_[at]);
    progress.update(done += batch.size());
  }
  occupancy_[at] = counts.to_vector<int64_t>();
  check_collapse(view, occupancy_[at]);
  class_weights_[at] = class_weights(options_.class_weights, occupancy_[at], device_);
}

void ClusterTrainer::check_collapse(int view, const std::vector<int64_t>& counts) const {
  const double total = sum_of(counts), most = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
  if (total > 0 && most < 0.999 * total) return;
  throw ExitError{kExitDiverged,
                  concat("the clustering collapsed in epoch ", epoch_, ": one cluster holds ",
                         fixed(100.0 * most / std::max(total, 1.0), 2), " % of the pixels of view ", view + 1,
                         "; the last checkpoint is untouched. Try a lower --lr or --class-weights none")};
}

Tensor ClusterTrainer::labels_of(const Batch& batch, int view) const {
  const Tensor& all = labels_[static_cast<size_t>(view)];
  const auto n = static_cast<int64_t>(batch.indexes.size());
  Tensor labels = Tensor::empty({n, all.dim(1)}, all.dtype(), device_);
  backend(device_).gather_rows(all, batch.indexes, labels);
  return labels;
}

// The centroids have given the labels; from here on a new classifier learns them (MDC section 1, step 4).
void ClusterTrainer::start_classifier() {
  Classifier& c = classifier(0);
  const Random random(options_.seed, Draws::classifier, static_cast<uint64_t>(epoch_));
  c.weight = random_normal(c.weight.shape(), random, kFloat32, device_, 0.01f);
  c.bias = Tensor::zeros({c.size()}, kFloat32, device_);
  c.weight.set_requires_grad();
  c.bias.set_requires_grad();
  classifier_optimizer_ = make_optimizer({c.weight, c.bias});
}

void ClusterTrainer::train() {
  std::vector<int64_t> order =
      Random(options_.seed, Draws::permutation, static_cast<uint64_t>(epoch_)).permutation(train_data_->size());
  order.erase(order.begin(), order.begin() + std::min<int64_t>(steps_ * options_.batch_train, train_data_->size()));
  train_loader_->start(order, options_.batch_train);
  step_graph_ = std::make_unique<StepGraph>(
      device_, [this](const std::vector<Tensor>& inputs) { return step_on_device(inputs); }, options_.cuda_graph);
  const int64_t before = steps_;
  train_batches(
      *train_loader_, concat("epoch ", epoch_, " training"), std::ssize(order), options_.save_minutes,
      [&](const Batch& batch) {
        step(batch);
        steps_ = before + batch.number + 1;  // of the order, whatever of it could be read
        if (std::ssize(pending_) >= options_.log_every) read_pending();
      },
      [&] { save_step(); });
  read_pending();
  warn_of(*step_graph_);
  step_graph_.reset();
}

Tensor ClusterTrainer::view_loss(const Tensor& features, const std::vector<ClusterTarget>& targets,
                                 const Classifier& learnt, Tensor* terms) const {
  if (options_.nonparametric) return cosine_cluster_loss(features, targets, terms);
  Tensor loss = cross_entropy(class_scores(features, learnt), targets.front().labels, targets.front().class_weights);
  *terms = loss.detach();
  return loss;
}

void ClusterTrainer::step(const Batch& batch) {
  std::vector<View> views;
  for (int view = 0; view < options_.views; ++view) {
    views.push_back({.number = view, .plain = view == 0 && options_.compat_plain_view1});
  }
  const std::vector<Tensor> images = view_inputs(*plan_, batch, options_.res2, views, options_.res1, dtype_, device_);
  std::vector<Tensor> inputs;
  for (int view = 0; view < options_.views; ++view) {
    inputs.push_back(images[static_cast<size_t>(view)]);
    inputs.push_back(final_frame(*plan_, batch.indexes, view, options_.res1 / kStride, device_));
    inputs.push_back(labels_of(batch, view));
  }
  const std::vector<Tensor> results = step_graph_->run(inputs);
  pending_.push_back({.terms = {results[0], results[1]}, .mse = results[2], .images = batch.size()});
}

std::vector<Tensor> ClusterTrainer::step_on_device(const std::vector<Tensor>& inputs) {
  optimizer_->clear_gradients();
  if (classifier_optimizer_ != nullptr) classifier_optimizer_->clear_gradients();
  std::vector<Tensor> features, results(3);
  std::vector<ClusterTarget> targets;
  for (int view = 0; view < options_.views; ++view) {
    const auto at = static_cast<size_t>(view);
    const Tensor f = segmenter_.network->forward(inputs[3 * at]), &frame = inputs[3 * at + 1];
    features.push_back(frame.defined() ? crop_resize_flip(f, frame, f.dim(1)) : f);
    targets.push_back({classifier(view).weight, inputs[3 * at + 2], class_weights_[at]});
  }
  Tensor loss = view_loss(features[0], targets, classifier(0), &results[0]);
  if (options_.views == 2) loss = scale(add(loss, view_loss(features[1], targets, classifier(1), &results[1])), 0.5f);
  if (options_.mse) {
    results[2] = mse_loss(cast(l2_normalize(features[0]), kFloat32), cast(l2_normalize(features[1]), kFloat32));
    loss = scale(add(loss, results[2]), 0.5f);
  }
  backward(loss);
  optimizer_->step();
  if (classifier_optimizer_ != nullptr) classifier_optimizer_->step();
  return results;
}

void ClusterTrainer::read_pending() {
  for (const Pending& p : pending_) {
    const std::vector<float> view1 = p.terms[0].to_vector<float>();
    double within = view1[0], across = 0.0, total = within;
    if (options_.views == 2) {
      const std::vector<float> view2 = p.terms[1].to_vector<float>();
      within = 0.5 * (view1[0] + view2[1]);
      across = 0.5 * (view1[1] + view2[0]);
      total = 0.5 * (within + across);
    }
    const double mse = p.mse.defined() ? p.mse.item() : 0.0;
    if (p.mse.defined()) total = 0.5 * (total + mse);
    if (!std::isfinite(total)) {
      throw ExitError{kExitDiverged, concat("the loss is ", total, " in epoch ", epoch_, " near step ", steps_,
                                            "; the last checkpoint is untouched. Try a lower --lr")};
    }
    const auto n = static_cast<double>(p.images);
    losses_.total += n * total;
    losses_.within += n * within;
    losses_.across += n * across;
    losses_.mse += n * mse;
    losses_.images += n;
  }
  pending_.clear();
}

Tensor ClusterTrainer::cluster_plain_images(uint64_t seed, bool batch_statistics) {
  const Dataset& data = options_.repeats_split == "val" && val_data_ != nullptr ? *val_data_ : *train_data_;
  if (plain_loader_ == nullptr) {
    LoaderOptions load = options_.load.loader(options_.batch_cluster, options_.res);
    load.disk_cache.clear();  // it holds the training images in another size
    plain_loader_ = std::make_unique<Loader>(data, load);
  }
  const FeatureClustering how{.clusters = options_.clusters_test > 0 ? options_.clusters_test : options_.clusters,
                              .init_batches = options_.num_init_batches,
                              .num_batches = options_.num_batches,
                              .iterations = options_.kmeans_iterations,
                              .seed = seed,
                              .batch_statistics = batch_statistics};
  return cluster_features(*segmenter_.network, *plain_loader_, data.size(), how, dtype_);
}

void ClusterTrainer::repeat_clustering() {
  std::vector<double> accuracy, miou;
  for (int64_t r = 0; r < options_.repeats; ++r) {
    const Tensor centroids = cluster_plain_images(options_.seed + static_cast<uint64_t>(r), true);
    val_loader_->start(every_index(*val_data_));
    const auto classes = static_cast<int64_t>(val_data_->classes().size());
    const Histogram h = evaluate(*segmenter_.network, {{centroids}}, *val_loader_, classes, dtype_).front();
    const Scores s = score(h, match_clusters(h, Matching::hungarian));
    accuracy.push_back(s.accuracy);
    miou.push_back(s.mean_iou);
  }
  log_info(concat("fresh clusterings of the ", options_.repeats_split, " images: ACC ", mean_and_spread(accuracy),
                  ", mIoU ", mean_and_spread(miou)));
}

}  // namespace bareseg
