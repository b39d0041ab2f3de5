#include "apps/convert.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include "apps/authors_checkpoint.h"
#include "apps/run.h"
#include "apps/segmenter.h"
#include "engine/file.h"
#include "engine/npy.h"
#include "engine/torch_writer.h"

namespace bareseg {
namespace {

// Where a .pth keeps what safetensors keeps under the same name.
constexpr const char* kMetadata = "__metadata__";

bool is_checkpoint(const SafetensorsFile& file) { return file.metadata.contains("method"); }

SafetensorsFile from_torch(const TorchValue& value) {
  if (is_authors_checkpoint(value)) return from_authors_checkpoint(value);
  SafetensorsFile file = {.tensors = find_state_dict(value), .metadata = {}};
  strip_wrapper_prefix(file.tensors);
  if (const auto metadata = value.find(kMetadata)) {
    for (size_t i = 0; i < metadata->size(); ++i) {
      file.metadata[metadata->key(i).string()] = metadata->at(i).string();
    }
  }
  return file;
}

// An .npy's array has no name; it gets `name`.
NamedTensors from_numpy(const std::vector<std::byte>& bytes, const std::string& file, const std::string& name) {
  if (looks_like_npz(bytes)) return parse_npz(bytes, file);
  return {{name, parse_npy(bytes, file)}};
}

SafetensorsFile read_input(const std::string& file) {
  const std::vector<std::byte> bytes = read_file(file);
  if (looks_like_npy(bytes) || looks_like_npz(bytes)) {
    return {.tensors = from_numpy(bytes, file, std::filesystem::path(file).stem().string()), .metadata = {}};
  }
  if (looks_like_torch_file(bytes)) return from_torch(parse_torch_file(bytes, file));
  return parse_safetensors(bytes, file);
}

bool begins_with_one_of(const std::string& name, const std::string& beginnings) {
  std::istringstream list(beginnings);
  for (std::string beginning; std::getline(list, beginning, ',');) {
    if (name.starts_with(beginning)) return true;
  }
  return false;
}

// Puts the arrays of a file in the place of the checkpoint's. A bias belongs to the weight that it came with, and so
// does the class of each cluster.
void replace_centroids(SafetensorsFile& checkpoint, const std::string& file) {
  const NamedTensors arrays = from_numpy(read_file(file), file, "classifier1.weight");
  for (const NamedTensor& array : arrays) {
    const bool weight = array.name.ends_with(".weight");
    BS_CHECK(array.name.starts_with("classifier") && (weight || array.name.ends_with(".bias")), file,
             ": expected arrays classifier<i>.weight and classifier<i>.bias, got ", array.name);
    const std::string bias = array.name.substr(0, array.name.find('.')) + ".bias";
    std::erase_if(checkpoint.tensors,
                  [&](const auto& t) { return t.name == array.name || (weight && t.name == bias); });
    if (array.name == "classifier1.weight") checkpoint.metadata["cluster_classes"] = "";
  }
  checkpoint.tensors.insert(checkpoint.tensors.end(), arrays.begin(), arrays.end());
}

void write_torch(const std::string& file, const SafetensorsFile& contents) {
  TorchWriter out;
  out.begin_dict();
  for (const NamedTensor& t : contents.tensors) {
    out.text(t.name);
    out.tensor(t.tensor);
  }
  if (!contents.metadata.empty()) {
    out.text(kMetadata);
    out.begin_dict();
    for (const auto& [key, value] : contents.metadata) {
      out.text(key);
      out.text(value);
    }
    out.end();
  }
  out.end();
  out.save(file);
}

enum class Kind { safetensors, torch, npy, npz };

Kind kind_of_output(const std::string& file) {
  const std::string ending = std::filesystem::path(file).extension().string();
  if (ending == ".pth" || ending == ".pt" || ending == ".tar" || ending == ".pkl") return Kind::torch;
  if (ending == ".safetensors") return Kind::safetensors;
  if (ending == ".npz") return Kind::npz;
  BS_CHECK(ending == ".npy", file, ": expected an ending .safetensors, .pth, .pt, .tar, .pkl, .npz or .npy");
  return Kind::npy;
}

void write_output(const std::string& file, Kind kind, const SafetensorsFile& contents) {
  switch (kind) {
    case Kind::safetensors:
      return write_safetensors(file, contents.tensors, contents.metadata);
    case Kind::torch:
      return write_torch(file, contents);
    case Kind::npz:
      return write_npz(file, contents.tensors);
    case Kind::npy:
      BS_CHECK(contents.tensors.size() == 1, file, ": an .npy file holds one array, here are ", contents.tensors.size(),
               "; choose one with --only, or write .npz");
      write_npy(file, contents.tensors[0].tensor);
  }
}

}  // namespace

void ConvertOptions::declare(CLI::App& app) {
  app.add_option("input", input, "safetensors, PyTorch's .pth (both containers), .npz or .npy, told by content")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("output", output, "file to write: .safetensors, .pth (also .pt, .tar, .pkl), .npz or .npy")
      ->required();
  app.add_option("--layout", layout,
                 "of a .pth: plain, a dict of tensors; picie, the checkpoint that the PiCIE authors' program reads")
      ->check(CLI::IsMember({"plain", "picie"}))
      ->capture_default_str();
  app.add_option("--only", only, "comma-separated: keep tensors whose names begin so, e.g. classifier1.weight");
  app.add_option(
         "--centroids", centroids,
         ".npy [K, D] that becomes the checkpoint's first classifier, or .npz of classifier<i>.weight and .bias")
      ->check(CLI::ExistingFile);
}

int convert(const ConvertOptions& o) {
  const Kind kind = kind_of_output(o.output);
  const bool authors = o.layout == "picie";
  BS_CHECK(!authors || kind == Kind::torch, "--layout picie: expected an output that ends in .pth, .pt, .tar or .pkl, ",
           "got ", o.output);
  BS_CHECK(!authors || o.only.empty(), "--only: a part of a checkpoint has no --layout picie");
  SafetensorsFile contents = read_input(o.input);
  BS_CHECK((o.centroids.empty() && !authors) || is_checkpoint(contents), o.input,
           ": expected a checkpoint of bareseg or of the PiCIE authors' program for --centroids and --layout picie");
  if (!o.centroids.empty()) replace_centroids(contents, o.centroids);
  if (is_checkpoint(contents)) segmenter_of(contents, o.centroids.empty() ? o.input : o.centroids, {});
  if (!o.only.empty()) {
    std::erase_if(contents.tensors, [&](const NamedTensor& t) { return !begins_with_one_of(t.name, o.only); });
    contents.metadata.clear();
    BS_CHECK(!contents.tensors.empty(), o.input, ": no tensor begins with --only ", o.only);
  }
  if (authors) {
    write_authors_checkpoint(o.output, contents);
  } else {
    write_output(o.output, kind, contents);
  }
  log_info(concat(o.output, ": ", contents.tensors.size(), contents.tensors.size() == 1 ? " tensor" : " tensors",
                  is_checkpoint(contents) ? ", a checkpoint" : ""));
  return 0;
}

}  // namespace bareseg
