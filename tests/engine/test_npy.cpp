#include "engine/npy.h"

#include <gtest/gtest.h>

#include "engine/zip_file.h"
#include "tests/engine/hostile.h"
#include "tests/process.h"

namespace bareseg {
namespace {

using namespace std::string_literals;

const std::filesystem::path kFolder = std::filesystem::path(BARESEG_TESTS_DIR) / "golden" / "numpy";

Tensor golden(const char* name) { return parse_npy(read_file(kFolder / name), name); }

std::string golden_error(const char* name) {
  return error_of([&] { golden(name); });
}

std::string npy_file(const std::string& header, const std::string& data = "") {
  return "\x93NUMPY\1\0"s + little_endian(static_cast<uint16_t>(header.size())) + header + data;
}

std::string npy_error(const std::string& file) {
  return error_of([&] { parse_npy(bytes_of(file), "f"); });
}

float ramp(int64_t i) { return static_cast<float>(i) / 8 - 3; }

void expect_ramp(const Tensor& x, const Shape& shape) {
  EXPECT_EQ(x.shape(), shape);
  const std::vector<float> values = x.to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], ramp(static_cast<int64_t>(i))) << i;
}

TEST(Npy, ReadsWhatNumPyWrote) {
  expect_ramp(golden("centroids.npy"), {5, 7});
  expect_ramp(golden("columns.npy"), {2, 3, 4});
  expect_ramp(golden("version2.npy"), {3});
  EXPECT_EQ(golden("scalar.npy").shape(), Shape());
  EXPECT_EQ(golden("scalar.npy").to_vector<float>(), std::vector<float>{0.1f});
  EXPECT_EQ(golden("empty.npy").shape(), (Shape{0, 4}));
}

TEST(Npy, RefusesOtherElements) {
  EXPECT_NE(golden_error("big_endian.npy").find("big_endian.npy: the element type '>f4' is not little-endian"),
            std::string::npos);
  EXPECT_NE(golden_error("complex.npy").find("the element type '<c8' is unknown"), std::string::npos);
  EXPECT_NE(golden_error("records.npy").find("an array of records"), std::string::npos);
  EXPECT_NE(golden_error("objects.npy").find("an array of Python objects"), std::string::npos);
}

TEST(Npz, ReadsWhatNumPyWrote) {
  const std::vector<std::byte> bytes = read_file(kFolder / "kinds.npz");
  EXPECT_TRUE(looks_like_npz(bytes));
  std::map<std::string, Tensor> arrays;
  for (const NamedTensor& t : parse_npz(bytes, "f")) arrays[t.name] = t.tensor;
  EXPECT_EQ(arrays.size(), 10u);
  expect_ramp(arrays["half"], {5});
  expect_ramp(arrays["double"], {5});
  EXPECT_EQ(arrays["long"].to_vector<int64_t>(), (std::vector<int64_t>{-(int64_t{1} << 62), int64_t{1} << 62}));
  EXPECT_EQ(arrays["int"].to_vector<int32_t>(), (std::vector<int32_t>{-2147483647 - 1, 2147483647}));
  EXPECT_EQ(arrays["short"].to_vector<int32_t>(), (std::vector<int32_t>{-32768, 32767}));
  EXPECT_EQ(arrays["char"].to_vector<int32_t>(), (std::vector<int32_t>{-128, 127}));
  EXPECT_EQ(arrays["wide"].to_vector<int64_t>(), std::vector<int64_t>{4294967295});
  EXPECT_EQ(arrays["word"].to_vector<int32_t>(), std::vector<int32_t>{65535});
  EXPECT_EQ(arrays["byte"].to_vector<uint8_t>(), (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(arrays["bool"].to_vector<uint8_t>(), (std::vector<uint8_t>{1, 0}));
  const NamedTensors compressed = parse_npz(read_file(kFolder / "compressed.npz"), "f");
  ASSERT_EQ(compressed.size(), 1u);
  EXPECT_EQ(compressed[0].name, "classifier1/weight");
  expect_ramp(compressed[0].tensor, {5, 7});
}

const NamedTensors kArrays = {
    {"w", Tensor::from<float>({1, 2.5f, -3, 4, 5, 6}, {2, 3})},
    {"a/b.c", Tensor::from<int32_t>({-7}, {1})},
    {"step", Tensor::from<int64_t>({int64_t{1} << 40}, Shape())},
    {"byte", Tensor::from<uint8_t>({1, 255}, {1, 2})},
    {"empty", Tensor::empty({0, 3})},
};

TEST(Npz, RoundTrip) {
  const TemporaryFolder folder;
  write_npz(folder / "f.npz", kArrays);
  std::map<std::string, Tensor> arrays;
  for (const NamedTensor& t : parse_npz(read_file(folder / "f.npz"), "f")) arrays[t.name] = t.tensor;
  EXPECT_EQ(arrays.size(), kArrays.size());
  for (const auto& [name, tensor] : kArrays) {
    EXPECT_EQ(arrays[name].shape(), tensor.shape()) << name;
    EXPECT_EQ(arrays[name].dtype(), tensor.dtype()) << name;
    write_npy(folder / "f.npy", tensor);
    const Tensor alone = parse_npy(read_file(folder / "f.npy"), "f");
    EXPECT_EQ(alone.shape(), tensor.shape()) << name;
    ASSERT_EQ(alone.bytes(), tensor.bytes());
    if (tensor.count() == 0) continue;
    EXPECT_EQ(std::memcmp(alone.raw(), tensor.raw(), static_cast<size_t>(tensor.bytes())), 0) << name;
    EXPECT_EQ(std::memcmp(arrays[name].raw(), tensor.raw(), static_cast<size_t>(tensor.bytes())), 0) << name;
  }
  write_npy(folder / "f.npy", Tensor::from<bfloat16>({bfloat16(1.5f), bfloat16(-2.0f)}, {2}));
  EXPECT_EQ(parse_npy(read_file(folder / "f.npy"), "f").to_vector<float>(), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_NE(error_of([&] { write_npz(folder / "none" / "f.npz", kArrays); }).find("none/f.npz"), std::string::npos);
}

TEST(Npz, NumPyReadsOurs) {
  const auto python = python_with("numpy");
  if (!python) GTEST_SKIP() << "no Python with numpy";
  const TemporaryFolder folder;
  write_npz(folder / "f.npz", kArrays);
  write_npy(folder / "f.npy", kArrays[0].tensor);
  const Outcome outcome = run("cd " + folder.path().string() + " && " + *python + R"( -c '
import numpy as np, zipfile
assert zipfile.ZipFile("f.npz").testzip() is None
f, w = np.load("f.npz"), np.load("f.npy")
assert w.dtype == np.float32 and (w == [[1, 2.5, -3], [4, 5, 6]]).all() and (f["w"] == w).all()
assert f["a/b.c"].dtype == np.int32 and f["a/b.c"].tolist() == [-7]
assert f["step"].shape == () and f["step"] == 2**40 and f["byte"].tolist() == [[1, 255]]
assert f["empty"].shape == (0, 3) and len(f.files) == 5
')");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
}

TEST(Npy, HeadersAreNotTrusted) {
  const auto header = [](const std::string& descr, const std::string& order, const std::string& shape) {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  const auto shaped = [&](const std::string& shape) { return npy_file(header("'<f4'", "False", shape), "12345678"); };
  EXPECT_EQ(npy_error(shaped("(2,)")), "");
  EXPECT_EQ(npy_error(shaped("(1, 2)")), "");
  EXPECT_EQ(npy_error(npy_file("{\"shape\":(),\"descr\":\"|u1\",\"fortran_order\":True}", "1")), "");
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "not an .npy file"},
      {"\x93NUMPX\1\0", "not an .npy file"},
      {"\x93NUMPY", "cut in the header"},
      {"\x93NUMPY\4\0"s, "expected version 1 to 3"},
      {"\x93NUMPY\1\0\7"s, "cut in the header"},
      {"\x93NUMPY\1\0\7\0{"s, "expected 7 bytes, got 1"},
      {"\x93NUMPY\2\0\xff\xff\xff\xff{"s, "expected 4294967295 bytes, got 1"},
      {npy_file(""), "expected '{' in the header"},
      {npy_file("{'descr': '<f4'"), "expected '}'"},
      {npy_file("{'descr"), "cut inside a text"},
      {npy_file("{'descr': '<f4', 'descr': '<f4'}"), "says something twice"},
      {npy_file("{'descr': '<f4', 'shape': ()}"), "lacks"},
      {npy_file("{'x': 1}"), "unexpected key 'x'"},
      {npy_file(header("'<f4'", "False", "(1,)") + "import os", "1234"), "goes on after its end"},
      {npy_file(header("'<f4'", "0", "(1,)"), "1234"), "expected 'False'"},
      {npy_file(header("''", "False", "(1,)"), "1234"), "Python objects"},
      {npy_file(header("'<'", "False", "(1,)"), "1234"), "unknown"},
      {npy_file(header("'|f4'", "False", "(1,)"), "1234"), "not little-endian"},
      {shaped("(3,)"), "does not have the 8 bytes"},
      {shaped("(1,)"), "does not have the 8 bytes"},
      {shaped("(-1,)"), "must not be negative"},
      {shaped("(2 3)"), "expected ')'"},
      {shaped("(99999999999999999999,)"), "expected a size"},
      {shaped("(4611686018427387904,)"), "does not have the 8 bytes"},
      {shaped("(4611686018427387904, 4611686018427387904)"), "int64"},
      {shaped("(1, 1, 1, 1, 1, 1, 2)"), "more than 6 dimensions"},
  };
  for (const auto& [file, message] : cases) {
    EXPECT_NE(npy_error(file).find(message), std::string::npos) << npy_error(file);
    EXPECT_TRUE(npy_error(file).starts_with("f: ")) << npy_error(file);
  }
}

TEST(Npz, EntriesAreNotTrusted) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::string& content) {
    write_file_atomically(folder / "zip", [&](AtomicFile& file) {
      ZipWriter zip(file);
      zip.add(name, bytes_of(content));
      zip.finish();
    });
    return error_of([&] { parse_npz(read_file(folder / "zip"), "f"); });
  };
  EXPECT_EQ(refused("../../etc/passwd.npy", npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "1")),
            "");
  EXPECT_EQ(refused("data.pkl", "x"), "f, data.pkl: expected arrays alone, got another entry");
  EXPECT_EQ(refused("a.npy", "x"), "f, a.npy: not an .npy file");
  EXPECT_FALSE(looks_like_npz(bytes_of("PK\x03\x04")));
  EXPECT_NE(error_of([&] { parse_npz({}, "f"); }).find("f: not a zip archive"), std::string::npos);
}

TEST(Npy, DamageNeverCrashes) {
  const MemoryLimit limit(uint64_t{256} << 20);
  for (const char* name : {"centroids.npy", "columns.npy", "kinds.npz", "compressed.npz"}) {
    const std::vector<std::byte> bytes = read_file(kFolder / name);
    const auto parse = [&](std::span<const std::byte> damaged) {
      return error_of([&] {
        if (std::string_view(name).ends_with("z")) {
          parse_npz(damaged, "f");
        } else {
          parse_npy(damaged, "f");
        }
      });
    };
    each_truncation(bytes, [&](std::span<const std::byte> cut) { EXPECT_NE(parse(cut), "") << cut.size(); });
    int refused = 0;
    each_corruption(bytes, 2000, [&](std::span<const std::byte> damaged) { refused += !parse(damaged).empty(); });
    EXPECT_GT(refused, 0) << name;
  }
}

}  // namespace
}  // namespace bareseg
