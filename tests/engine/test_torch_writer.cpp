#include "engine/torch_writer.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/torch_file.h"
#include "tests/engine/hostile.h"
#include "tests/process.h"

namespace bareseg {
namespace {

// {"epoch": 3, "big": -2**40, "lr": 0.1, "betas": (0.9, 0.999), "resumed": True, "names": ["grün", ""], 7: {},
//  "state_dict": tensors of every type}, or the same without the real numbers.
TorchWriter written(bool reals = true) {
  TorchWriter w;
  w.begin_dict();
  w.text("epoch");
  w.integer(3);
  w.text("big");
  w.integer(-(int64_t{1} << 40));
  if (reals) {
    w.text("lr");
    w.real(0.1);
    w.text("betas");
    w.begin_tuple();
    w.real(0.9);
    w.real(0.999);
    w.end();
  }
  w.text("resumed");
  w.boolean(true);
  w.text("names");
  w.begin_list();
  w.text("gr\xc3\xbcn");
  w.text("");
  w.end();
  w.integer(7);
  w.begin_dict();
  w.end();
  w.text("state_dict");
  w.begin_dict();
  w.text("float");
  w.tensor(Tensor::from<float>({0.5f, -1, 2, std::numeric_limits<float>::infinity(), 4, 5}, {1, 2, 3}));
  w.text("brain");
  w.tensor(Tensor::from<bfloat16>({bfloat16(1.5f), bfloat16(-2.0f)}, {2}));
  w.text("int");
  w.tensor(Tensor::from<int32_t>({-1, 2}, {2, 1}));
  w.text("steps");
  w.tensor(Tensor::from<int64_t>({int64_t{1} << 60}, Shape()));
  w.text("byte");
  w.tensor(Tensor::from<uint8_t>({0, 255}, {2}));
  w.text("empty");
  w.tensor(Tensor::empty({2, 0, 3}));
  w.end();
  w.end();
  return w;
}

TEST(TorchWriter, OwnReaderGetsItBack) {
  const TemporaryFolder folder;
  written().save(folder / "f.pth");
  const TorchValue f = load_torch_file(folder / "f.pth");
  EXPECT_EQ(f.size(), 8u);
  EXPECT_EQ(f.find("epoch")->integer(), 3);
  EXPECT_EQ(f.find("big")->integer(), -(int64_t{1} << 40));
  EXPECT_EQ(f.find("lr")->real(), 0.1);
  EXPECT_EQ(f.find("betas")->kind(), TorchValue::Kind::tuple);
  EXPECT_EQ(f.find("betas")->at(1).real(), 0.999);
  EXPECT_TRUE(f.find("resumed")->boolean());
  EXPECT_EQ(f.find("names")->at(0).string(), "gr\xc3\xbcn");
  EXPECT_EQ(f.key(6).integer(), 7);
  const NamedTensors tensors = find_state_dict(f);
  ASSERT_EQ(tensors.size(), 6u);
  EXPECT_EQ(tensors[0].tensor.shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(tensors[0].tensor.to_vector<float>()[5], 5.0f);
  EXPECT_EQ(static_cast<float>(tensors[1].tensor.to_vector<bfloat16>()[0]), 1.5f);
  EXPECT_EQ(tensors[2].tensor.to_vector<int32_t>(), (std::vector<int32_t>{-1, 2}));
  EXPECT_EQ(tensors[3].tensor.to_vector<int64_t>(), std::vector<int64_t>{int64_t{1} << 60});
  EXPECT_EQ(tensors[4].tensor.to_vector<uint8_t>(), (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(tensors[5].tensor.shape(), (Shape{2, 0, 3}));
}

TEST(TorchWriter, PyTorchReadsItWithoutRunningAnything) {
  const auto python = python_with("torch");
  if (!python) GTEST_SKIP() << "no Python with torch";
  const TemporaryFolder folder;
  written().save(folder / "f.pth");
  written(false).save(folder / "g.pth");
  const Outcome outcome = run("cd " + folder.path().string() + " && " + *python + R"( -c '
import torch
plain = {"epoch": 3, "big": -2**40, "resumed": True, "names": ["gr\u00fcn", ""], 7: {}}
f = torch.load("f.pth", **({"weights_only": True} if int(torch.__version__.split(".")[0]) >= 2 else {}))
del f["state_dict"]
assert f == dict(plain, lr=0.1, betas=(0.9, 0.999)), f
f = torch.load("g.pth", weights_only=True)
s = f.pop("state_dict")
assert f == plain, f
assert s["float"].dtype == torch.float32 and s["float"].tolist() == [[[0.5, -1, 2], [float("inf"), 4, 5]]]
assert s["brain"].dtype == torch.bfloat16 and s["brain"].tolist() == [1.5, -2]
assert s["int"].dtype == torch.int32 and s["int"].tolist() == [[-1], [2]]
assert s["steps"].shape == () and s["steps"] == 2**60
assert s["byte"].dtype == torch.uint8 and s["byte"].tolist() == [0, 255]
assert s["empty"].shape == (2, 0, 3) and all(t.is_contiguous() for t in s.values())
')");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
}

TEST(TorchWriter, RefusesWhatNoReaderWouldTake) {
  const TemporaryFolder folder;
  TorchWriter w;
  EXPECT_NE(error_of([&] { w.text("\xff"); }).find("UTF-8"), std::string::npos);
  EXPECT_NE(error_of([&] { w.end(); }).find("never begun"), std::string::npos);
  w.begin_list();
  EXPECT_NE(error_of([&] { w.save(folder / "f.pth"); }).find("1 containers are not ended"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "f.pth"));
  EXPECT_NE(error_of([&] { written().save(folder / "none" / "f.pth"); }).find("none/f.pth"), std::string::npos);
}

}  // namespace
}  // namespace bareseg
