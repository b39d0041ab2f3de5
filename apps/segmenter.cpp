#include "apps/segmenter.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "apps/training.h"
#include "engine/augment.h"
#include "engine/ops.h"
#include "engine/safetensors.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

constexpr const char* kModel = "model.";
constexpr const char *kUnit = "unit", *kRaw = "raw";  // what a classifier does with features first

std::string classifier_part(size_t i, const char* part) { return concat("classifier", i + 1, ".", part); }

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

// Takes the classifiers out of `tensors`.
std::vector<Classifier> take_classifiers(NamedTensors& tensors, std::map<std::string, std::string>& metadata,
                                         int64_t features, Device device) {
  const auto take = [&](const std::string& name, const char* expected, const auto& fits) {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
    if (found == tensors.end()) return Tensor();
    const Tensor t = found->tensor;
    BS_CHECK(t.dtype() == kFloat32 && fits(t), name, ": expected float32 ", expected, ", got ", t.dtype(), " ",
             t.shape());
    tensors.erase(found);
    return t.to(device);
  };
  std::vector<Classifier> classifiers;
  for (size_t i = 0;; ++i) {
    Classifier c;
    c.weight = take(classifier_part(i, "weight"), concat("[K, ", features, "]").c_str(),
                    [&](const Tensor& t) { return t.rank() == 2 && t.dim(0) > 0 && t.dim(1) == features; });
    if (!c.weight.defined()) return classifiers;
    c.bias = take(classifier_part(i, "bias"), concat("[", c.size(), "]").c_str(),
                  [&](const Tensor& t) { return t.rank() == 1 && t.dim(0) == c.size(); });
    const std::string& kind = metadata.emplace(classifier_part(i, "features"), kUnit).first->second;
    BS_CHECK(kind == kUnit || kind == kRaw, "'", classifier_part(i, "features"), "' must be ", kUnit, " or ", kRaw,
             ", got '", kind, "'");
    c.unit = kind == kUnit;
    classifiers.push_back(c);
  }
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
  std::map<std::string, std::string> metadata = extra.metadata;
  for (size_t i = 0; i < s.classifiers.size(); ++i) {
    const Classifier& c = s.classifiers[i];
    tensors.push_back({classifier_part(i, "weight"), c.weight.to({})});
    if (c.bias.defined()) tensors.push_back({classifier_part(i, "bias"), c.bias.to({})});
    metadata[classifier_part(i, "features")] = c.unit ? kUnit : kRaw;
  }
  tensors.insert(tensors.end(), extra.tensors.begin(), extra.tensors.end());
  metadata["method"] = s.method;
  metadata["architecture"] = s.design.architecture;
  metadata["depth"] = std::to_string(s.design.depth);
  metadata["output_stride"] = std::to_string(s.design.output_stride);
  metadata["width"] = std::to_string(s.design.width);
  metadata["frame"] = s.frame;
  metadata["resolution"] = std::to_string(s.resolution);
  metadata["classes"] = joined(s.class_names);
  metadata["cluster_classes"] = joined(s.cluster_classes);
  write_safetensors(file, tensors, metadata);
}

Segmenter load_segmenter(const std::filesystem::path& file, Device device, CheckpointExtra* extra) {
  return segmenter_of(read_safetensors(file), file.string(), device, extra);
}

Segmenter segmenter_of(SafetensorsFile read, const std::string& origin, Device device, CheckpointExtra* extra) {
  try {
    Segmenter s;
    BS_CHECK(read.metadata.contains("method"), "not a checkpoint of bareseg: 'method' is missing from the metadata");
    s.method = read.metadata["method"];
    // Files of before there were others have none of these.
    if (read.metadata.contains("architecture")) {
      s.design = {.architecture = read.metadata["architecture"],
                  .output_stride = static_cast<int>(metadata_number(read.metadata, "output_stride")),
                  .width = metadata_number(read.metadata, "width")};
      s.frame = read.metadata["frame"];
    }
    s.design.depth = static_cast<int>(metadata_number(read.metadata, "depth"));
    s.resolution = metadata_number(read.metadata, "resolution");
    s.class_names = lines(read.metadata["classes"]);
    for (const std::string& line : lines(read.metadata["cluster_classes"])) {
      s.cluster_classes.push_back(metadata_number({{"cluster_classes", line}}, "cluster_classes"));
    }
    NamedTensors model, rest;
    for (NamedTensor& t : read.tensors) {
      const bool ours = t.name.starts_with(kModel);
      if (ours) t.name.erase(0, std::string(kModel).size());
      (ours ? model : rest).push_back(t);
    }
    s.network = make_network(s.design, {.device = device});
    load_into(s.network->state(), model);
    s.classifiers = take_classifiers(rest, read.metadata, s.network->features(), device);
    if (extra != nullptr) *extra = {std::move(rest), std::move(read.metadata)};
    return s;
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, origin, ": ", error.message());
  }
}

Tensor plain_features(SegmentationNetwork& network, const Tensor& images, DType dtype) {
  const Device device = network.device();
  return network.forward(normalize_images(images.to(device), dtype, backend(device).image_channels()));
}

Tensor class_scores(const Tensor& features, const Classifier& classifier) {
  const Tensor x = cast(classifier.unit ? l2_normalize(features) : features, kFloat32);
  return linear(x, classifier.weight, classifier.bias);
}

Tensor segment(const Tensor& features, const Classifier& classifier, int64_t height, int64_t width) {
  Tensor labels =
      Tensor::empty({features.dim(0), height, width}, classifier.size() <= 256 ? kUInt8 : kInt32, features.device());
  backend(labels.device()).argmax(resize_bilinear(class_scores(features, classifier), height, width), labels);
  return labels;
}

std::vector<Histogram> evaluate(SegmentationNetwork& network, const std::vector<Classifier>& classifiers,
                                Loader& loader, int64_t classes, DType dtype) {
  const TraceRange range("evaluate");
  const NoGrad no_grad;
  const ModeGuard mode(network, false);
  std::vector<ConfusionMatrix> matrices;
  for (const Classifier& c : classifiers) matrices.emplace_back(classes, c.size(), network.device());
  for (Batch batch; loader.next(batch);) {
    const Tensor features = plain_features(network, batch.images, dtype);
    const Tensor truth = batch.labels.to(features.device());
    for (size_t i = 0; i < classifiers.size(); ++i) {
      matrices[i].add(truth, segment(features, classifiers[i], truth.dim(1), truth.dim(2)));
    }
    stop_when_asked();
  }
  std::vector<Histogram> histograms;
  for (const ConfusionMatrix& matrix : matrices) histograms.push_back(matrix.histogram());
  return histograms;
}

}  // namespace bareseg
