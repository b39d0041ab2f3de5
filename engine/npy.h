// NumPy's files of arrays: .npy holds one, .npz is a zip archive of them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "engine/named_tensors.h"

namespace bareseg {

/// Reads the bytes of an .npy file, in row or column order. Element types become those of memory_type() (disk_type.h).
/// @throws Error beginning with `origin` if it breaks the format, is cut or too long, or holds big-endian numbers,
///         records or Python objects.
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& origin);
/// Reads the bytes of an .npz file: its arrays by name, without ".npy". Throws Error also where ZipFile does.
NamedTensors parse_npz(std::span<const std::byte> bytes, const std::string& origin);

/// True when the bytes begin as .npy does; as a zip archive does whose first entry is an .npy.
bool looks_like_npy(std::span<const std::byte> bytes);
bool looks_like_npz(std::span<const std::byte> bytes);

/// Write what numpy.load reads, bfloat16 as float32. The file appears whole or not at all.
/// @throws Error naming the path if writing fails; of write_npz() also if the archive would have more than 4 GiB.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);
void write_npz(const std::filesystem::path& path, const NamedTensors& tensors);

}  // namespace bareseg
