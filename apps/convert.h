// `bareseg convert`: weights between safetensors, PyTorch's files and NumPy's.
#pragma once

#include <string>

#include "apps/options.h"

namespace bareseg {

/// Options of `bareseg convert`.
struct ConvertOptions {
  std::string input, output;
  std::string layout = "plain";
  std::string only;       // beginnings of names, separated by commas; "" for all
  std::string centroids;  // .npy or .npz

  void declare(CLI::App& app);
};

/// Reads options.input, whose kind its content tells, and writes options.output, whose kind its ending tells. A
/// checkpoint of ours stays one in safetensors and .pth, which carry its metadata; a checkpoint of the PiCIE authors'
/// program becomes one.
/// @returns 0. @throws Error naming the file when it cannot be read or written, or holds something else; then what was
/// at options.output is untouched.
int convert(const ConvertOptions& options);

}  // namespace bareseg
