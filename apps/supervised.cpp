#include "apps/supervised.h"

#include <CLI/CLI.hpp>

#include "apps/supervised_trainer.h"

namespace bareseg {
namespace {

const char* const kPresets = "camvid, voc, cityscapes, ade20k, scenes";

SupervisedOptions scenes() {
  SupervisedOptions o;
  o.data.kind = "scenes";
  o.hflip = true;
  o.schedule = "cosine";
  return o;
}

/// The 11 classes of SegNet's split at full resolution, from random weights; chosen on "val", so that "test" is left.
SupervisedOptions camvid() {
  SupervisedOptions o;
  o.data.kind = "camvid";
  o.data.val_splits = "val";
  o.frame = "whole";
  o.res = o.crop_height = 360;
  o.crop_width = 480;
  o.min_scale = 0.5;
  o.max_scale = 2.0;
  o.hflip = true;
  o.jitter = 0.3;
  o.hue_range = 0.05;
  o.epochs = 200;
  o.optimizer = "adamw";
  o.weight_decay = 0.01;
  o.schedule = "poly";
  o.warm_up = 100;
  o.val_every = 5;
  return o;
}

/// What the following, which start from weights learnt on ImageNet, have in common.
SupervisedOptions fine_tuned(const char* kind) {
  SupervisedOptions o;
  o.data.kind = kind;
  o.design = {.architecture = "deeplabv3", .depth = 50};
  o.frame = "whole";
  o.min_scale = 0.5;
  o.max_scale = 2.0;
  o.hflip = true;
  o.jitter = 0.3;
  o.hue_range = 0.05;
  o.batch = 16;
  o.optimizer = "sgd";
  o.lr = 0.01;
  o.weight_decay = 5e-4;
  o.schedule = "poly";
  o.warm_up = 500;
  return o;
}

/// Sides and rates of torchvision's reference script.
SupervisedOptions voc() {
  SupervisedOptions o = fine_tuned("voc");
  o.res = 520;
  o.crop_height = o.crop_width = 480;
  o.epochs = 30;
  o.weight_decay = 1e-4;
  return o;
}

SupervisedOptions cityscapes() {
  SupervisedOptions o = fine_tuned("cityscapes");
  o.data.classes = 19;
  o.data.splits = "train";
  o.data.val_splits = "val";
  o.res = 1024;
  o.crop_height = 512;
  o.crop_width = 1024;
  o.batch = 8;
  o.epochs = 108;  // 40,000 steps
  o.val_every = 9;
  return o;
}

SupervisedOptions ade20k() {
  SupervisedOptions o = fine_tuned("ade20k");
  o.res = o.crop_height = o.crop_width = 512;
  o.epochs = 64;  // 80,000 steps
  o.val_every = 8;
  return o;
}

void declare_images(CLI::App& app, SupervisedOptions& o) {
  const auto side = CLI::Range(1, 1 << 14);
  const auto add = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str()->group("Images");
  };
  add("--frame", o.frame, "square (the centre square, as PiCIE sees images) or whole")
      ->check(CLI::IsMember({"square", "whole"}));
  add("--res", o.res, "length of the shorter side, when scored and at scale 1")->check(side);
  add("--crop-height", o.crop_height, "of the network's input in training, 0 for --res")->check(CLI::Range(0, 1 << 14));
  add("--crop-width", o.crop_width, "of the network's input in training, 0 for --res")->check(CLI::Range(0, 1 << 14));
  add("--min-scale", o.min_scale, "images are scaled by a random factor from this")->check(CLI::Range(0.01, 16.0));
  add("--max-scale", o.max_scale, "to this, and cropped or padded")->check(CLI::Range(0.01, 16.0));
  add("--hflip", o.hflip, "mirror every other image");
  add("--jitter", o.jitter, "brightness, contrast and saturation factors lie within 1 +- this")
      ->check(CLI::Range(0.0, 1.0));
  add("--hue-range", o.hue_range, "hue shifts lie within +- this fraction of the colour circle")
      ->check(CLI::Range(0.0, 0.5));
}

void declare_training(CLI::App& app, SupervisedOptions& o) {
  const auto positive = CLI::Range(int64_t{1}, int64_t{1} << 40);
  const auto add = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str()->group("Training");
  };
  add("--epochs", o.epochs, "passes")->check(positive);
  add("--batch", o.batch, "images per step; what is left of an epoch's images is left out")->check(positive);
  add("--batch-test", o.batch_test, "images per batch when squares are scored")->check(positive);
  add("--optimizer", o.optimizer, "sgd, adam or adamw")->check(CLI::IsMember({"sgd", "adam", "adamw"}));
  add("--lr", o.lr, "learning rate")->check(CLI::Range(0.0, 1e38));
  add("--momentum", o.momentum, "sgd: momentum")->check(CLI::Range(0.0, 1.0));
  add("--weight-decay", o.weight_decay, "weight decay; adamw: apart from the gradient")->check(CLI::Range(0.0, 1e3));
  add("--schedule", o.schedule, "of the learning rate over all steps: constant, poly or cosine, down to zero")
      ->check(CLI::IsMember({"constant", "poly", "cosine"}));
  add("--power", o.power, "poly: the exponent")->check(CLI::Range(0.0, 100.0));
  add("--warm-up", o.warm_up, "steps before it, over which the rate rises from a thousandth")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  add("--class-weights", o.class_weights,
      "of the loss, by the share of a class in all labelled pixels: none, frequency (the share), inverse (1 / share)")
      ->check(CLI::IsMember({"none", "frequency", "inverse"}));
  app.add_flag("--cuda-graph,!--no-cuda-graph", o.cuda_graph, "cuda: start a step's kernels as one graph (the default)")
      ->default_str(o.cuda_graph ? "true" : "false")  // for the run's config.toml
      ->group("Training");
}

}  // namespace

SupervisedOptions SupervisedOptions::preset_named(const std::string& name) {
  SupervisedOptions o = name == "camvid"       ? camvid()
                        : name == "voc"        ? voc()
                        : name == "cityscapes" ? cityscapes()
                        : name == "ade20k"     ? ade20k()
                        : name == "scenes"     ? scenes()
                                               : SupervisedOptions();
  BS_CHECK(name.empty() || name == o.data.kind, "--preset: expected one of ", kPresets, ", got '", name, "'");
  o.preset = name;
  return o;
}

void SupervisedOptions::declare(CLI::App& app) {
  const auto positive = CLI::Range(int64_t{1}, int64_t{1} << 40);
  const auto add = [&](const char* name, auto& value, const std::string& help, const char* group) {
    return app.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--preset", preset, concat("defaults for: ", kPresets), "Run");
  add("--out", out, "folder of the run", "Run");
  app.add_option("--resume", resume, "go on with the run in this folder, with the options it was started with")
      ->group("Run")
      ->configurable(false);
  add("--seed", seed, "seed of everything random", "Run");
  add("--val-every", val_every, "epochs from score to score; the last is scored always", "Run")->check(positive);
  add("--save-minutes", save_minutes, "how often to save inside an epoch", "Run");
  add("--log-every", log_every, "steps between reads of the loss", "Run")->check(positive);
  app.add_flag("--tensorboard", tensorboard, "metrics also as event files, with sample images, for TensorBoard")
      ->group("Run");
  declare_dataset(app, data);
  load.declare(app);
  device.declare(app);

  add("--architecture", design.architecture, "resnet-fpn, deeplabv3 or unet", "Network")
      ->check(CLI::IsMember({"resnet-fpn", "deeplabv3", "unet"}));
  add("--depth", design.depth, "resnet-fpn, deeplabv3: layers of the ResNet", "Network")
      ->check(CLI::IsMember({18, 34, 50, 101}));
  add("--output-stride", design.output_stride, "deeplabv3: pixels per cell of the features, 8 or 16", "Network")
      ->check(CLI::IsMember({8, 16}));
  add("--width", design.width, "unet: channels at full resolution", "Network")->check(CLI::Range(1, 1024));
  add("--pretrained", pretrained, "file of weights to start from: .safetensors, .pth", "Network");
  declare_images(app, *this);
  declare_training(app, *this);
}

PairAugment SupervisedOptions::augment() const {
  return {.height = crop_height > 0 ? crop_height : res,
          .width = crop_width > 0 ? crop_width : res,
          .short_side = res,
          .square = frame == "square",
          .min_scale = min_scale,
          .max_scale = max_scale,
          .hflip = hflip,
          .jitter = jitter,
          .hue_range = hue_range,
          .seed = seed};
}

Schedule SupervisedOptions::schedule_of(int64_t steps_per_epoch) const {
  return {.decay = schedule == "poly"     ? Schedule::Decay::poly
                   : schedule == "cosine" ? Schedule::Decay::cosine
                                          : Schedule::Decay::constant,
          .lr = lr,
          .steps = epochs * steps_per_epoch,
          .warm_up = warm_up,
          .power = power};
}

void SupervisedOptions::check() const {
  augment().check();
  BS_CHECK(design.architecture != "deeplabv3" || batch >= 2,
           "--batch: deeplabv3 needs two images at least, for the statistics of its pooled branch, got ", batch);
}

int train_supervised(const SupervisedOptions& options, const std::string& config) {
  options.check();
  return SupervisedTrainer(options, config).run();
}

}  // namespace bareseg
