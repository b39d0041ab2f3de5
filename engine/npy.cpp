#include "engine/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/strided_view.h"
#include "engine/zip_file.h"

namespace bareseg {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kSuffix = ".npy";
constexpr size_t kAlignment = 64;

constexpr std::array<std::pair<std::string_view, DiskType>, 11> kTypes = {{
    {"f8", DiskType::f64},
    {"f4", DiskType::f32},
    {"f2", DiskType::f16},
    {"i8", DiskType::i64},
    {"i4", DiskType::i32},
    {"i2", DiskType::i16},
    {"i1", DiskType::i8},
    {"u4", DiskType::u32},
    {"u2", DiskType::u16},
    {"u1", DiskType::u8},
    {"b1", DiskType::boolean},
}};

struct Header {
  std::optional<DiskType> type;
  std::optional<bool> fortran;
  std::optional<Shape> shape;
};

// Of the header's Python it takes what NumPy writes for plain arrays, and no more:
// {'descr': '<f4', 'fortran_order': False, 'shape': (27, 128), }
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : rest_(text) {}

  Header read() {
    expect("{");
    while (!take("}")) {
      const std::string_view key = quoted();
      expect(":");
      if (key == "descr") {
        once(header_.type, [&] { return type(); });
      } else if (key == "fortran_order") {
        once(header_.fortran, [&] { return boolean(); });
      } else if (key == "shape") {
        once(header_.shape, [&] { return shape(); });
      } else {
        fail_at(__FILE__, __LINE__, "unexpected key '", key, "' in the header");
      }
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    skip_spaces();
    BS_CHECK(rest_.empty(), "the header goes on after its end");
    BS_CHECK(header_.type && header_.fortran && header_.shape, "the header lacks descr, fortran_order or shape");
    return header_;
  }

 private:
  template <typename T, typename F>
  void once(std::optional<T>& field, F&& value) {
    BS_CHECK(!field, "the header says something twice");
    field = value();
  }

  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }

  bool take(std::string_view token) {
    skip_spaces();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void expect(std::string_view token) {
    BS_CHECK(take(token), "expected '", token, "' in the header, got '", rest_.substr(0, 16), "'");
  }

  std::string_view quoted() {
    const char* quote = take("\"") ? "\"" : "'";
    if (*quote == '\'') expect(quote);
    const size_t length = rest_.find(*quote);
    BS_CHECK(length != std::string_view::npos, "the header is cut inside a text");
    const std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length + 1);
    return text;
  }

  DiskType type() {
    BS_CHECK(!take("["), "an array of records; expected one of numbers");
    const std::string_view descr = quoted();
    BS_CHECK(!descr.empty() && descr.substr(1) != "O" && descr != "O",
             "an array of Python objects, which are pickled programs and are refused; expected one of numbers");
    const auto* known =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& t) { return t.first == descr.substr(1); });
    BS_CHECK(known != kTypes.end(), "the element type '", descr, "' is unknown");
    BS_CHECK(descr[0] == '<' || (size_of(known->second) == 1 && descr[0] == '|'), "the element type '", descr,
             "' is not little-endian");
    return known->second;
  }

  bool boolean() {
    const bool value = take("True");
    if (!value) expect("False");
    return value;
  }

  Shape shape() {
    std::array<int64_t, Shape::kMaxRank> dims{};
    int rank = 0;
    expect("(");
    while (!take(")")) {
      BS_CHECK(rank < Shape::kMaxRank, "more than ", Shape::kMaxRank, " dimensions");
      skip_spaces();
      const auto [end, error] =
          std::from_chars(rest_.data(), rest_.data() + rest_.size(), dims[static_cast<size_t>(rank++)]);
      BS_CHECK(error == std::errc{}, "expected a size in the header, got '", rest_.substr(0, 24), "'");
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      if (!take(",")) {
        expect(")");
        break;
      }
    }
    return {dims.data(), rank};
  }

  std::string_view rest_;
  Header header_;
};

// Cuts a number of `bytes` bytes, little-endian, and what it counts off the front.
std::span<const std::byte> take_counted(std::span<const std::byte>& rest, size_t bytes) {
  BS_CHECK(rest.size() >= bytes, "cut in the header");
  uint32_t count = 0;
  std::memcpy(&count, rest.data(), bytes);
  rest = rest.subspan(bytes);
  BS_CHECK(count <= rest.size(), "cut in the header: expected ", count, " bytes, got ", rest.size());
  const auto counted = rest.first(count);
  rest = rest.subspan(count);
  return counted;
}

Tensor parse(std::span<const std::byte> bytes) {
  BS_CHECK(looks_like_npy(bytes), "not an .npy file");
  std::span<const std::byte> rest = bytes.subspan(kMagic.size());
  BS_CHECK(rest.size() >= 2, "cut in the header");
  const int version = std::to_integer<int>(rest[0]);
  BS_CHECK(version >= 1 && version <= 3, "expected version 1 to 3 of the format, got ", version);
  rest = rest.subspan(2);
  const std::span<const std::byte> text = take_counted(rest, version == 1 ? 2 : 4);
  const Header header = HeaderReader({reinterpret_cast<const char*>(text.data()), text.size()}).read();

  StridedView view = {.shape = *header.shape, .begin = rest.data(), .type = *header.type};
  int64_t expected = 0, stride = 1;
  BS_CHECK(!__builtin_mul_overflow(view.shape.count(), size_of(view.type), &expected) &&
               static_cast<uint64_t>(expected) == rest.size(),
           "an array of shape ", view.shape, " does not have the ", rest.size(), " bytes that follow the header");
  const int rank = view.shape.rank();
  for (int i = 0; i < rank; ++i) {
    const int d = *header.fortran ? i : rank - 1 - i;
    view.strides[static_cast<size_t>(d)] = stride;
    stride *= std::max<int64_t>(view.shape.dim(d), 1);
  }
  return read_view(view);
}

const char* descr_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::bf16:
      return "<f4";
    case DType::i32:
      return "<i4";
    case DType::i64:
      return "<i8";
    case DType::u8:
      break;
  }
  return "|u1";
}

// Header and elements.
std::string npy_bytes(const Tensor& tensor) {
  std::string shape;
  for (int i = 0; i < tensor.rank(); ++i) shape += std::to_string(tensor.dim(i)) + (tensor.rank() == 1 ? "," : ", ");
  if (tensor.rank() > 1) shape.resize(shape.size() - 2);
  std::string header =
      concat("{'descr': '", descr_of(tensor.dtype()), "', 'fortran_order': False, 'shape': (", shape, "), }");
  const size_t before = kMagic.size() + 4;  // version and length
  header.append((kAlignment - (before + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\1', '\0', static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  bytes += header;
  if (tensor.dtype() == kBFloat16) {
    std::vector<float> values;
    for (const bfloat16 value : tensor.to_vector<bfloat16>()) values.push_back(static_cast<float>(value));
    return bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
  const Tensor host = tensor.to(Device{});
  return host.count() == 0 ? bytes
                           : bytes.append(static_cast<const char*>(host.raw()), static_cast<size_t>(host.bytes()));
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& origin) {
  try {
    return parse(bytes);
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, origin, ": ", error.message());
  }
}

NamedTensors parse_npz(std::span<const std::byte> bytes, const std::string& origin) {
  std::string place = origin;
  try {
    NamedTensors tensors;
    ZipFile zip(bytes);
    for (const auto& [name, entry] : zip.entries()) {
      place = concat(origin, ", ", name);
      BS_CHECK(name.ends_with(kSuffix), "expected arrays alone, got another entry");
      tensors.push_back({name.substr(0, name.size() - kSuffix.size()), parse(zip.read(name))});
    }
    return tensors;
  } catch (const Error& error) {
    fail_at(__FILE__, __LINE__, place, ": ", error.message());
  }
}

bool looks_like_npy(std::span<const std::byte> bytes) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).starts_with(kMagic);
}

bool looks_like_npz(std::span<const std::byte> bytes) {
  constexpr size_t kNameLength = 26, kName = 30;  // of a local header
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("PK\x03\x04") || text.size() < kName) return false;
  uint16_t length = 0;
  std::memcpy(&length, text.data() + kNameLength, sizeof length);
  return text.substr(kName, length).ends_with(kSuffix);
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  write_file_atomically(path, std::string_view(npy_bytes(tensor)));
}

void write_npz(const std::filesystem::path& path, const NamedTensors& tensors) {
  write_file_atomically(path, [&](AtomicFile& file) {
    ZipWriter zip(file);
    for (const NamedTensor& t : tensors) {
      const std::string bytes = npy_bytes(t.tensor);
      zip.add(t.name + std::string(kSuffix), std::as_bytes(std::span(bytes)));
    }
    zip.finish();
  });
}

}  // namespace bareseg
