#include "apps/initial_weights.h"

#include <algorithm>

#include "apps/run.h"
#include "engine/state_dict.h"

namespace bareseg {
namespace {

LoadReport load_from(const std::string& file, const NamedTensors& weights, const StateDict& target) {
  try {
    return load_into(target, weights, false);
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, file, ": ", error.message());
  }
}

// torchvision's "classifier.4" [N, D, 1, 1], which makes the classes, is no part of our networks.
void load_head(const NamedTensors& weights, Classifier& head, const std::string& file) {
  constexpr const char *kWeight = "classifier.4.weight", *kBias = "classifier.4.bias";
  const auto theirs =
      std::find_if(weights.begin(), weights.end(), [&](const NamedTensor& w) { return w.name == kWeight; });
  if (theirs == weights.end() || theirs->tensor.rank() != 4) return;
  if (const int64_t classes = theirs->tensor.dim(0); classes != head.size()) {
    return log_info(concat(file, ": its classifier of ", classes, " classes is left out; here are ", head.size()));
  }
  const StateDict target = {{kWeight, head.weight.view({head.size(), head.weight.dim(1), 1, 1})}, {kBias, head.bias}};
  BS_CHECK(load_from(file, weights, target).missing.empty(), file, ": '", kBias, "' is missing");
}

}  // namespace

void load_initial_weights(SegmentationNetwork& network, const std::string& file, Classifier* head) {
  constexpr const char* kBackbone = "backbone.";
  NamedTensors weights = read_weights(file);
  for (NamedTensor& w : weights) {
    if (w.name.starts_with("model.")) w.name.erase(0, 6);
  }
  StateDict target = network.state();
  const bool whole = std::any_of(weights.begin(), weights.end(), [&](const NamedTensor& w) {
    return std::any_of(target.begin(), target.end(), [&](const StateEntry& entry) { return entry.name == w.name; });
  });
  if (!whole) {
    std::erase_if(target, [](const StateEntry& entry) { return !entry.name.starts_with(kBackbone); });
    for (StateEntry& entry : target) entry.name.erase(0, std::string(kBackbone).size());
    BS_CHECK(!target.empty(), file, ": holds none of the network's weights, and the network has no backbone");
  }
  for (const std::string& name : load_from(file, weights, target).missing) {
    BS_CHECK(name.ends_with("num_batches_tracked"), file, ": '", name, "' is missing; expected the weights of a ",
             whole ? "network of the same architecture and size" : "ResNet of the given --depth");
  }
  if (whole && head != nullptr) load_head(weights, *head, file);
  log_info(concat("weights from ", file, whole ? "" : " (backbone)"));
}

}  // namespace bareseg
