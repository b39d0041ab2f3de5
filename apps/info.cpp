#include "apps/info.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

#include "apps/text_table.h"
#include "engine/file.h"
#include "engine/safetensors.h"
#include "engine/torch_file.h"

namespace bareseg {
namespace {

using Metadata = std::map<std::string, std::string>;

struct Contents {
  const char* format = "";
  int64_t bytes = 0;
  NamedTensors tensors;
  Metadata metadata;
};

// What stands beside the tensors of a PyTorch checkpoint: numbers and texts as they are, of the rest its kind.
Metadata fields_of(const TorchValue& value) {
  using Kind = TorchValue::Kind;
  Metadata fields;
  if (value.kind() != Kind::dict) return fields;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value.key(i).kind() != Kind::string) continue;
    const TorchValue item = value.at(i);
    std::string& text = fields[value.key(i).string()];
    switch (item.kind()) {
      case Kind::integer:
        text = std::to_string(item.integer());
        break;
      case Kind::real:
        text = concat(item.real());
        break;
      case Kind::boolean:
        text = item.boolean() ? "true" : "false";
        break;
      case Kind::string:
        text = item.string();
        break;
      case Kind::dict:
      case Kind::list:
      case Kind::tuple:
        text = concat(item.size(), " entries");
        break;
      case Kind::opaque:
        text = item.class_name();
        break;
      default:
        fields.erase(value.key(i).string());  // nothing, raw bytes, or a tensor, which is listed as such
    }
  }
  return fields;
}

Contents read_contents(const std::string& file) {
  const std::vector<std::byte> bytes = read_file(file);
  Contents c;
  c.bytes = std::ssize(bytes);
  if (looks_like_torch_file(bytes)) {
    const TorchValue value = parse_torch_file(bytes, file);
    c.format = "PyTorch";
    c.tensors = find_state_dict(value);
    c.metadata = fields_of(value);
    return c;
  }
  SafetensorsFile read = parse_safetensors(bytes, file);
  c.format = "safetensors";
  c.tensors = std::move(read.tensors);
  c.metadata = std::move(read.metadata);
  return c;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

// Counters may be kept as hexadecimal floats; long texts are cut to a line.
std::string readable(const std::string& text) {
  const size_t digits = text.find_first_not_of('-');
  if (digits != std::string::npos && text.compare(digits, 2, "0x") == 0) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (*end == '\0') return concat(value);
  }
  constexpr size_t kLongest = 90;
  const std::string line = text.substr(0, std::min(text.find('\n'), kLongest));
  return line.size() < text.size() ? line + " ..." : line;
}

std::string mebibytes(int64_t bytes) { return fixed(static_cast<double>(bytes) / (1 << 20), 2) + " MiB"; }

// Running statistics are kept, not trained.
bool is_parameter(const NamedTensor& t) {
  const bool buffer =
      t.name.ends_with("running_mean") || t.name.ends_with("running_var") || t.name.ends_with("num_batches_tracked");
  return is_float(t.tensor.dtype()) && !buffer;
}

// Of the network alone where the file is a checkpoint of ours, else of everything.
int64_t parameter_count(const Contents& c) {
  const bool ours = c.metadata.contains("method");
  int64_t count = 0;
  for (const NamedTensor& t : c.tensors) {
    if (is_parameter(t) && (!ours || t.name.starts_with("model."))) count += t.tensor.count();
  }
  return count;
}

void print_classes(const Metadata& metadata) {
  const auto names = metadata.find("classes"), map = metadata.find("cluster_classes");
  if (names == metadata.end() || names->second.empty()) return;
  const std::vector<std::string> classes = lines(names->second);
  std::vector<std::vector<std::string>> rows{{"class", "clusters"}};
  for (const std::string& name : classes) rows.push_back({name, ""});
  rows.push_back({"(none)", ""});
  const std::vector<std::string> clusters = lines(map == metadata.end() ? "" : map->second);
  for (size_t k = 0; k < clusters.size(); ++k) {
    const long c = std::strtol(clusters[k].c_str(), nullptr, 10);
    std::string& cell = rows[c >= 0 && c < std::ssize(classes) ? static_cast<size_t>(c) + 1 : rows.size() - 1][1];
    cell += concat(cell.empty() ? "" : " ", k);
  }
  if (rows.back()[1].empty()) rows.pop_back();
  std::cout << '\n' << table(rows);
}

// By the part of the name before the first dot.
void print_parts(const NamedTensors& tensors) {
  struct Part {
    std::string name;
    int64_t tensors = 0, elements = 0, bytes = 0;
  };
  std::vector<Part> parts;
  for (const NamedTensor& t : tensors) {
    const std::string name = t.name.substr(0, t.name.find('.'));
    auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.name == name; });
    if (part == parts.end()) part = parts.insert(parts.end(), {.name = name});
    ++part->tensors;
    part->elements += t.tensor.count();
    part->bytes += t.tensor.bytes();
  }
  std::vector<std::vector<std::string>> rows{{"part", "tensors", "elements", "size"}};
  for (const Part& p : parts) {
    rows.push_back({p.name, std::to_string(p.tensors), std::to_string(p.elements), mebibytes(p.bytes)});
  }
  std::cout << '\n' << table(rows);
}

void print_tensors(const NamedTensors& tensors) {
  std::vector<std::vector<std::string>> rows{{"tensor", "type", "shape"}};
  for (const NamedTensor& t : tensors) rows.push_back({t.name, concat(t.tensor.dtype()), concat(t.tensor.shape())});
  std::cout << '\n' << table(rows);
}

// The known fields in plain words, then all others.
void print_fields(const Contents& c) {
  Metadata rest = c.metadata;
  std::vector<std::pair<std::string, std::string>> fields;
  const auto take = [&](const char* key, const std::string& label) {
    const auto found = rest.find(key);
    if (found == rest.end()) return;
    fields.emplace_back(label, readable(found->second));
    rest.erase(found);
  };
  const bool ours = c.metadata.contains("method");
  take("method", "method");
  if (ours && rest.contains("depth")) {
    const std::string architecture = rest.contains("architecture") ? rest["architecture"] : "resnet-fpn";
    fields.emplace_back("network", architecture == "unet"        ? concat("U-Net of width ", rest["width"])
                                   : architecture == "deeplabv3" ? concat("DeepLabV3 on ResNet-", rest["depth"],
                                                                          ", stride ", rest["output_stride"])
                                                                 : concat("ResNet-", rest["depth"], "-FPN"));
    for (const char* key : {"architecture", "depth", "output_stride", "width"}) rest.erase(key);
  }
  for (const NamedTensor& t : c.tensors) {
    if (ours && t.name.starts_with("classifier") && t.tensor.rank() == 2) {
      const std::string name = t.name.substr(0, t.name.find('.'));
      const auto kind = rest.extract(name + ".features");
      fields.emplace_back(name, concat(t.tensor.dim(0), " clusters of ", t.tensor.dim(1), " features",
                                       kind && kind.mapped() == "raw" ? ", taken as they are" : ""));
    }
  }
  take("resolution", "resolution");
  take("frame", "frame");
  take("epoch", ours ? "epochs done" : "epoch");
  take("steps", "steps into the next");
  take("images", "training images");
  take("best_miou", "best mIoU");
  if (ours) std::erase_if(rest, [](const auto& f) { return f.first == "classes" || f.first == "cluster_classes"; });
  for (const auto& [key, value] : rest) fields.emplace_back(key, readable(value));
  fields.emplace_back("parameters", std::to_string(parameter_count(c)));
  size_t width = 0;
  for (const auto& field : fields) width = std::max(width, field.first.size());
  for (const auto& [label, value] : fields) {
    std::cout << label << std::string(width - label.size() + 2, ' ') << value << '\n';
  }
}

}  // namespace

void InfoOptions::declare(CLI::App& app) {
  app.add_option("checkpoint", checkpoint, "file of weights: .safetensors, or PyTorch's .pt or .pth")->required();
  app.add_flag("--tensors", tensors, "list every tensor with its type and shape")->group("Output");
}

int info(const InfoOptions& options) {
  const Contents c = read_contents(options.checkpoint);
  std::cout << options.checkpoint << ": " << c.format << ", " << mebibytes(c.bytes) << '\n';
  print_fields(c);
  if (c.metadata.contains("method")) print_classes(c.metadata);
  print_parts(c.tensors);
  if (options.tensors) print_tensors(c.tensors);
  std::cout << std::flush;
  return 0;
}

}  // namespace bareseg
