#include "apps/segmenter.h"

#include <charconv>
#include <sstream>

#include "engine/augment.h"
#include "engine/safetensors.h"

namespace bareseg {
namespace {

constexpr const char* kModel = "model.";

std::string classifier_name(size_t i) { return concat("classifier", i + 1, ".weight"); }

std::string joined(const auto& values) {
  std::ostringstream out;
  for (size_t i = 0; i < values.size(); ++i) out << (i > 0 ? "\n" : "") << values[i];
  return out.str();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

}  // namespace

int64_t metadata_number(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  BS_CHECK(found != metadata.end(), "checkpoint: '", key, "' is missing from the metadata");
  const std::string& text = found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  BS_CHECK(error == std::errc{} && end == text.data() + text.size(), "checkpoint: '", key,
           "' must be a whole number, got '", text, "'");
  return value;
}

void save_segmenter(const std::filesystem::path& file, const Segmenter& s, const CheckpointExtra& extra) {
  NamedTensors tensors;
  for (NamedTensor& t : to_disk(s.network->state())) tensors.push_back({kModel + t.name, t.tensor});
  for (size_t i = 0; i < s.classifiers.size(); ++i) tensors.push_back({classifier_name(i), s.classifiers[i].to({})});
  tensors.insert(tensors.end(), extra.tensors.begin(), extra.tensors.end());
  std::map<std::string, std::string> metadata = extra.metadata;
  metadata["method"] = s.method;
  metadata["depth"] = std::to_string(s.depth);
  metadata["resolution"] = std::to_string(s.resolution);
  metadata["classes"] = joined(s.class_names);
  metadata["cluster_classes"] = joined(s.cluster_classes);
  write_safetensors(file, tensors, metadata);
}

Segmenter load_segmenter(const std::filesystem::path& file, Device device, CheckpointExtra* extra) {
  SafetensorsFile read = read_safetensors(file);
  try {
    Segmenter s;
    BS_CHECK(read.metadata.contains("method"), "not a checkpoint of bareseg: 'method' is missing from the metadata");
    s.method = read.metadata["method"];
    s.depth = static_cast<int>(metadata_number(read.metadata, "depth"));
    s.resolution = metadata_number(read.metadata, "resolution");
    s.class_names = lines(read.metadata["classes"]);
    for (const std::string& line : lines(read.metadata["cluster_classes"])) {
      s.cluster_classes.push_back(metadata_number({{"cluster_classes", line}}, "cluster_classes"));
    }
    NamedTensors model, rest;
    for (NamedTensor& t : read.tensors) {
      const bool ours = t.name.starts_with(kModel);
      if (ours) t.name.erase(0, std::string(kModel).size());
      if (!ours && t.name == classifier_name(s.classifiers.size())) {
        BS_CHECK(t.tensor.rank() == 2 && t.tensor.dtype() == kFloat32, t.name, ": expected float32 [K, D], got ",
                 t.tensor.dtype(), " ", t.tensor.shape());
        s.classifiers.push_back(t.tensor.to(device));
      } else {
        (ours ? model : rest).push_back(t);
      }
    }
    s.network = std::make_unique<ResNetFpn>(ResNetFpn::Options{.depth = s.depth}, ModuleOptions{.device = device});
    load_into(s.network->state(), model);
    for (const Tensor& c : s.classifiers) {
      BS_CHECK(c.dim(0) > 0 && c.dim(1) == s.network->features(), "classifier: expected [K, ", s.network->features(),
               "], got ", c.shape());
    }
    if (extra != nullptr) *extra = {std::move(rest), std::move(read.metadata)};
    return s;
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, file.string(), ": ", error.message());
  }
}

Tensor plain_features(ResNetFpn& network, const Tensor& images, DType dtype) {
  const std::vector<AugmentParams> params(static_cast<size_t>(images.dim(0)));
  const Tensor x =
      augment(images.to(network.device()), params, {.shape = AugmentOptions::Shape::pillow}, images.dim(1), dtype);
  return l2_normalize(network.forward(x));
}

Tensor segment(const Tensor& unit_features, const Tensor& centroids, int64_t height, int64_t width) {
  const Shape& map = unit_features.shape();
  const Tensor rows = cast(reshape(unit_features, {-1, map.dim(3)}), kFloat32);
  const Tensor scores = reshape(matmul_nt(rows, centroids), {map.dim(0), map.dim(1), map.dim(2), centroids.dim(0)});
  Tensor labels =
      Tensor::empty({map.dim(0), height, width}, centroids.dim(0) <= 256 ? kUInt8 : kInt32, unit_features.device());
  backend(labels.device()).argmax(resize_bilinear(scores, height, width), labels);
  return labels;
}

std::vector<Histogram> evaluate(ResNetFpn& network, const std::vector<Tensor>& classifiers, Loader& loader,
                                int64_t classes, DType dtype) {
  const NoGrad no_grad;
  const ModeGuard mode(network, false);
  std::vector<ConfusionMatrix> matrices;
  for (const Tensor& c : classifiers) matrices.emplace_back(classes, c.dim(0), c.device());
  for (Batch batch; loader.next(batch);) {
    const Tensor features = plain_features(network, batch.images, dtype);
    const Tensor truth = batch.labels.to(features.device());
    for (size_t i = 0; i < classifiers.size(); ++i) {
      matrices[i].add(truth, segment(features, classifiers[i], truth.dim(1), truth.dim(2)));
    }
  }
  std::vector<Histogram> histograms;
  for (const ConfusionMatrix& matrix : matrices) histograms.push_back(matrix.histogram());
  return histograms;
}

}  // namespace bareseg
