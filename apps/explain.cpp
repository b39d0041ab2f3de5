#include "apps/explain.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cluster_options.h"
#include "apps/html_page.h"
#include "apps/legend.h"
#include "apps/picie_parts.h"
#include "apps/predict.h"
#include "apps/run.h"
#include "apps/training.h"
#include "cluster/kmeans.h"
#include "data/base_crop.h"
#include "data/picture.h"
#include "engine/file.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

// Undoes the normalisation of a network's input [1, S, S, C].
Image image_of(const Tensor& input) {
  const Tensor x = cast(input, kFloat32).to({});
  Image image{x.dim(2), x.dim(1), {}};
  const float* value = x.data<float>();
  for (int64_t i = 0; i < x.count(); i += x.dim(3)) {
    for (int64_t c = 0; c < 3; ++c) {
      const float level = (value[i + c] * kImageStd[c] + kImageMean[c]) * 255.0f;
      image.rgb.push_back(static_cast<uint8_t>(std::clamp(level + 0.5f, 0.0f, 255.0f)));
    }
  }
  return image;
}

// Of the epoch that the checkpoint's centroids were made in.
struct ClusteringEpoch {
  int64_t epoch = 0;
  std::array<std::vector<int64_t>, 2> occupancy;
};

std::vector<int64_t> counts_of(const nlohmann::json& occupancy, size_t view, int64_t clusters) {
  std::vector<int64_t> counts;
  if (occupancy.is_array() && view < occupancy.size() && occupancy[view].is_array()) {
    for (const nlohmann::json& n : occupancy[view]) {
      if (n.is_number_integer() && n.get<int64_t>() >= 0) counts.push_back(n.get<int64_t>());
    }
  }
  BS_CHECK(std::ssize(counts) == clusters, "metrics.jsonl: expected the occupancy of ", clusters, " clusters, got ",
           counts.size());
  return counts;
}

// A checkpoint inside an epoch holds the numbers of its clustering, metrics.jsonl those of finished epochs.
ClusteringEpoch clustering_epoch(const RunRecord& run, const Segmenter& segmenter, const CheckpointExtra& extra) {
  const int64_t done = metadata_number(extra.metadata, "epoch"), clusters = segmenter.classifiers.back().size();
  ClusteringEpoch found;
  if (metadata_number(extra.metadata, "steps") > 0) {
    found.epoch = done;
    for (size_t view = 0; view < 2; ++view) {
      for (const NamedTensor& t : extra.tensors) {
        if (t.name == concat("occupancy", view + 1) && t.tensor.dtype() == kInt64 && t.tensor.count() == clusters) {
          found.occupancy[view] = t.tensor.to_vector<int64_t>();
        }
      }
      BS_CHECK(!found.occupancy[view].empty(), "checkpoint: occupancy", view + 1, " of ", clusters,
               " clusters is missing");
    }
    return found;
  }
  found.epoch = done - 1;
  for (const nlohmann::json& epoch : run.epochs) {
    if (epoch["epoch"] != found.epoch || !epoch.contains("occupancy")) continue;
    for (size_t view = 0; view < 2; ++view) found.occupancy[view] = counts_of(epoch["occupancy"], view, clusters);
    return found;
  }
  fail_at(__FILE__, __LINE__, run.folder.string(), ": metrics.jsonl has no cluster sizes of epoch ", found.epoch,
          ", in which the checkpoint's centroids were made");
}

ClusterOptions options_of(const RunRecord& run) {
  BS_CHECK(run.method == "picie", run.folder.string(),
           ": expected a run of train picie, whose labels come from its own ", "clusters; got one of train ",
           run.method);
  ClusterOptions options;
  CLI::App app;
  options.declare(app);
  apply_options(run, app);
  return options;
}

// Cross-entropy of every row of `features` against its label, without weights: -log softmax(C f / |f|)[label].
std::vector<float> row_losses(const Tensor& unit_rows, const Tensor& centroids, const std::vector<int32_t>& labels) {
  const std::vector<float> log_p = log_softmax(linear(cast(unit_rows, kFloat32), centroids)).to_vector<float>();
  const auto clusters = static_cast<size_t>(centroids.dim(0));
  std::vector<float> losses;
  for (size_t i = 0; i < labels.size(); ++i) losses.push_back(-log_p[i * clusters + static_cast<size_t>(labels[i])]);
  return losses;
}

void match_views(Explanation& e) {
  const int64_t clusters = e.centroids[0].dim(0);
  Histogram both{clusters, clusters, std::vector<int64_t>(static_cast<size_t>(clusters * clusters), 0)};
  for (size_t i = 0; i < e.labels[0].size(); ++i)
    ++both.counts[static_cast<size_t>(e.labels[0][i] * clusters + e.labels[1][i])];
  e.match = match_clusters(both, Matching::hungarian);
  int64_t same = 0;
  for (size_t i = 0; i < e.labels[0].size(); ++i)
    same += e.match[static_cast<size_t>(e.labels[1][i])] == e.labels[0][i];
  e.agreement = 100.0 * static_cast<double>(same) / static_cast<double>(e.labels[0].size());
}

}  // namespace

Explanation explain_image(const RunRecord& run, const Segmenter& segmenter, const CheckpointExtra& extra,
                          const Image& image, int64_t draw, DType dtype) {
  const ClusterOptions options = options_of(run);
  BS_CHECK(segmenter.classifiers.size() >= 2, "checkpoint: expected the centroids of two views, got ",
           segmenter.classifiers.size());
  const ClusteringEpoch clustering = clustering_epoch(run, segmenter, extra);
  const int64_t images = metadata_number(extra.metadata, "images");
  BS_CHECK(draw >= 0 && draw < images, "--draw: the run has ", images, " training images, numbered from 0; got ", draw);
  const EpochPlan plan(options.augment(), options.seed, images, clustering.epoch);

  Explanation e;
  e.epoch = clustering.epoch;
  e.draw = draw;
  e.square = base_crop(image, options.res2);
  e.occupancy = clustering.occupancy;
  const NoGrad no_grad;
  const ModeGuard mode(*segmenter.network, false);
  const Device device = segmenter.network->device();
  Batch batch;
  batch.images = Tensor::from(e.square.rgb, {1, options.res2, options.res2, 3});
  batch.indexes = {draw};
  std::array<Tensor, 2> features, labels, weights;
  for (size_t view = 0; view < 2; ++view) {
    const int number = static_cast<int>(view);
    const View one{.number = number};
    const Tensor input = view_inputs(plan, batch, options.res2, {&one, 1}, options.res1, dtype, device).front();
    e.inputs[view] = image_of(input);
    if (view == 1) e.second_moved = image_of(in_final_frame(plan, input, {draw}, number));
    features[view] = in_final_frame(plan, segmenter.network->forward(input), {draw}, number);
    e.side = features[view].dim(1);
    e.centroids[view] = segmenter.classifiers[segmenter.classifiers.size() - 2 + view].weight;
    const Tensor rows = reshape(l2_normalize(features[view]), {e.side * e.side, features[view].dim(3)});
    labels[view] = assign_clusters(rows, e.centroids[view]);
    e.labels[view] = label_numbers(labels[view]);
    e.counts[view].assign(static_cast<size_t>(e.centroids[view].dim(0)), 0);
    for (const int32_t k : e.labels[view]) ++e.counts[view][static_cast<size_t>(k)];
    weights[view] = class_weights(options.class_weights, e.occupancy[view], device);
    if (weights[view].defined()) e.weights[view] = weights[view].to_vector<float>();
  }
  for (size_t a = 0; a < 2; ++a) {
    const Tensor rows = reshape(l2_normalize(features[a]), {e.side * e.side, features[a].dim(3)});
    for (size_t b = 0; b < 2; ++b) {
      const std::vector<ClusterTarget> target = {{e.centroids[b], labels[b], weights[b]}};
      e.loss[a][b] = cosine_cluster_loss(features[a], target).item();
      e.pixel_loss[a][b] = row_losses(rows, e.centroids[b], e.labels[b]);
    }
  }
  match_views(e);
  return e;
}

LabelMap label_map(const std::vector<int32_t>& labels, int64_t side) {
  return {side, side, std::vector<uint8_t>(labels.begin(), labels.end())};
}

namespace {

std::string explanation_json(const Explanation& e) {
  nlohmann::json out = {
      {"epoch", e.epoch},           {"draw", e.draw},          {"occupancy", e.occupancy}, {"counts", e.counts},
      {"class_weights", e.weights}, {"loss", e.loss},          {"within", e.within()},     {"across", e.across()},
      {"match", e.match},           {"agreement", e.agreement}};
  out["total"] = 0.5 * (e.within() + e.across());
  for (size_t view = 0; view < 2; ++view) {
    std::vector<double> norms;
    const std::vector<float> c = e.centroids[view].to_vector<float>();
    const auto dims = static_cast<size_t>(e.centroids[view].dim(1));
    for (size_t k = 0; k < c.size() / dims; ++k) {
      double square = 0.0;
      for (size_t d = 0; d < dims; ++d) square += double(c[k * dims + d]) * double(c[k * dims + d]);
      norms.push_back(std::sqrt(square));
    }
    out["centroid_norms"].push_back(norms);
  }
  return out.dump(2) + "\n";
}

Image read_example(const ExplainOptions& o, const RunRecord& run) {
  DatasetOptions data;
  CLI::App app;
  declare_dataset(app, data);
  apply_options(run, app);
  if (!o.data.empty()) data.root = o.data;
  if (!o.image.empty()) return read_image(o.image, data.kind == "images" ? Orientation::exif : Orientation::stored);
  const auto dataset = open_dataset(data, Split::train);
  BS_CHECK(o.index >= 0 && o.index < dataset->size(), "--index: the run has ", dataset->size(),
           " training images, numbered from 0; got ", o.index);
  return dataset->image(o.index);
}

}  // namespace

void ExplainOptions::declare(CLI::App& app) {
  app.add_option("run", run, "folder of a run of train picie")->required();
  auto* file = app.add_option("--image", image, "photograph to explain")->group("Data");
  app.add_option("--index", index, "in place of --image: number of a training image")
      ->check(CLI::NonNegativeNumber)
      ->excludes(file)
      ->group("Data");
  app.add_option("--draw", draw, "training image whose random transforms are taken (default: --index, or 0)")
      ->check(CLI::NonNegativeNumber)
      ->group("Data");
  app.add_option("--data", data, "folder of the data set, where it is no longer the one that the run names")
      ->group("Data");
  app.add_option("--checkpoint", checkpoint, "last or best")
      ->check(CLI::IsMember({"last", "best"}))
      ->capture_default_str()
      ->group("Network");
  app.add_option("--out", out, "folder for the page and its pictures")->capture_default_str()->group("Output");
  device.declare(app);
}

int explain(const ExplainOptions& o) {
  BS_CHECK(!o.image.empty() || o.index >= 0, "explain: expected --image FILE or --index N");
  const RunRecord run = read_run(o.run);
  options_of(run);  // first: other methods' checkpoints lack what comes next
  const Image image = read_example(o, run);
  CheckpointExtra extra;
  const Segmenter segmenter = load_segmenter(run.folder / (o.checkpoint + ".safetensors"), o.device.open(), &extra);
  const int64_t draw = o.draw >= 0 ? o.draw : std::max<int64_t>(o.index, 0);
  const Explanation e = explain_image(run, segmenter, extra, image, draw, o.device.float_type());
  BS_CHECK(e.centroids[0].dim(0) <= kIgnoreLabel, "explain: label maps hold at most ", int{kIgnoreLabel},
           " clusters; the run has ", e.centroids[0].dim(0));

  std::error_code error;
  const fs::path out = o.out;
  fs::create_directories(out, error);
  BS_CHECK(!error, "--out: cannot create ", o.out, ": ", error.message());
  const std::vector<uint8_t> palette = palette_of({});
  write_png(out / "square.png", e.square);
  write_png(out / "view1.png", e.inputs[0]);
  write_png(out / "view2.png", e.inputs[1]);
  for (size_t view = 0; view < 2; ++view) {
    write_label_png(out / concat("labels", view + 1, ".png"), label_map(e.labels[view], e.side), palette);
  }
  write_file_atomically(out / "explanation.json", explanation_json(e));
  const std::string title = concat(
      run.name, ": ", o.image.empty() ? concat("training image ", o.index) : fs::path(o.image).filename().string());
  write_file_atomically(out / "index.html", explanation_html(e, segmenter, title));
  log_info(concat("explained in ", (out / "index.html").string()));
  return 0;
}

}  // namespace bareseg
