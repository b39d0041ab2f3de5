// Tensors without a backend: what the engine does by itself in host memory.
#include <gtest/gtest.h>

#include <numeric>
#include <sstream>

#include "engine/backend.h"
#include "engine/tensor.h"

namespace bareseg {
namespace {

template <typename F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.message();
  }
  return "nothing was thrown";
}

Tensor counting(const Shape& shape) {
  std::vector<int32_t> values(static_cast<size_t>(shape.count()));
  std::iota(values.begin(), values.end(), 0);
  return Tensor::from(values, shape);
}

TEST(Tensor, UndefinedOnesSaySo) {
  const Tensor none;
  EXPECT_FALSE(none.defined());
  const std::string expected = "Tensor: used before it was given elements";
  EXPECT_EQ(message_of([&] { none.device(); }), expected);
  EXPECT_EQ(message_of([&] { none.raw(); }), expected);
  EXPECT_EQ(message_of([&] { none.clone(); }), expected);
  EXPECT_EQ(message_of([&] { none.to_vector<float>(); }), expected);
}

TEST(Tensor, HoldsWhatItWasGiven) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(x.dtype(), kInt32);
  EXPECT_EQ(x.bytes(), 24);
  EXPECT_EQ(x.to_vector<int32_t>(), (std::vector<int32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(x.raw()) % 64, 0u);
  EXPECT_EQ(message_of([] { Tensor::from<float>({1.0f}, {2}); }), "Tensor::from: shape [2] has 2 elements, got 1");
  EXPECT_EQ(message_of([&] { x.data<float>(); }), "Tensor: elements are int32, asked for as float32");
  EXPECT_EQ(message_of([&] { x.to_vector<uint8_t>(); }), "Tensor: elements are int32, asked for as uint8");
}

TEST(Tensor, EmptyOnesAreDefined) {
  const Tensor x = Tensor::empty({0, 7});
  EXPECT_TRUE(x.defined());
  EXPECT_EQ(x.bytes(), 0);
  EXPECT_TRUE(x.to_vector<float>().empty());
}

TEST(Tensor, CopiesShareElements) {
  const Tensor x = counting({3});
  const Tensor same = x;
  same.data<int32_t>()[1] = 9;
  EXPECT_EQ(x.to_vector<int32_t>(), (std::vector<int32_t>{0, 9, 2}));
}

TEST(Tensor, RowsAndViewsShareElements) {
  const Tensor x = counting({4, 3});
  const Tensor middle = x.rows(1, 3);
  EXPECT_EQ(middle.shape(), (Shape{2, 3}));
  EXPECT_EQ(middle.to_vector<int32_t>(), (std::vector<int32_t>{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(middle.rows(1, 2).to_vector<int32_t>(), (std::vector<int32_t>{6, 7, 8}));
  EXPECT_EQ(x.rows(2, 2).count(), 0);
  EXPECT_EQ(x.view({2, 6}).rows(1, 2).view({6}).to_vector<int32_t>(), (std::vector<int32_t>{6, 7, 8, 9, 10, 11}));
  middle.data<int32_t>()[0] = -1;
  EXPECT_EQ(x.to_vector<int32_t>()[3], -1);
  EXPECT_EQ(message_of([&] { x.rows(3, 5); }), "rows: [3, 5) does not lie in the first dimension of [4, 3]");
  EXPECT_EQ(message_of([&] { x.rows(2, 1); }), "rows: [2, 1) does not lie in the first dimension of [4, 3]");
  EXPECT_EQ(message_of([&] { x.rows(-1, 1); }), "rows: [-1, 1) does not lie in the first dimension of [4, 3]");
  EXPECT_EQ(message_of([&] { x.view({5}); }), "view: [4, 3] cannot be seen as [5]");
}

TEST(Tensor, ItemOfEveryType) {
  EXPECT_EQ(Tensor::from<int64_t>({int64_t{1} << 40}, {}).item(), 0x1p40);
  EXPECT_EQ(Tensor::from<uint8_t>({255}, {1}).item(), 255.0);
  EXPECT_EQ(Tensor::from<bfloat16>({bfloat16(1.5f)}, {1, 1}).item(), 1.5);
  EXPECT_EQ(Tensor::from<float>({-2.5f}, {1}).item(), -2.5);
  EXPECT_EQ(message_of([] { counting({2}).item(); }), "item: expected one element, got [2]");
}

TEST(Tensor, TooLargeIsAnErrorThatNamesTheSize) {
  EXPECT_EQ(message_of([] { Tensor::empty({int64_t{1} << 62}); }),
            "Tensor: float32 [4611686018427387904] has more bytes than int64 counts");
}

TEST(Tensor, MemoryIsCountedAndReturned) {
  Allocator& memory = host_allocator();
  const int64_t before = memory.use().live;
  memory.reset_peak();
  {
    const Tensor x = Tensor::empty({1 << 20}, kUInt8);
    EXPECT_GE(memory.use().live, before + (1 << 20));
    const Tensor part = x.rows(0, 1);
  }
  EXPECT_EQ(memory.use().live, before);
  EXPECT_GE(memory.use().peak, before + (1 << 20));
  memory.reset_peak();
  EXPECT_EQ(memory.use().peak, before);
}

TEST(Tensor, PartsKeepTheWholeAlive) {
  Tensor part;
  {
    const Tensor x = counting({100000});
    part = x.rows(99999, 100000);
  }
  EXPECT_EQ(part.item(), 99999.0);
}

TEST(Device, ParsedAndPrinted) {
  for (const char* text : {"cpu", "emulated", "cuda:0", "cuda:3"}) {
    std::ostringstream out;
    out << Device::parse(text);
    EXPECT_EQ(out.str(), text);
  }
  EXPECT_EQ(Device::parse("cuda"), Device::parse("cuda:0"));
  for (const char* text : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CPU"}) {
    EXPECT_EQ(message_of([&] { Device::parse(text); }),
              std::string("device: expected cpu, cuda or cuda:N, got '") + text + "'");
  }
}

TEST(Backend, MissingOnesAreNamed) {
  EXPECT_EQ(message_of([] {
              Tensor::empty({1}, kFloat32, {Device::Type::cuda, 1});
            }),
            "no backend serves device cuda:1: this program was built without CUDA");
}

}  // namespace
}  // namespace bareseg
