#include "engine/state_dict.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/safetensors.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(BARESEG_TESTS_DIR) / "golden";

Tensor counted(const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.count()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::from(values, shape);
}

TEST(StateDict, WeightsChangeTheirLayout) {
  const Tensor oihw = counted({2, 3, 5, 7});
  const Tensor ohwi = oihw_to_ohwi(oihw);
  EXPECT_EQ(ohwi.shape(), (Shape{2, 5, 7, 3}));
  const std::vector<float> values = ohwi.to_vector<float>();
  for (int o = 0; o < 2; ++o) {
    for (int i = 0; i < 3; ++i) {
      for (int h = 0; h < 5; ++h) {
        for (int w = 0; w < 7; ++w) {
          EXPECT_EQ(values[static_cast<size_t>(((o * 5 + h) * 7 + w) * 3 + i)],
                    static_cast<float>(((o * 3 + i) * 5 + h) * 7 + w));
        }
      }
    }
  }
  EXPECT_EQ(ohwi_to_oihw(ohwi).to_vector<float>(), oihw.to_vector<float>());
  EXPECT_EQ(ohwi_to_oihw(ohwi).shape(), oihw.shape());
  EXPECT_NE(error_of([] { oihw_to_ohwi(counted({2, 3})); }), "");
  EXPECT_NE(error_of([] { ohwi_to_oihw(counted({2, 3})); }), "");
}

TEST(StateDict, DiskAndBack) {
  const Tensor weight = counted({2, 3, 3, 4}), bias = counted({2});
  const NamedTensors disk = to_disk({{"w", weight, Layout::ohwi}, {"b", bias}});
  ASSERT_EQ(disk.size(), 2u);
  EXPECT_EQ(disk[0].name, "w");
  EXPECT_EQ(disk[0].tensor.shape(), (Shape{2, 4, 3, 3}));
  const Tensor weight_again = Tensor::empty({2, 3, 3, 4}), bias_again = Tensor::empty({2});
  const LoadReport report = load_into({{"b", bias_again}, {"w", weight_again, Layout::ohwi}}, disk);
  EXPECT_TRUE(report.missing.empty() && report.unexpected.empty());
  EXPECT_EQ(weight_again.to_vector<float>(), weight.to_vector<float>());
  EXPECT_EQ(bias_again.to_vector<float>(), bias.to_vector<float>());
}

TEST(StateDict, ConvertsElementTypes) {
  const Tensor brain = Tensor::empty({2}, kBFloat16), wide = Tensor::empty({2}, kInt64),
               narrow = Tensor::empty({2}, kUInt8);
  load_into({{"f", brain}, {"i", wide}, {"u", narrow}}, {{"f", Tensor::from<float>({1.00390625f, -3.0f}, {2})},
                                                         {"i", Tensor::from<int32_t>({-1, 5}, {2})},
                                                         {"u", Tensor::from<int64_t>({0, 255}, {2})}});
  EXPECT_EQ(static_cast<float>(brain.to_vector<bfloat16>()[0]), 1.0f);  // halfway rounds to even
  EXPECT_EQ(static_cast<float>(brain.to_vector<bfloat16>()[1]), -3.0f);
  EXPECT_EQ(wide.to_vector<int64_t>(), (std::vector<int64_t>{-1, 5}));
  EXPECT_EQ(narrow.to_vector<uint8_t>(), (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(error_of([&] {
              load_into({{"u", narrow}}, {{"u", Tensor::from<int32_t>({256, 0}, {2})}});
            }),
            "tensor \"u\": the value 256 does not fit into uint8");
  EXPECT_EQ(error_of([&] {
              load_into({{"u", narrow}}, {{"u", counted({2})}});
            }),
            "tensor \"u\": expected uint8, got float32");
}

TEST(StateDict, NamesMustMatchWhenStrict) {
  const Tensor x = counted({1});
  const StateDict target = {{"a", x}, {"b", x}, {"c", x}};
  const NamedTensors source = {{"b", Tensor::from<float>({9}, {1})}, {"fc.weight", x}, {"fc.bias", x}};
  EXPECT_EQ(error_of([&] { load_into(target, source); }),
            "the weights do not belong to this model; missing: a, c; unexpected: fc.weight, fc.bias");
  EXPECT_EQ(x.item(), 0.0);
  const LoadReport report = load_into(target, source, false);
  EXPECT_EQ(report.missing, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(report.unexpected, (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_EQ(x.item(), 9.0);
  EXPECT_NE(error_of([&] { load_into({{"a", x}, {"a", x}}, {{"a", x}}); }).find("twice"), std::string::npos);
  EXPECT_NE(error_of([&] { load_into({{"a", x}}, {{"a", x}, {"a", x}}); }).find("twice"), std::string::npos);
}

TEST(StateDict, ShapeMismatchCopiesNothing) {
  const Tensor first = counted({2}), weight = counted({2, 3, 3, 4});
  const NamedTensors source = {{"first", Tensor::from<float>({8, 9}, {2})}, {"w", counted({2, 3, 3, 4})}};
  for (const bool strict : {true, false}) {
    EXPECT_EQ(error_of([&] {
                load_into({{"first", first}, {"w", weight, Layout::ohwi}}, source, strict);
              }),
              "tensor \"w\": expected shape [2, 4, 3, 3], got [2, 3, 3, 4]");
    EXPECT_EQ(first.to_vector<float>(), (std::vector<float>{0, 1}));
  }
}

TEST(StateDict, ReadsEveryFormatByContent) {
  const TemporaryFolder folder;
  const NamedTensors expected = read_weights(kGolden / "torch_files" / "network.zip.pt");
  ASSERT_EQ(expected.size(), 9u);
  write_safetensors(folder / "weights", expected);
  NamedTensors wrapped = expected;
  for (NamedTensor& entry : wrapped) entry.name = "module." + entry.name;
  write_safetensors(folder / "wrapped", wrapped);
  for (const std::filesystem::path& path :
       {kGolden / "torch_files" / "network.legacy.pt", kGolden / "torch_files" / "checkpoint.legacy.pt",
        kGolden / "torch_files" / "checkpoint.zip.pt", folder / "weights", folder / "wrapped"}) {
    const NamedTensors read = read_weights(path);
    ASSERT_EQ(read.size(), expected.size()) << path;
    for (size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].name, expected[i].name) << path;
      ASSERT_EQ(read[i].tensor.shape(), expected[i].tensor.shape()) << path;
      EXPECT_EQ(
          std::memcmp(read[i].tensor.raw(), expected[i].tensor.raw(), static_cast<size_t>(read[i].tensor.bytes())), 0)
          << path;
    }
  }
}

// "module." is a wrapper only where it stands before everything.
TEST(StateDict, PartialPrefixIsKept) {
  const TemporaryFolder folder;
  write_safetensors(folder / "f", {{"module.a", counted({1})}, {"b", counted({1})}});
  EXPECT_EQ(read_weights(folder / "f")[0].name, "module.a");
}

TEST(StateDict, OtherFilesAreNamed) {
  const TemporaryFolder folder;
  std::ofstream(folder / "f") << "hello, this is no file of weights";
  EXPECT_EQ(error_of([&] { read_weights(folder / "f"); }),
            (folder / "f").string() + ": expected weights as safetensors or a PyTorch file, got neither");
  EXPECT_NE(error_of([&] { read_weights(folder / "none"); }).find("none: No such file"), std::string::npos);
  std::ofstream(folder / "empty").close();
  EXPECT_NE(error_of([&] { read_weights(folder / "empty"); }).find("got neither"), std::string::npos);
}

}  // namespace
}  // namespace bareseg
