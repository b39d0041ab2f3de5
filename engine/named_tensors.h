// Tensors with names, in order: what files of weights hold.
#pragma once

#include <string>
#include <vector>

#include "engine/tensor.h"

namespace bareseg {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};
using NamedTensors = std::vector<NamedTensor>;

}  // namespace bareseg
