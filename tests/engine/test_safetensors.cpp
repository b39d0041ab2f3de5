#include "engine/safetensors.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/file.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

const std::filesystem::path kSmallFile = std::filesystem::path(BARESEG_TESTS_DIR) / "golden" / "small.safetensors";

std::string file_of(const std::string& header, const std::string& data = "") {
  return little_endian(uint64_t{header.size()}) + header + data;
}

std::string parse_error(const std::string& file) {
  return error_of([&] { parse_safetensors(bytes_of(file), "f"); });
}

template <typename T>
std::vector<T> values(const SafetensorsFile& file, const std::string& name) {
  for (const auto& entry : file.tensors) {
    if (entry.name == name) return entry.tensor.to_vector<T>();
  }
  throw std::runtime_error(name);
}

TEST(Safetensors, ReadsWhatThePythonPackageWrote) {
  const SafetensorsFile file = read_safetensors(kSmallFile);
  EXPECT_EQ(file.tensors.size(), 12u);
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"step", "7"}, {"name", "gr\xc3\xbcn"}}));
  EXPECT_EQ(values<float>(file, "conv.weight"),
            (std::vector<float>{0, .25f, .5f, .75f, 1, 1.25f, 1.5f, 1.75f, 2, 2.25f, 2.5f, 2.75f}));
  EXPECT_EQ(values<float>(file, "half"), (std::vector<float>{0.5f, -2.0f, 65504.0f}));
  EXPECT_EQ(values<float>(file, "double"), (std::vector<float>{0.1f, -std::numeric_limits<float>::infinity()}));
  EXPECT_EQ(values<int64_t>(file, "steps"), std::vector<int64_t>{int64_t{1} << 40});
  EXPECT_EQ(values<int32_t>(file, "i32"), (std::vector<int32_t>{-5, 6}));
  EXPECT_EQ(values<int32_t>(file, "i16"), (std::vector<int32_t>{-5, 6}));
  EXPECT_EQ(values<int32_t>(file, "i8"), (std::vector<int32_t>{-5, 6}));
  EXPECT_EQ(values<int32_t>(file, "u16"), std::vector<int32_t>{65535});
  EXPECT_EQ(values<int64_t>(file, "u32"), std::vector<int64_t>{4294967295});
  EXPECT_EQ(values<uint8_t>(file, "u8"), (std::vector<uint8_t>{1, 255}));
  EXPECT_EQ(values<uint8_t>(file, "flags"), (std::vector<uint8_t>{1, 0}));
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : file.tensors) shapes[name] = tensor.shape();
  EXPECT_EQ(shapes["conv.weight"], (Shape{2, 1, 2, 3}));
  EXPECT_EQ(shapes["steps"], Shape());
  EXPECT_EQ(shapes["empty"], (Shape{0, 4}));
}

TEST(Safetensors, RoundTripKeepsOrderTypesAndMetadata) {
  const TemporaryFolder folder;
  const NamedTensors tensors = {
      {"z \"quoted\"\n", Tensor::from<float>({1, 2, 3}, {3, 1})},
      {"byte", Tensor::from<uint8_t>({7}, {1})},
      {"a", Tensor::from<bfloat16>({bfloat16(1.5f), bfloat16(-2.0f)}, {2})},
      {"int", Tensor::from<int32_t>({-1, 2}, {1, 2})},
      {"step", Tensor::from<int64_t>({int64_t{-1} << 60}, Shape())},
      {"nothing", Tensor::empty({2, 0})},
  };
  write_safetensors(folder / "f", tensors, {{"k", "v\\"}, {"", "empty key"}});
  const SafetensorsFile file = read_safetensors(folder / "f");
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"k", "v\\"}, {"", "empty key"}}));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.tensors[i].name, tensors[i].name);
    EXPECT_EQ(file.tensors[i].tensor.dtype(), tensors[i].tensor.dtype());
    EXPECT_EQ(file.tensors[i].tensor.shape(), tensors[i].tensor.shape());
    ASSERT_EQ(std::memcmp(file.tensors[i].tensor.raw(), tensors[i].tensor.raw(),
                          static_cast<size_t>(tensors[i].tensor.bytes())),
              0);
  }
  write_safetensors(folder / "none", {});
  EXPECT_TRUE(read_safetensors(folder / "none").tensors.empty());
}

// The bytes that the Python package expects, spelled out.
TEST(Safetensors, WritesAnAlignedHeader) {
  const TemporaryFolder folder;
  write_safetensors(folder / "f", {{"w", Tensor::from<float>({1.0f}, {1})}});
  const std::vector<std::byte> bytes = read_file(folder / "f");
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string header = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(text, file_of(padded, little_endian(1.0f)));
}

TEST(Safetensors, RefusesToWriteNonsense) {
  const TemporaryFolder folder;
  const Tensor x = Tensor::from<float>({1}, {1});
  const auto refused = [&](const NamedTensors& tensors, const std::map<std::string, std::string>& metadata = {}) {
    return error_of([&] { write_safetensors(folder / "f", tensors, metadata); });
  };
  EXPECT_NE(refused({{"a", x}, {"a", x}}).find("\"a\" occurs twice"), std::string::npos);
  EXPECT_NE(refused({{"__metadata__", x}}).find("reserved"), std::string::npos);
  EXPECT_NE(refused({{"\xff", x}}).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused({{"a", x}}, {{"k", "\xc3"}}).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused({{"a", {}}}).find("undefined"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, RefusesBrokenHeaders) {
  const MemoryLimit limit(uint64_t{256} << 20);
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_EQ(parse_error(file_of("{" + a + "}", "1234")), "");
  EXPECT_EQ(parse_error(file_of("{" + a + "}   ", "1234")), "");
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "it has 0 bytes"},
      {little_endian(uint64_t{1} << 62) + "{}", "not a safetensors file, or cut"},
      {little_endian(~uint64_t{0}) + "{}", "not a safetensors file, or cut"},
      {file_of(""), "not a JSON object"},
      {file_of("[]"), "not a JSON object"},
      {file_of("{}", "1"), "end at byte 0 of the data, which has 1"},
      {file_of("{" + a + "}", "123"), "ends at byte 4 of the data, which has 3"},
      {file_of("{" + a + "}", "12345"), "end at byte 4 of the data, which has 5"},
      {file_of("{" + a + "," + a + "}", "1234"), "\"a\" occurs twice"},
      {file_of("{" + a, "1234"), "not JSON"},
      {file_of("{" + a + "}{}", "1234"), "not JSON"},
      {file_of(R"({"\ud800":1})"), "not JSON"},
      {file_of("{\"\xff\":1}"), "not JSON"},
      {file_of(R"({"a":1})"), "unexpected a number"},
      {file_of(R"({"a":{"b":{}}})"), "unexpected an object"},
      {file_of(R"({"a":{}})"), "needs dtype, shape and two data_offsets"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})"), "needs dtype"},
      {file_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,1,2]}})"), "too many numbers"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1]}})"), "too many numbers"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", "1234"), "an array"},
      {file_of(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "1"), "unknown element type F8_E4M3"},
      {file_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"), "a negative number"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "1234"), "a fraction"},
      {file_of(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", "1234"), "past int64"},
      {file_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})"), "more bytes"},
      {file_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})"), "more bytes"},
      {file_of(R"({"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})"), "ends at byte"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "1234"), "expected data_offsets"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "12345678"), "expected data_offsets"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"), "expected data_offsets"},
      {file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"), "expected data_offsets"},
      {file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", "123456"), "expected data_off"},
      {file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}})", "123456789"), "expected data_"},
      {file_of(R"({"__metadata__":{"a":1}})"), "unexpected a number"},
      {file_of(R"({"__metadata__":{"a":"x","a":"y"}})"), "occurs twice"},
      {file_of(R"({"__metadata__":[]})"), "unexpected an array"},
      {file_of("{\"a\":" + std::string(1'000'000, '[')), "unexpected an array"},
      {file_of(std::string(1, '{') + "\"a\":" + std::string(1'000'000, '{')), "not JSON"},
  };
  for (const auto& [file, expected] : cases) {
    const std::string message = parse_error(file);
    EXPECT_TRUE(message.starts_with("f: ")) << message;
    EXPECT_NE(message.find(expected), std::string::npos) << message << "\nexpected: " << expected;
  }
}

TEST(Safetensors, EveryTruncationIsRefused) {
  each_truncation(read_file(kSmallFile), [](std::span<const std::byte> bytes) {
    EXPECT_NE(error_of([&] { parse_safetensors(bytes, "f"); }), "") << bytes.size() << " bytes";
  });
}

TEST(Safetensors, CorruptionNeverCrashes) {
  const MemoryLimit limit(uint64_t{256} << 20);
  int loaded = 0;
  each_corruption(read_file(kSmallFile), 5000, [&](std::span<const std::byte> bytes) {
    loaded += error_of([&] { parse_safetensors(bytes, "f"); }).empty();
  });
  EXPECT_GT(loaded, 0);     // changes of elements alone
  EXPECT_LT(loaded, 5000);  // changes of the header
}

}  // namespace
}  // namespace bareseg
