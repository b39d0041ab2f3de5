#include "engine/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/disk_type.h"
#include "engine/file.h"
#include "engine/strided_view.h"
#include "engine/unpickler.h"
#include "engine/zip_file.h"

namespace bareseg {

using PickleKind = PickleValue::Kind;

struct TorchContents {
  std::string origin;
  PickleArena arena;
  const PickleValue* root = nullptr;
  std::unordered_map<std::string, std::vector<std::byte>> storages;  // by key; those of known element types
  int64_t storage_bytes = 0;
};

namespace {

// 0x1950a86a20f9469cfc6c, which begins every legacy file.
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kLegacyVersion = 1001;
// Tensors may share a storage and become wider in memory; beyond this factor the sizes are a trick.
constexpr int64_t kMaxExpansion = 8, kFreeExpansion = 1 << 20;

struct StorageType {
  std::string_view name;
  int64_t element_bytes;
  std::optional<DiskType> type;  // none: not representable here, skipped
};
constexpr std::array<StorageType, 16> kStorageTypes = {{
    {"FloatStorage", 4, DiskType::f32},
    {"HalfStorage", 2, DiskType::f16},
    {"BFloat16Storage", 2, DiskType::bf16},
    {"DoubleStorage", 8, DiskType::f64},
    {"LongStorage", 8, DiskType::i64},
    {"IntStorage", 4, DiskType::i32},
    {"ShortStorage", 2, DiskType::i16},
    {"CharStorage", 1, DiskType::i8},
    {"ByteStorage", 1, DiskType::u8},
    {"BoolStorage", 1, DiskType::boolean},
    {"ComplexFloatStorage", 8, {}},
    {"ComplexDoubleStorage", 16, {}},
    {"QInt8Storage", 1, {}},
    {"QUInt8Storage", 1, {}},
    {"QInt32Storage", 4, {}},
    {"UntypedStorage", 1, {}},
}};

// The type of a storage class such as "torch.FloatStorage" or "torch.cuda.FloatStorage"; null when unknown.
const StorageType* storage_type(const PickleValue& storage) {
  const std::string_view name = storage.text;
  if (!name.starts_with("torch.")) return nullptr;
  const std::string_view last = name.substr(name.rfind('.') + 1);
  const auto* found =
      std::find_if(kStorageTypes.begin(), kStorageTypes.end(), [&](const auto& type) { return type.name == last; });
  return found == kStorageTypes.end() ? nullptr : found;
}

struct StorageNeed {
  const StorageType* type;
  int64_t count, bytes;
};
using StorageNeeds = std::unordered_map<std::string, StorageNeed>;

// Every storage that the pickle speaks of; those of unknown classes are left out.
StorageNeeds storages_of(const PickleArena& arena) {
  StorageNeeds needs;
  for (const PickleValue& value : arena) {
    if (value.kind != PickleKind::storage) continue;
    const StorageType* type = storage_type(value);
    if (type == nullptr) continue;
    const std::string& key = value.items[0]->text;
    const int64_t count = value.items[1]->integer;
    int64_t bytes = 0;
    BS_CHECK(!__builtin_mul_overflow(count, type->element_bytes, &bytes), "storage ", key, " has ", count,
             " elements, whose bytes int64 cannot count");
    const auto [known, added] = needs.emplace(key, StorageNeed{type, count, bytes});
    BS_CHECK(added || (known->second.type == type && known->second.count == count), "storage ", key,
             " is described in two ways");
  }
  return needs;
}

void keep_storage(TorchContents& contents, const std::string& key, const StorageNeed& need,
                  std::vector<std::byte> bytes) {
  if (!need.type->type) return;
  contents.storage_bytes += need.bytes;
  contents.storages.emplace(key, std::move(bytes));
}

// The first three pickles: magic number, version, system.
void read_legacy_head(Unpickler& pickles) {
  const PickleValue& magic = *pickles.load();
  const bool magic_valid =
      magic.kind == PickleKind::opaque && magic.items.size() == 1 && magic.items[0]->text == kMagic;
  BS_CHECK(magic_valid, "not a PyTorch file: its first pickle is not PyTorch's magic number");
  const PickleValue& version = *pickles.load();
  BS_CHECK(version.kind == PickleKind::integer && version.integer == kLegacyVersion,
           "expected version 1001 of PyTorch's legacy format");
  const PickleValue& system = *pickles.load();
  BS_CHECK(system.kind == PickleKind::dict, "the system description is not a dict");
  for (size_t i = 0; i + 1 < system.items.size(); i += 2) {
    BS_CHECK(system.items[i]->text != "little_endian" || system.items[i + 1]->integer == 1,
             "the file was written on a big-endian machine");
  }
}

// Pickles of the magic number, the version, the system, the object and the list of storage keys; then for each key
// int64 element count and the elements.
void parse_legacy(std::span<const std::byte> bytes, TorchContents& contents) {
  Unpickler pickles(bytes, contents.arena);
  read_legacy_head(pickles);
  contents.root = pickles.load();
  const PickleValue* keys = pickles.load();
  BS_CHECK(keys->kind == PickleKind::list, "the list of storage keys is missing");

  StorageNeeds needs = storages_of(contents.arena);
  std::span<const std::byte> rest = bytes.subspan(pickles.position());
  for (const PickleValue* key : keys->items) {
    const auto need = needs.find(key->text);
    BS_CHECK(need != needs.end(), "storage ", key->text, " is listed twice, not referred to or of an unknown class");
    int64_t count = 0;
    BS_CHECK(rest.size() >= sizeof count, "cut before storage ", key->text);
    std::memcpy(&count, rest.data(), sizeof count);
    rest = rest.subspan(sizeof count);
    BS_CHECK(count == need->second.count, "storage ", key->text, ": expected ", need->second.count, " elements, got ",
             count);
    BS_CHECK(static_cast<uint64_t>(need->second.bytes) <= rest.size(), "cut in storage ", key->text, ": expected ",
             need->second.bytes, " bytes, got ", rest.size());
    const auto data = rest.first(static_cast<size_t>(need->second.bytes));
    keep_storage(contents, key->text, need->second, {data.begin(), data.end()});
    rest = rest.subspan(data.size());
    needs.erase(need);
  }
  BS_CHECK(needs.empty(), "storage ", needs.begin()->first, " is missing");
}

// "<prefix>/data.pkl", and for each storage "<prefix>/data/<key>".
void parse_zip(std::span<const std::byte> bytes, TorchContents& contents) {
  constexpr std::string_view kPickle = "data.pkl";
  ZipFile zip(bytes);
  std::optional<std::string> prefix;
  for (const auto& [name, entry] : zip.entries()) {
    const bool is_pickle = name.ends_with(kPickle) && std::count(name.begin(), name.end(), '/') <= 1 &&
                           (name.size() == kPickle.size() || name[name.size() - kPickle.size() - 1] == '/');
    if (!is_pickle) continue;
    BS_CHECK(!prefix, "the archive has more than one data.pkl");
    prefix = name.substr(0, name.size() - kPickle.size());
  }
  BS_CHECK(prefix, "a zip archive, but none of PyTorch's: it has no data.pkl");
  if (zip.entries().contains(*prefix + "byteorder")) {
    const std::vector<std::byte> order = zip.read(*prefix + "byteorder");
    BS_CHECK((std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) == "little"),
             "the file was written on a big-endian machine");
  }
  const std::vector<std::byte> pickle = zip.read(*prefix + std::string(kPickle));
  contents.root = Unpickler(pickle, contents.arena).load();
  for (const auto& [key, need] : storages_of(contents.arena)) {
    const std::string name = *prefix + "data/" + key;
    const auto entry = zip.entries().find(name);
    BS_CHECK(entry != zip.entries().end(), "storage ", key, " is missing");
    BS_CHECK(entry->second.bytes == static_cast<uint64_t>(need.bytes), "storage ", key, ": expected ", need.bytes,
             " bytes, got ", entry->second.bytes);
    keep_storage(contents, key, need, zip.read(name));
  }
}

StridedView view_of(const PickleValue& tensor, const TorchContents& contents) {
  const PickleValue& storage = *tensor.items[0];
  const auto& sizes = tensor.items[1]->items;
  const auto& strides = tensor.items[2]->items;
  BS_CHECK(sizes.size() <= Shape::kMaxRank, "a tensor has ", sizes.size(), " dimensions, expected at most ",
           Shape::kMaxRank);
  int64_t begin = 0, end = storage.items[1]->integer;  // elements that the tensor may use
  if (storage.items.size() == 3) {
    begin = storage.items[2]->items[1]->integer;
    const int64_t count = storage.items[2]->items[2]->integer;
    BS_CHECK(begin >= 0 && count >= 0 && begin <= end && count <= end - begin, "a view reaches outside its storage");
    end = begin + count;
  }
  StridedView view;
  view.type = *storage_type(storage)->type;
  std::array<int64_t, Shape::kMaxRank> dims{};
  int64_t last = begin;
  bool overflow = __builtin_add_overflow(last, tensor.integer, &last);
  const int64_t first = last;
  for (size_t i = 0; i < sizes.size(); ++i) {
    dims[i] = sizes[i]->integer;
    // The stride of a single index says nothing, and may be anything.
    view.strides[i] = dims[i] > 1 ? strides[i]->integer : 0;
    BS_CHECK(view.strides[i] >= 0, "a tensor has the stride ", view.strides[i]);
    int64_t reach = 0;
    overflow |= dims[i] > 0 && __builtin_mul_overflow(dims[i] - 1, view.strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  view.shape = Shape(dims.data(), static_cast<int>(sizes.size()));
  if (view.shape.count() == 0) return view;
  BS_CHECK(!overflow && last < end, "a tensor of shape ", view.shape, " reaches outside its storage of ", end - begin,
           " elements");
  view.begin = contents.storages.at(storage.items[0]->text).data() + first * size_of(view.type);
  return view;
}

int64_t memory_bytes(const StridedView& view) {
  int64_t bytes = 0;
  BS_CHECK(!__builtin_mul_overflow(view.shape.count(), size_of(memory_type(view.type)), &bytes), "a tensor of shape ",
           view.shape, " has more bytes than int64 counts");
  return bytes;
}

// Charges a tensor's bytes to `total`, before they are taken.
void check_expansion(const StridedView& view, const TorchContents& contents, int64_t& total) {
  const int64_t limit = contents.storage_bytes * kMaxExpansion + kFreeExpansion;
  BS_CHECK(memory_bytes(view) <= limit - total, "the tensors need more than ", limit, " bytes, but the file holds ",
           contents.storage_bytes, " bytes of elements");
  total += memory_bytes(view);
}

const char* describe(TorchValue::Kind kind) {
  constexpr const char* kNames[] = {"None",   "a boolean", "an integer", "a real number", "a text",   "bytes",
                                    "a list", "a tuple",   "a dict",     "a tensor",      "an object"};
  return kNames[static_cast<size_t>(kind)];
}

// Runs f; its errors get the file's name in front.
template <typename F>
decltype(auto) with_origin(const std::string& origin, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, origin, ": ", error.message());
  }
}

}  // namespace

TorchValue::TorchValue(std::shared_ptr<const TorchContents> contents, const PickleValue* value)
    : contents_(std::move(contents)), value_(value) {}

TorchValue::Kind TorchValue::kind() const {
  switch (value_->kind) {
    case PickleKind::none:
      return Kind::none;
    case PickleKind::boolean:
      return Kind::boolean;
    case PickleKind::integer:
      return Kind::integer;
    case PickleKind::real:
      return Kind::real;
    case PickleKind::string:
      return Kind::string;
    case PickleKind::bytes:
      return Kind::bytes;
    case PickleKind::list:
      return Kind::list;
    case PickleKind::tuple:
      return Kind::tuple;
    case PickleKind::dict:
      return Kind::dict;
    case PickleKind::tensor: {
      const StorageType* type = storage_type(*value_->items[0]);
      return type != nullptr && type->type ? Kind::tensor : Kind::opaque;
    }
    case PickleKind::storage:
    case PickleKind::global:
    case PickleKind::opaque:
      break;
  }
  return Kind::opaque;
}

const PickleValue& TorchValue::checked(Kind expected, const char* what) const {
  BS_CHECK(kind() == expected, origin(), ": expected ", what, ", got ", describe(kind()));
  return *value_;
}

bool TorchValue::boolean() const { return checked(Kind::boolean, "a boolean").integer != 0; }

int64_t TorchValue::integer() const { return checked(Kind::integer, "an integer").integer; }

double TorchValue::real() const {
  if (kind() == Kind::integer) return static_cast<double>(value_->integer);
  return checked(Kind::real, "a number").real;
}

const std::string& TorchValue::string() const {
  return kind() == Kind::bytes ? value_->text : checked(Kind::string, "a text").text;
}

const std::string& TorchValue::class_name() const {
  checked(Kind::opaque, "an object");
  return value_->kind == PickleKind::tensor ? value_->items[0]->text : value_->text;
}

size_t TorchValue::size() const {
  if (kind() == Kind::list || kind() == Kind::tuple) return value_->items.size();
  return checked(Kind::dict, "a list, tuple or dict").items.size() / 2;
}

TorchValue TorchValue::at(size_t i) const {
  BS_CHECK(i < size(), origin(), ": no item ", i, " among ", size());
  return {contents_, value_->items[kind() == Kind::dict ? 2 * i + 1 : i]};
}

TorchValue TorchValue::key(size_t i) const {
  checked(Kind::dict, "a dict");
  BS_CHECK(i < size(), origin(), ": no item ", i, " among ", size());
  return {contents_, value_->items[2 * i]};
}

std::optional<TorchValue> TorchValue::find(std::string_view wanted) const {
  if (kind() != Kind::dict) return {};
  for (size_t i = size(); i-- > 0;) {
    const PickleValue& key = *value_->items[2 * i];
    if (key.kind == PickleKind::string && key.text == wanted) return at(i);
  }
  return {};
}

Tensor TorchValue::tensor() const {
  const PickleValue& value = checked(Kind::tensor, "a tensor");
  return with_origin(origin(), [&] {
    const StridedView view = view_of(value, *contents_);
    int64_t total = 0;
    check_expansion(view, *contents_, total);
    return read_view(view);
  });
}

const std::string& TorchValue::origin() const { return contents_->origin; }

bool looks_like_torch_file(std::span<const std::byte> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 32));
  return head.starts_with("PK\x03\x04") || (head.starts_with('\x80') && head.find(kMagic) != std::string_view::npos);
}

TorchValue parse_torch_file(std::span<const std::byte> bytes, const std::string& origin) {
  auto contents = std::make_shared<TorchContents>();
  contents->origin = origin;
  with_origin(origin, [&] {
    if (!bytes.empty() && bytes[0] == std::byte{'P'}) {
      parse_zip(bytes, *contents);
    } else {
      parse_legacy(bytes, *contents);
    }
  });
  const PickleValue* root = contents->root;
  return {std::move(contents), root};
}

TorchValue load_torch_file(const std::filesystem::path& path) {
  return parse_torch_file(read_file(path), path.string());
}

NamedTensors tensors_of(const TorchValue& dict) {
  dict.checked(TorchValue::Kind::dict, "a dict of tensors");
  return with_origin(dict.origin(), [&] {
    NamedTensors tensors;
    std::unordered_map<std::string_view, size_t> places;
    int64_t total = 0;
    for (size_t i = 0; i < dict.size(); ++i) {
      const TorchValue key = dict.key(i), value = dict.at(i);
      if (key.kind() != TorchValue::Kind::string || value.kind() != TorchValue::Kind::tensor) continue;
      const StridedView view = view_of(*value.value_, *dict.contents_);
      check_expansion(view, *dict.contents_, total);
      const auto [place, added] = places.emplace(key.string(), tensors.size());
      if (added) tensors.push_back({key.string(), {}});
      tensors[place->second].tensor = read_view(view);
    }
    return tensors;
  });
}

NamedTensors find_state_dict(const TorchValue& value) {
  BS_CHECK(value.kind() != TorchValue::Kind::opaque, value.origin(), ": holds a Python object of class ",
           value.class_name(), ", expected a dict of tensors (save model.state_dict() instead)");
  TorchValue dict = value;
  for (const char* name : {"state_dict", "model_state_dict", "model"}) {
    const std::optional<TorchValue> found = value.find(name);
    if (!found || found->kind() != TorchValue::Kind::dict) continue;
    dict = *found;
    break;
  }
  NamedTensors tensors = tensors_of(dict);
  if (!tensors.empty()) return tensors;
  std::string keys;
  for (size_t i = 0; i < std::min<size_t>(dict.size(), 10); ++i) {
    if (dict.key(i).kind() == TorchValue::Kind::string) keys += (keys.empty() ? "" : ", ") + dict.key(i).string();
  }
  fail_at(__FILE__, __LINE__, value.origin(), ": expected a dict of tensors, got one with the keys: ", keys);
}

}  // namespace bareseg
