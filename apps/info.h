// `bareseg info`: what a checkpoint or a file of weights holds.
#pragma once

#include <string>

#include "apps/options.h"

namespace bareseg {

/// Options of `bareseg info`.
struct InfoOptions {
  std::string checkpoint;
  bool tensors = false;

  void declare(CLI::App& app);
};

/// Prints to standard output: method, network, clusters and their classes, epoch and scores as far as the file says
/// so, the number of parameters, what belongs to which part, and with options.tensors every tensor. Reads safetensors
/// and both containers of PyTorch.
/// @returns 0. @throws Error naming the file when it cannot be read or is neither.
int info(const InfoOptions& options);

}  // namespace bareseg
