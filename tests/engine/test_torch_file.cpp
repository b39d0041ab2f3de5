#include "engine/torch_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "engine/file.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(BARESEG_TESTS_DIR) / "golden" / "torch_files";

using Kind = TorchValue::Kind;

class TorchFile : public testing::TestWithParam<const char*> {
 protected:
  TorchValue load(const std::string& name) const {
    return load_torch_file(kFolder / (name + "." + GetParam() + ".pt"));
  }
};
INSTANTIATE_TEST_SUITE_P(Containers, TorchFile, testing::Values("legacy", "zip"),
                         [](const auto& container) { return std::string(container.param); });

// Element i of the golden tensors; see make_torch_files.py.
float ramp(int number, int64_t i) { return static_cast<float>(i) / 8 - 3 + static_cast<float>(number); }

void expect_ramp(const Tensor& tensor, int number, const Shape& shape) {
  EXPECT_EQ(tensor.shape(), shape);
  const std::vector<float> values = tensor.to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], ramp(number, static_cast<int64_t>(i))) << i;
}

void expect_network(const NamedTensors& tensors, const std::string& prefix) {
  const std::vector<std::tuple<const char*, int, Shape>> expected = {
      {"conv.weight", 0, {4, 3, 3, 3}},
      {"conv.bias", 1, {4}},
      {"bn.weight", 2, {4}},
      {"bn.bias", 3, {4}},
      {"bn.running_mean", 6, {4}},
      {"bn.running_var", 7, {4}},
      {"bn.num_batches_tracked", 0, {}},
      {"fc.weight", 4, {2, 4}},
      {"fc.bias", 5, {2}},
  };
  ASSERT_EQ(tensors.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, number, shape] = expected[i];
    EXPECT_EQ(tensors[i].name, prefix + name);
    if (shape.rank() == 0) {
      EXPECT_EQ(tensors[i].tensor.to_vector<int64_t>(), std::vector<int64_t>{12345678901});
    } else {
      expect_ramp(tensors[i].tensor, number, shape);
    }
  }
}

TEST_P(TorchFile, StateDict) { expect_network(find_state_dict(load("network")), ""); }

TEST_P(TorchFile, ProtocolFourUnderModel) { expect_network(find_state_dict(load("protocol4")), ""); }

TEST_P(TorchFile, CheckpointWithOtherObjects) {
  const TorchValue file = load("checkpoint");
  expect_network(find_state_dict(file), "module.");
  EXPECT_EQ(file.size(), 9u);
  EXPECT_EQ(file.find("epoch")->integer(), 3);
  EXPECT_EQ(file.find("args")->class_name(), "argparse.Namespace");
  EXPECT_EQ(file.find("best")->tensor().item(), 0.5);
  EXPECT_EQ(file.find("lr")->real(), 2.5);
  EXPECT_FALSE(file.find("resumed")->boolean());
  EXPECT_EQ(file.find("note")->kind(), Kind::none);
  EXPECT_FALSE(file.find("absent"));
  const TorchValue history = *file.find("history");
  ASSERT_EQ(history.size(), 6u);
  EXPECT_EQ(history.at(0).integer(), 1);
  EXPECT_EQ(history.at(1).at(1).integer(), 3);
  EXPECT_EQ(history.at(2).string(), "four");
  EXPECT_EQ(history.at(4).class_name(), "int");
  EXPECT_EQ(history.at(5).integer(), -7);
  const TorchValue optimizer = *file.find("optimizer");
  const TorchValue state = optimizer.find("state")->at(0);
  EXPECT_EQ(optimizer.find("state")->key(1).integer(), 1);
  EXPECT_EQ(state.find("step")->tensor().item(), 1.0);
  EXPECT_EQ(state.find("exp_avg")->tensor().shape(), (Shape{4, 3, 3, 3}));
  EXPECT_EQ(optimizer.find("param_groups")->at(0).find("lr")->real(), 1e-3);
}

template <typename T>
void expect_values(const TorchValue& file, const char* name, const std::vector<T>& expected) {
  EXPECT_EQ(file.find(name)->tensor().to_vector<T>(), expected) << name;
}

TEST_P(TorchFile, ElementTypes) {
  const TorchValue file = load("kinds");
  expect_ramp(file.find("half")->tensor(), 0, {2, 3});
  expect_values<float>(file, "half_special",
                       {0x1p-24f, -0x1p-14f, 65504.0f, std::numeric_limits<float>::infinity(), -0.0f});
  EXPECT_TRUE(std::signbit(file.find("half_special")->tensor().to_vector<float>()[4]));
  const std::vector<bfloat16> brain = file.find("bfloat16")->tensor().to_vector<bfloat16>();
  ASSERT_EQ(brain.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(static_cast<float>(brain[static_cast<size_t>(i)]), ramp(1, i));
  expect_ramp(file.find("double")->tensor(), 2, {4});
  expect_values<int64_t>(file, "long", {-(int64_t{1} << 62), 0, int64_t{1} << 62});
  expect_values<int32_t>(file, "int", {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()});
  expect_values<int32_t>(file, "short", {-32768, 32767});
  expect_values<int32_t>(file, "char", {-128, 127});
  expect_values<uint8_t>(file, "byte", {0, 255});
  expect_values<uint8_t>(file, "bool", {1, 0, 1});
  EXPECT_EQ(file.find("complex")->class_name(), "torch.ComplexFloatStorage");
  expect_ramp(file.find("parameter")->tensor(), 5, {3});
  EXPECT_EQ(file.find("scalar")->tensor().shape(), Shape());
  EXPECT_EQ(file.find("empty")->tensor().shape(), (Shape{0, 3}));
  EXPECT_EQ(tensors_of(file).size(), file.size() - 1);  // all but complex
}

TEST_P(TorchFile, StridesAndSharedStorages) {
  const TorchValue file = load("kinds");
  const auto expect = [&](const char* name, const Shape& shape, auto value) {
    const Tensor tensor = file.find(name)->tensor();
    ASSERT_EQ(tensor.shape(), shape) << name;
    const std::vector<float> values = tensor.to_vector<float>();
    for (int64_t r = 0; r < shape.dim(0); ++r) {
      for (int64_t c = 0; c < shape.dim(1); ++c) {
        EXPECT_EQ(values[static_cast<size_t>(r * shape.dim(1) + c)], value(r, c)) << name << " " << r << " " << c;
      }
    }
  };
  expect("transposed", {5, 6}, [](int64_t r, int64_t c) { return ramp(0, c * 5 + r); });
  expect("window", {3, 3}, [](int64_t r, int64_t c) { return ramp(0, (r + 1) * 5 + c + 2); });
  expect("expanded", {2, 3}, [](int64_t r, int64_t) { return ramp(3, r); });
  expect_ramp(file.find("first_half")->tensor(), 1, {5});
  EXPECT_EQ(file.find("second_half")->tensor().to_vector<float>()[0], ramp(1, 5));
  expect_ramp(file.find("channels_last")->tensor(), 4, {1, 2, 2, 3});
}

TEST_P(TorchFile, WrongKindsAreNamed) {
  const TorchValue file = load("checkpoint");
  const std::string name = file.origin() + ": ";
  EXPECT_EQ(error_of([&] { file.integer(); }), name + "expected an integer, got a dict");
  EXPECT_EQ(error_of([&] { file.find("epoch")->tensor(); }), name + "expected a tensor, got an integer");
  EXPECT_EQ(error_of([&] { file.find("epoch")->size(); }), name + "expected a list, tuple or dict, got an integer");
  EXPECT_EQ(error_of([&] { file.at(9); }), name + "no item 9 among 9");
  EXPECT_NE(error_of([&] { find_state_dict(*file.find("optimizer")); }).find("keys: state, param_groups"),
            std::string::npos);
}

TEST(TorchFiles, WholeObjectIsRefusedByItsClass) {
  const TorchValue file = load_torch_file(kFolder / "module.zip.pt");
  EXPECT_EQ(file.kind(), Kind::opaque);
  EXPECT_NE(error_of([&] { find_state_dict(file); }).find("class torch.nn.modules.container.Sequential"),
            std::string::npos);
}

// Touches every value that can be reached, up to a limit where values hold themselves.
void visit(const TorchValue& root) {
  std::vector<TorchValue> waiting = {root};
  for (int steps = 0; steps < 2000 && !waiting.empty(); ++steps) {
    const TorchValue value = waiting.back();
    waiting.pop_back();
    const Kind kind = value.kind();
    if (kind == Kind::tensor) value.tensor();
    if (kind != Kind::list && kind != Kind::tuple && kind != Kind::dict) continue;
    for (size_t i = 0; i < std::min<size_t>(value.size(), 100); ++i) waiting.push_back(value.at(i));
  }
}

TEST(TorchFiles, EveryTruncationIsRefused) {
  for (const char* name : {"checkpoint.legacy.pt", "kinds.legacy.pt", "kinds.zip.pt", "network.zip.pt"}) {
    each_truncation(read_file(kFolder / name), [&](std::span<const std::byte> bytes) {
      EXPECT_NE(error_of([&] { parse_torch_file(bytes, "f"); }), "") << name << ": " << bytes.size() << " bytes";
    });
  }
}

TEST(TorchFiles, CorruptionNeverCrashes) {
  const MemoryLimit limit(uint64_t{512} << 20);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    int loaded = 0;
    each_corruption(read_file(entry.path()), 2000, [&](std::span<const std::byte> bytes) {
      loaded += error_of([&] {
                  const TorchValue file = parse_torch_file(bytes, "f");
                  visit(file);
                  find_state_dict(file);
                }).empty();
    });
    EXPECT_LT(loaded, 2000) << entry.path();
  }
}

TEST(TorchFiles, OtherFilesAreRefused) {
  EXPECT_NE(error_of([] { parse_torch_file(bytes_of(""), "f"); }).find("f: "), std::string::npos);
  EXPECT_NE(error_of([] { parse_torch_file(bytes_of("\x80\x02K\x01."), "f"); }).find("magic number"),
            std::string::npos);
  EXPECT_NE(error_of([] { parse_torch_file(bytes_of("PK\x03\x04"), "f"); }).find("f: not a zip archive"),
            std::string::npos);
  const auto head = [](const std::string& version, const std::string& system) {
    const std::string magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    return error_of(
        [&] { parse_torch_file(bytes_of(magic + "\x80\x02" + version + ".\x80\x02" + system + "."), "f"); });
  };
  EXPECT_NE(head("K\x01", "}").find("expected version 1001"), std::string::npos);
  EXPECT_NE(head("M\xe9\x03", "]").find("not a dict"), std::string::npos);
  EXPECT_NE(head("M\xe9\x03", "}\x8c\x0dlittle_endian\x89s").find("big-endian"), std::string::npos);
  EXPECT_FALSE(looks_like_torch_file(bytes_of("")));
  EXPECT_FALSE(looks_like_torch_file(bytes_of("\x80\x02K\x01.")));
}

}  // namespace
}  // namespace bareseg
