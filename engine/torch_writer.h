// Writer of what torch.load(file, weights_only=True) reads: Python's containers, numbers, texts and tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace bareseg {

/// Takes one value piece by piece. A container holds what comes between its begin and end(); a dict's keys and values
/// take turns.
class TorchWriter {
 public:
  void begin_dict();
  void begin_list();
  void begin_tuple();
  void end();

  void text(std::string_view utf8);  // throws Error if it is not UTF-8
  void integer(int64_t value);
  void real(double value);  // with weights_only, from PyTorch 2.0 on: 1.13 knows no real numbers there
  void boolean(bool value);
  /// Shares the tensor's memory until save().
  void tensor(const Tensor& value);

  /// Writes the zip container of PyTorch 1.6 and later. The file appears whole or not at all.
  /// @throws Error naming the path if writing fails, or if the elements have more than 4 GiB.
  void save(const std::filesystem::path& path) const;

 private:
  std::string pickle_ = "\x80\x02";
  std::string open_;  // the opcode that closes each open container
  std::vector<Tensor> storages_;
};

}  // namespace bareseg
