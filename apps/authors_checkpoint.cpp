#include "apps/authors_checkpoint.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/state_dict.h"
#include "engine/torch_writer.h"

namespace bareseg {
namespace {

constexpr std::string_view kModel = "model.", kWrapper = "module.";

std::string classifier(size_t i) { return concat("classifier", i + 1); }

const Tensor* find(const NamedTensors& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &found->tensor;
}

int depth_of(const NamedTensors& tensors) {
  const auto has = [&](const char* block) {
    return find(tensors, concat(kModel, "backbone.", block, ".weight")) != nullptr;
  };
  if (has("layer1.0.conv3")) return has("layer3.22.conv1") ? 101 : 50;
  return has("layer3.5.conv1") ? 34 : 18;
}

bool all_zero(const Tensor& x) {
  const std::vector<float> values = x.to_vector<float>();
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 0.0f; });
}

// Weight [K, D, 1, 1] and bias [K] of a 1x1 convolution, as [K, D] and, unless it is zero, [K].
void add_classifier(const NamedTensors& dict, const std::string& name, NamedTensors& tensors) {
  const Tensor* weight = find(dict, "module.weight");
  const Tensor* bias = find(dict, "module.bias");
  BS_CHECK(weight != nullptr && bias != nullptr, name, "_state_dict: expected module.weight and module.bias");
  const Shape& shape = weight->shape();
  BS_CHECK(shape.rank() == 4 && shape.dim(2) == 1 && shape.dim(3) == 1 && weight->dtype() == kFloat32, name,
           "_state_dict: module.weight: expected float32 [K, D, 1, 1], got ", weight->dtype(), " ", shape);
  BS_CHECK(bias->shape() == Shape{shape.dim(0)} && bias->dtype() == kFloat32, name,
           "_state_dict: module.bias: expected float32 [", shape.dim(0), "], got ", bias->dtype(), " ", bias->shape());
  tensors.push_back({name + ".weight", weight->view({shape.dim(0), shape.dim(1)})});
  if (!all_zero(*bias)) tensors.push_back({name + ".bias", *bias});
}

SafetensorsFile converted(const TorchValue& file) {
  SafetensorsFile ours;
  for (NamedTensor& t : tensors_of(*file.find("state_dict"))) {
    BS_CHECK(t.name.starts_with(kWrapper), "state_dict: expected names that begin with ", kWrapper, ", got ", t.name);
    ours.tensors.push_back({concat(kModel, t.name.substr(kWrapper.size())), t.tensor});
  }
  size_t classifiers = 0;
  for (;; ++classifiers) {
    const auto dict = file.find(classifier(classifiers) + "_state_dict");
    if (!dict) break;
    add_classifier(tensors_of(*dict), classifier(classifiers), ours.tensors);
  }
  ours.metadata = {{"method", classifiers == 2 ? "picie" : "mdc"},
                   {"depth", std::to_string(depth_of(ours.tensors))},
                   {"resolution", "320"},
                   {"classes", ""},
                   {"cluster_classes", ""}};
  if (const auto epoch = file.find("epoch")) ours.metadata["epoch"] = std::to_string(epoch->integer());
  return ours;
}

bool is_parameter(const std::string& name) {
  return name.starts_with(kModel) && !name.ends_with("running_mean") && !name.ends_with("running_var") &&
         !name.ends_with("num_batches_tracked");
}

// Adam's state by the parameter's number, and its options; without a state in `ours` those of a fresh one.
void write_adam(TorchWriter& out, const SafetensorsFile& ours) {
  const auto parameters =
      std::count_if(ours.tensors.begin(), ours.tensors.end(), [](const auto& t) { return is_parameter(t.name); });
  const Tensor* step = find(ours.tensors, "optimizer.step");
  out.begin_dict();
  out.text("state");
  out.begin_dict();
  for (int64_t i = 0; i < parameters; ++i) {
    const Tensor* mean = find(ours.tensors, concat("optimizer.", i, ".exp_avg"));
    const Tensor* square = find(ours.tensors, concat("optimizer.", i, ".exp_avg_sq"));
    if (mean == nullptr || square == nullptr || step == nullptr) continue;
    const auto disk = [](const Tensor& x) { return x.rank() == 4 ? ohwi_to_oihw(x) : x; };
    out.integer(i);
    out.begin_dict();
    out.text("step");
    out.integer(static_cast<int64_t>(step->item()));
    out.text("exp_avg");
    out.tensor(disk(*mean));
    out.text("exp_avg_sq");
    out.tensor(disk(*square));
    out.end();
  }
  out.end();
  out.text("param_groups");
  out.begin_list();
  out.begin_dict();
  constexpr double kLr = 1e-4;  // the authors' default
  const auto lr = ours.metadata.find("lr");
  out.text("lr");
  out.real(lr == ours.metadata.end() ? kLr : std::strtod(lr->second.c_str(), nullptr));
  out.text("betas");
  out.begin_tuple();
  out.real(0.9);
  out.real(0.999);
  out.end();
  out.text("eps");
  out.real(1e-8);
  out.text("weight_decay");
  out.real(0.0);
  out.text("amsgrad");
  out.boolean(false);
  out.text("params");
  out.begin_list();
  for (int64_t i = 0; i < parameters; ++i) out.integer(i);
  out.end();
  out.end();
  out.end();
  out.end();
}

void write_network(TorchWriter& out, const SafetensorsFile& ours) {
  out.begin_dict();
  for (const NamedTensor& t : ours.tensors) {
    if (!t.name.starts_with(kModel)) continue;
    out.text(concat(kWrapper, t.name.substr(kModel.size())));
    out.tensor(t.tensor);
  }
  out.end();
}

void write_classifier(TorchWriter& out, const Tensor& weight, const Tensor* bias) {
  out.begin_dict();
  out.text("module.weight");
  out.tensor(weight.view({weight.dim(0), weight.dim(1), 1, 1}));
  out.text("module.bias");
  out.tensor(bias != nullptr ? *bias : Tensor::zeros({weight.dim(0)}));
  out.end();
}

std::string value_or(const SafetensorsFile& file, const std::string& key, const char* otherwise) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? otherwise : found->second;
}

}  // namespace

bool is_authors_checkpoint(const TorchValue& file) {
  return file.find("state_dict") && file.find("classifier1_state_dict");
}

SafetensorsFile from_authors_checkpoint(const TorchValue& file) {
  try {
    return converted(file);
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, file.origin(), ": ", error.message());
  }
}

void write_authors_checkpoint(const std::filesystem::path& path, const SafetensorsFile& ours) {
  const std::string architecture = value_or(ours, "architecture", "resnet-fpn");
  BS_CHECK(architecture == "resnet-fpn", "cannot write ", path.string(),
           ": the authors' network is a resnet-fpn, the checkpoint's is a ", architecture);
  TorchWriter out;
  out.begin_dict();
  out.text("epoch");
  out.integer(std::strtoll(value_or(ours, "epoch", "0").c_str(), nullptr, 10));
  out.text("state_dict");
  write_network(out, ours);
  for (size_t i = 0;; ++i) {
    const Tensor* weight = find(ours.tensors, classifier(i) + ".weight");
    if (weight == nullptr) break;
    BS_CHECK(value_or(ours, classifier(i) + ".features", "unit") == "unit", "cannot write ", path.string(),
             ": the authors' classifiers take features of unit length, the checkpoint's takes them as they are");
    out.text(classifier(i) + "_state_dict");
    write_classifier(out, *weight, find(ours.tensors, classifier(i) + ".bias"));
  }
  out.text("optimizer");
  write_adam(out, ours);
  out.end();
  out.save(path);
}

}  // namespace bareseg
