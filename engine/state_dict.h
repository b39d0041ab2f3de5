// A model's parameters and buffers under torch's names, and their way from and to files of weights.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/named_tensors.h"

namespace bareseg {

/// How a tensor in memory corresponds to the one on disk.
enum class Layout {
  plain,  // the same shape
  ohwi,   // weight of a convolution: [O, K, K, I] in memory, torch's [O, I, K, K] on disk
};

/// One parameter or buffer: the handle shares its elements with the model.
struct StateEntry {
  std::string name;
  Tensor tensor;
  Layout layout = Layout::plain;
};
using StateDict = std::vector<StateEntry>;

struct LoadReport {
  std::vector<std::string> missing;     // names of the target that the source lacks
  std::vector<std::string> unexpected;  // names of the source that the target lacks
};

/// Cuts "module." (DataParallel) off where every name begins with it.
void strip_wrapper_prefix(NamedTensors& tensors);

/// Tensors of a file of weights on the CPU, in torch's layout: safetensors, or the state dict of a PyTorch file in
/// either container, told apart by content, without the wrapper's prefix.
/// @throws Error naming the path if it cannot be read, is none of these, or breaks its format.
NamedTensors read_weights(const std::filesystem::path& path);

/// Copies the values of `source` (on the CPU, torch's layout) into the tensors of `target` that have the same names,
/// converted between float types and between integer types. Either all are copied or, on an error, none.
/// @throws Error if a shape differs or an integer does not fit, naming the tensor; if a float is to become an integer
///         or the reverse; if a name occurs twice; when `strict`, if a name is missing or unexpected, listing them all.
LoadReport load_into(const StateDict& target, const NamedTensors& source, bool strict = true);

/// The entries as they belong on disk: on the CPU and in torch's layout, names and order kept. Where nothing has to be
/// converted the result shares memory with `state`.
NamedTensors to_disk(const StateDict& state);

/// Copies of a CPU tensor of rank 4 and any dtype with its dimensions permuted: [O, I, H, W] -> [O, H, W, I] and back.
Tensor oihw_to_ohwi(const Tensor& x);
Tensor ohwi_to_oihw(const Tensor& x);

}  // namespace bareseg
