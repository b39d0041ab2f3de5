#include "apps/cluster_options.h"

#include <CLI/CLI.hpp>
#include <limits>
#include <utility>

#include "apps/cluster_trainer.h"

namespace bareseg {

void ClusterOptions::declare(CLI::App& app) {
  const auto positive = CLI::Range(int64_t{1}, int64_t{1} << 40);
  const auto add = [&](const char* name, auto& value, const char* help, const char* group) {
    return app.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--preset", preset, "defaults for: coco, cityscapes, camvid, demo", "Run");
  add("--out", out, "folder of the run", "Run");
  app.add_option("--resume", resume, "go on with the run in this folder, with the options it was started with")
      ->group("Run")
      ->configurable(false);
  add("--seed", seed, "seed of everything random", "Run");
  add("--save-minutes", save_minutes, "how often to save inside an epoch", "Run");
  add("--log-every", log_every, "steps between reads of the loss", "Run")->check(positive);
  app.add_flag("--tensorboard", tensorboard, "metrics also as event files, with sample images, for TensorBoard")
      ->group("Run");
  declare_dataset(app, data);
  load.declare(app);
  device.declare(app);

  add("--depth", depth, "layers of the ResNet", "Network")->check(CLI::IsMember({18, 34, 50, 101}));
  add("--pretrained", pretrained, "file of weights to start from: .safetensors, .pth", "Network");
  add("--clusters", clusters, "K, the number of clusters that are learnt", "Network")->check(CLI::Range(2, 32767));
  add("--clusters-test", clusters_test,
      "clusters that are scored, found anew in plain images after every epoch; 0: the learnt ones", "Network")
      ->check(CLI::Range(0, 32767));
  add("--res", res, "side of images when scored", "Network")->check(positive);
  add("--res1", res1, "side of the network's input in training", "Network")->check(positive);
  add("--res2", res2, "side of images before the geometric transform", "Network")->check(positive);

  add("--epochs", epochs, "passes", "Training")->check(positive);
  add("--batch-cluster", batch_cluster, "images per batch of clustering and labelling", "Training")->check(positive);
  add("--batch-train", batch_train, "images per training step", "Training")->check(positive);
  add("--batch-test", batch_test, "images per batch when scoring", "Training")->check(positive);
  add("--num-init-batches", num_init_batches, "batches of the first clustering", "Training")->check(positive);
  add("--num-batches", num_batches, "batches per later update of the centroids", "Training")->check(positive);
  add("--kmeans-iterations", kmeans_iterations, "Lloyd iterations of the first clustering", "Training")
      ->check(positive);
  add("--kmeans-start", kmeans_start, "random (faiss' points) or k-means++", "Training")
      ->check(CLI::IsMember({"random", "k-means++"}));
  add("--kmeans-bn", kmeans_bn, "batch norm while clustering: train, or eval as the authors before December 2021",
      "Training")
      ->check(CLI::IsMember({"train", "eval"}));
  add("--optimizer", optimizer, "adam or sgd", "Training")->check(CLI::IsMember({"adam", "sgd"}));
  add("--lr", lr, "learning rate", "Training")->check(CLI::Range(0.0, 1e38));
  add("--momentum", momentum, "sgd: momentum", "Training")->check(CLI::Range(0.0, 1.0));
  add("--weight-decay", weight_decay, "sgd: weight decay (adam takes none, as the authors')", "Training")
      ->check(CLI::Range(0.0, 1e3));
  add("--class-weights", class_weights, "of the loss: frequency (the authors' balance), none, inverse", "Training")
      ->check(CLI::IsMember({"frequency", "none", "inverse"}));
  add("--lr-decay-epochs", lr_decay_epochs, "the network's learning rate is divided by ten so often; 0: never",
      "Training")
      ->check(CLI::Range(0, 1'000'000));
  if (views == 2) app.add_flag("--mse", mse, "add the mean squared difference of the views")->group("Training");
  if (method == "mdc") {
    app.add_flag("--nonparametric", nonparametric, "classify by the frozen centroids instead of a learnt classifier")
        ->group("Training");
  }
  app.add_flag("--cuda-graph,!--no-cuda-graph", cuda_graph, "cuda: start a step's kernels as one graph (the default)")
      ->default_str(cuda_graph ? "true" : "false")  // for the run's config.toml
      ->group("Training");
  add("--repeats", repeats, "fresh clusterings of plain images after training, scored as mean and spread", "Training")
      ->check(CLI::Range(0, 1000));
  add("--repeats-split", repeats_split, "images of these clusterings and of --clusters-test: train or val", "Training")
      ->check(CLI::IsMember({"train", "val"}));

  add("--transforms", transforms,
      "comma-separated: brightness, contrast, saturation, hue, grey, blur, crop, hflip, vflip; or all (without "
      "vflip), colour-only, geometry-only, none",
      "Transforms");
  add("--jitter", jitter, "brightness, contrast and saturation factors lie within 1 +- this", "Transforms")
      ->check(CLI::Range(0.0, 1.0));
  add("--hue-range", hue_range, "hue shifts lie within +- this fraction of the colour circle", "Transforms")
      ->check(CLI::Range(0.0, 0.5));
  add("--min-scale", min_scale, "smallest side of the crop, as a fraction", "Transforms")->check(CLI::Range(0.01, 1.0));
  app.add_flag("--compat-grey-off", compat_grey_off, "never turn images grey: the authors' switch was dead")
      ->group("Transforms");
  app.add_flag("--compat-plain-view1", compat_plain_view1,
               "train on view 1 without its colours: the authors' Cityscapes behaviour")
      ->group("Transforms");
}

AugmentConfig ClusterOptions::augment() const {
  AugmentConfig config = parse_transforms(transforms);
  config.min_scale = min_scale;
  config.jitter = jitter;
  config.hue_range = hue_range;
  config.compat_grey_off = compat_grey_off;
  return config;
}

void ClusterOptions::check() const {
  BS_CHECK(res1 % 4 == 0, "--res1: must be a multiple of 4, the stride of the features, got ", res1);
  BS_CHECK(res2 >= res1, "--res2: must be at least --res1 (", res1, "), got ", res2);
  for (const auto& [option, batch] :
       {std::pair("--batch-train", batch_train), std::pair("--batch-cluster", batch_cluster)}) {
    BS_CHECK(batch >= 2 || res1 > 32, option, ": batch norm needs more than one value per channel");
  }
  BS_CHECK(seed <= std::numeric_limits<uint32_t>::max(), "--seed: must fit 32 bits, got ", seed);
  augment();
}

int train_on_clusters(const ClusterOptions& options, const std::string& config) {
  options.check();
  return ClusterTrainer(options, config).run();
}

}  // namespace bareseg
