// Reader of what torch.save wrote, in the zip container (PyTorch 1.6 on) and the legacy one before it. Nothing of a
// file is executed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/named_tensors.h"

namespace bareseg {

struct PickleValue;
struct TorchContents;

/// A handle to one value of a file; handles keep the file's contents alive. Accessors throw Error on another kind.
class TorchValue {
 public:
  /// `opaque` is a value of any other class; only its class's name is known.
  enum class Kind { none, boolean, integer, real, string, bytes, list, tuple, dict, tensor, opaque };

  TorchValue(std::shared_ptr<const TorchContents> contents, const PickleValue* value);

  Kind kind() const;
  bool boolean() const;
  int64_t integer() const;
  double real() const;                // of reals and integers
  const std::string& string() const;  // of strings and bytes
  /// "module.name" of an opaque value's class.
  const std::string& class_name() const;

  /// Number of items of a list, tuple or dict, in order of insertion.
  size_t size() const;
  /// Item i of a list or tuple, value i of a dict. Throws Error when out of range.
  TorchValue at(size_t i) const;
  /// Key i of a dict. Throws Error when out of range.
  TorchValue key(size_t i) const;
  /// The value under a text key of a dict; none in other kinds too.
  std::optional<TorchValue> find(std::string_view key) const;

  /// The tensor with its elements, contiguous, on the CPU. Float and BFloat16 storages keep their type, as do Int, Long
  /// and Byte; Half and Double become float32, Short and Char int32, Bool uint8.
  /// @throws Error if it reaches outside its storage or is much larger than the file (strides of 0).
  Tensor tensor() const;

  /// Names the file in errors.
  const std::string& origin() const;

 private:
  friend NamedTensors tensors_of(const TorchValue& dict);
  const PickleValue& checked(Kind kind, const char* what) const;

  std::shared_ptr<const TorchContents> contents_;
  const PickleValue* value_;
};

/// @throws Error naming the path if the file cannot be read or breaks its format, if entries of a zip file promise far
///         more bytes than the file has, or if its checksums disagree.
TorchValue load_torch_file(const std::filesystem::path& path);
/// The same for a file's bytes; `origin` names them in errors.
TorchValue parse_torch_file(std::span<const std::byte> bytes, const std::string& origin);
/// True when the bytes begin as one of the two containers does.
bool looks_like_torch_file(std::span<const std::byte> bytes);

/// The tensors among a dict's values under their keys, other values skipped. Throws Error if it is not a dict.
NamedTensors tensors_of(const TorchValue& dict);
/// tensors_of() the dict under "state_dict", "model_state_dict" or "model" of a dict, else of the dict itself.
/// @throws Error saying what there is instead if that has no tensors.
NamedTensors find_state_dict(const TorchValue& value);

}  // namespace bareseg
