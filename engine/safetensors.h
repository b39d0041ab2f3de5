// The safetensors format: 8 bytes of header length, a JSON header, the elements. Own checkpoints are written in it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "engine/named_tensors.h"

namespace bareseg {

struct SafetensorsFile {
  NamedTensors tensors;                         // on the CPU, in the order of the header
  std::map<std::string, std::string> metadata;  // UTF-8
};

/// Writes the tensors in the given order, with `metadata` under "__metadata__", readable by the Python package. The
/// file appears whole or not at all: a failure leaves what was at `path` untouched.
/// @throws Error naming the path if a name occurs twice, is not UTF-8 or is "__metadata__", or if writing fails.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads a whole file. F32, BF16, I32, I64 and U8 keep their type; F64 and F16 become float32, I8, I16 and U16 int32,
/// U32 int64, BOOL uint8 (0 or 1).
/// @throws Error naming the path if the file cannot be read, breaks the format anywhere or has another element type.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// The same for a file's bytes; `origin` names them in errors.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& origin);

}  // namespace bareseg
