#include "engine/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "engine/disk_type.h"
#include "engine/file.h"

namespace bareseg {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the Python package's limit
constexpr uint64_t kLengthBytes = 8;
constexpr const char* kMetadata = "__metadata__";

constexpr std::array<std::pair<std::string_view, DiskType>, 12> kTypes = {{
    {"F64", DiskType::f64},
    {"F32", DiskType::f32},
    {"F16", DiskType::f16},
    {"BF16", DiskType::bf16},
    {"I64", DiskType::i64},
    {"U32", DiskType::u32},
    {"I32", DiskType::i32},
    {"U16", DiskType::u16},
    {"I16", DiskType::i16},
    {"I8", DiskType::i8},
    {"U8", DiskType::u8},
    {"BOOL", DiskType::boolean},
}};

struct HeaderEntry {
  std::string name;
  std::optional<DiskType> type;
  std::vector<int64_t> shape, offsets;
  bool has_shape = false, has_offsets = false;
};

// Takes the header's events one by one, so that neither nesting nor width beyond the format costs memory:
// {"__metadata__": {text: text}, name: {"dtype": text, "shape": [sizes], "data_offsets": [begin, end]}}.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(const std::string& origin) : origin_(origin) {}

  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;

  bool key(string_t& text) override {
    if (place_ == Place::top) {
      if (!names_.insert(text).second) fail("the name \"" + text + "\" occurs twice");
      in_metadata_ = text == kMetadata;
      if (!in_metadata_) entries.push_back({.name = text, .type = {}, .shape = {}, .offsets = {}});
    } else if (place_ == Place::metadata && metadata.contains(text)) {
      fail("the metadata key \"" + text + "\" occurs twice");
    }
    key_ = text;
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      metadata[key_] = text;
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype" || entries.back().type) unexpected("a string");
    const auto* known =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return type.first == text; });
    if (known == kTypes.end()) fail("tensor \"" + entries.back().name + "\" has the unknown element type " + text);
    entries.back().type = known->second;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) unexpected("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) unexpected("a number past int64");
    HeaderEntry& entry = entries.back();
    std::vector<int64_t>& list = place_ == Place::shape ? entry.shape : entry.offsets;
    if (list.size() == (place_ == Place::shape ? Shape::kMaxRank : 2)) unexpected("too many numbers");
    list.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = in_metadata_ ? Place::metadata : Place::tensor;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      const HeaderEntry& entry = entries.back();
      if (!entry.type || !entry.has_shape || entry.offsets.size() != 2) {
        fail("tensor \"" + entry.name + "\" needs dtype, shape and two data_offsets");
      }
    }
    place_ = place_ == Place::top ? Place::start : Place::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor) unexpected("an array");
    HeaderEntry& entry = entries.back();
    const bool shape = key_ == "shape";
    bool& seen = shape ? entry.has_shape : entry.has_offsets;
    if ((!shape && key_ != "data_offsets") || seen) unexpected("an array");
    seen = true;
    place_ = shape ? Place::shape : Place::offsets;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { unexpected("a fraction"); }
  bool binary(binary_t&) override { unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(concat("not JSON at byte ", position));
  }

 private:
  enum class Place { start, top, metadata, tensor, shape, offsets };

  [[noreturn]] void fail(const std::string& message) const {
    fail_at(__FILE__, __LINE__, origin_, ": bad safetensors header: ", message);
  }
  [[noreturn]] void unexpected(const char* what) const {
    fail(concat("unexpected ", what, key_.empty() ? "" : " at \"", key_, key_.empty() ? "" : "\""));
  }

  const std::string& origin_;
  Place place_ = Place::start;
  bool in_metadata_ = false;
  std::string key_;
  std::set<std::string> names_;
};

Shape shape_of(const HeaderEntry& entry) { return {entry.shape.data(), static_cast<int>(entry.shape.size())}; }

int64_t bytes_of(const HeaderEntry& entry, const std::string& origin) {
  int64_t bytes = size_of(*entry.type);
  for (const int64_t dim : entry.shape) {
    BS_CHECK(!__builtin_mul_overflow(bytes, std::max<int64_t>(dim, 1), &bytes), origin, ": tensor \"", entry.name,
             "\" has more bytes than int64 counts");
  }
  return shape_of(entry).count() == 0 ? 0 : bytes;
}

// Every byte of the data must belong to exactly one tensor.
void check_offsets(const std::vector<HeaderEntry>& entries, int64_t data_bytes, const std::string& origin) {
  std::vector<const HeaderEntry*> order;
  order.reserve(entries.size());
  for (const HeaderEntry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const HeaderEntry* a, const HeaderEntry* b) { return a->offsets < b->offsets; });
  int64_t end = 0;
  for (const HeaderEntry* entry : order) {
    const int64_t bytes = bytes_of(*entry, origin);
    BS_CHECK(entry->offsets[0] == end && entry->offsets[1] >= end && entry->offsets[1] - end == bytes, origin,
             ": tensor \"", entry->name, "\": expected data_offsets [", end, ", ", end, " + ", bytes, "], got [",
             entry->offsets[0], ", ", entry->offsets[1], "]");
    end = entry->offsets[1];
    BS_CHECK(end <= data_bytes, origin, ": tensor \"", entry->name, "\" ends at byte ", end, " of the data, which has ",
             data_bytes);
  }
  BS_CHECK(end == data_bytes, origin, ": the tensors end at byte ", end, " of the data, which has ", data_bytes);
}

const char* disk_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::bf16:
      return "BF16";
    case DType::i32:
      return "I32";
    case DType::i64:
      return "I64";
    case DType::u8:
      break;
  }
  return "U8";
}

// dump() refuses text that is not UTF-8.
std::string quoted(const std::string& text) { return json(text).dump(); }

std::string header_of(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  std::ostringstream out;
  const char* separator = "{";
  if (!metadata.empty()) {
    out << "{" << quoted(kMetadata) << ":";
    for (const auto& [key, value] : metadata) {
      out << separator << quoted(key) << ":" << quoted(value);
      separator = ",";
    }
    out << "}";
  }
  std::set<std::string> names = {kMetadata};
  int64_t begin = 0;
  for (const auto& [name, tensor] : tensors) {
    BS_CHECK(names.insert(name).second, "the name \"", name, "\" occurs twice or is reserved");
    BS_CHECK(tensor.defined(), "tensor \"", name, "\" is undefined");
    out << separator << quoted(name) << ":{\"dtype\":\"" << disk_name(tensor.dtype()) << "\",\"shape\":[";
    for (int i = 0; i < tensor.rank(); ++i) out << (i > 0 ? "," : "") << tensor.dim(i);
    const int64_t end = begin + tensor.bytes();
    out << "],\"data_offsets\":[" << begin << "," << end << "]}";
    separator = ",";
    begin = end;
  }
  if (*separator == '{') out << "{";
  out << "}";
  std::string header = out.str();
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the data starts aligned
  return header;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::string header;
  try {
    header = header_of(tensors, metadata);
  } catch (const json::exception&) {
    fail_at(__FILE__, __LINE__, "cannot write ", path.string(), ": a name or its metadata is not UTF-8");
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, "cannot write ", path.string(), ": ", error.message());
  }
  BS_CHECK(header.size() <= kMaxHeaderBytes, "cannot write ", path.string(), ": its header has ", header.size(),
           " bytes, expected at most ", kMaxHeaderBytes);
  const auto length = std::bit_cast<std::array<std::byte, kLengthBytes>>(static_cast<uint64_t>(header.size()));
  write_file_atomically(path, [&](AtomicFile& file) {
    file.write(length);
    file.write(header);
    for (const NamedTensor& entry : tensors) {
      const Tensor host = entry.tensor.to(Device{});
      file.write({static_cast<const std::byte*>(host.raw()), static_cast<size_t>(host.bytes())});
    }
  });
}

SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& origin) {
  BS_CHECK(bytes.size() >= kLengthBytes, origin, ": not a safetensors file: it has ", bytes.size(), " bytes");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  BS_CHECK(header_bytes <= kMaxHeaderBytes && header_bytes <= bytes.size() - kLengthBytes, origin,
           ": not a safetensors file, or cut: its header should have ", header_bytes, " bytes, the file has ",
           bytes.size());
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + kLengthBytes;
  BS_CHECK(header_bytes > 0 && *text == '{', origin, ": not a safetensors file: its header is not a JSON object");
  HeaderReader reader(origin);
  json::sax_parse(text, text + header_bytes, &reader);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header_bytes);
  check_offsets(reader.entries, static_cast<int64_t>(data.size()), origin);

  SafetensorsFile file;
  file.metadata = std::move(reader.metadata);
  for (HeaderEntry& entry : reader.entries) {
    const Shape shape = shape_of(entry);
    Tensor tensor = Tensor::empty(shape, memory_type(*entry.type));
    convert_elements(*entry.type, data.data() + entry.offsets[0], shape.count(), tensor.raw());
    file.tensors.push_back({std::move(entry.name), std::move(tensor)});
  }
  return file;
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path), path.string());
}

}  // namespace bareseg
