#include "tests/devices.h"

namespace bareseg {
namespace {

Tensor leaf(Tensor x) {
  x.set_requires_grad();
  return x;
}

TEST_P(OpTest, GradientsAccumulateOverCallsAndUses) {
  Tensor x = leaf(normal({5}));
  backward(sum(scale(x, 3.0f)));
  backward(sum(add(x, scale(x, 2.0f))));
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(5, 6.0f));
  x.clear_grad();
  EXPECT_FALSE(x.grad().defined());
}

// x is used at three depths, so a closure that ran before all uses of its result were done would lose some.
TEST_P(OpTest, NewestFirstThroughADiamond) {
  Tensor x = leaf(normal({7}));
  const Tensor a = scale(x, 2.0f);
  const Tensor b = add(a, x);               // 3 x
  const Tensor c = add(scale(b, 5.0f), a);  // 17 x
  backward(sum(add(c, add(b, x))));         // 21 x
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(7, 21.0f));
}

TEST_P(OpTest, GradientHandedToTwoInputsIsNotShared) {
  Tensor a = leaf(normal({3})), b = leaf(normal({3}));
  backward(sum(add(a, b)));
  backward(sum(scale(a, 4.0f)));
  EXPECT_EQ(a.grad().to_vector<float>(), std::vector<float>(3, 5.0f));
  EXPECT_EQ(b.grad().to_vector<float>(), std::vector<float>(3, 1.0f));
}

TEST_P(OpTest, NoGradRecordsNothing) {
  const Tensor x = leaf(normal({3}));
  EXPECT_TRUE(grad_enabled());
  {
    const NoGrad outer;
    {
      const NoGrad inner;
      EXPECT_FALSE(relu(x).requires_grad());
    }
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE(relu(x).requires_grad());
  }
  EXPECT_TRUE(relu(x).requires_grad());
}

TEST_P(OpTest, DetachStopsTheGradient) {
  Tensor x = leaf(normal({3}));
  backward(sum(add(x, scale(x, 7.0f).detach())));
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(3, 1.0f));
}

TEST_P(OpTest, ConstantsTakeNoGradient) {
  Tensor x = leaf(normal({3}));
  const Tensor constant = normal({3});
  backward(mse_loss(x, constant));
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(constant.requires_grad());
  EXPECT_ERROR(constant.grad(), "grad: the tensor is not a leaf");
}

// Memory of the closures goes with the graph: after backward, and when a graph is dropped unused.
TEST_P(OpTest, GraphsFreeWhatTheyHeld) {
  Tensor x = leaf(normal({1000}));
  const int64_t before = allocator(device()).use().live;
  { const Tensor unused = sum(relu(relu(x))); }
  EXPECT_EQ(allocator(device()).use().live, before);
  Tensor loss = sum(relu(relu(x)));
  backward(loss);
  loss = {};
  x.clear_grad();
  EXPECT_EQ(allocator(device()).use().live, before);
}

// A chain as long as this would overflow the stack if graphs were walked or freed by recursion.
TEST_P(OpTest, LongChains) {
  constexpr int kLength = 200000;
  Tensor x = leaf(Tensor::full({1}, 1.0, kFloat32, device()));
  Tensor y = x;
  for (int i = 0; i < kLength; ++i) y = reshape(y, {1});
  backward(y);
  EXPECT_EQ(x.grad().item(), 1.0);
}

TEST_P(OpTest, LongChainsDroppedUnused) {
  constexpr int kLength = 200000;
  Tensor x = leaf(Tensor::full({1}, 1.0, kFloat32, device()));
  Tensor y = x;
  for (int i = 0; i < kLength; ++i) y = reshape(y, {1});
  y = {};
  EXPECT_FALSE(x.grad().defined());
}

TEST_P(OpTest, BackwardErrors) {
  const Tensor x = leaf(normal({3}));
  EXPECT_ERROR(backward(relu(x)), "loss must be a float tensor with one element, got float32 [3]");
  EXPECT_ERROR(backward(Tensor()), "an undefined tensor");
  EXPECT_ERROR(backward(sum(x.detach())), "loss has no graph");
  EXPECT_ERROR(backward(labels({1}, 2)), "got int32 [1]");
  const Tensor loss = sum(x);
  backward(loss);
  EXPECT_ERROR(backward(loss), "was used by an earlier backward() and is freed");
  // Also where only the lower part of the graph was used.
  const Tensor shared = relu(x);
  backward(sum(shared));
  EXPECT_ERROR(backward(mean(shared)), "the graph through 'relu' was used by an earlier backward()");
}

TEST_P(OpTest, RequiresGradErrors) {
  Tensor undefined, whole = labels({3}, 2), result = relu(leaf(normal({3})));
  EXPECT_ERROR(undefined.set_requires_grad(), "expected a float tensor, got an undefined one");
  EXPECT_ERROR(whole.set_requires_grad(), "expected a float tensor, got int32");
  EXPECT_ERROR(result.set_requires_grad(), "the tensor is the result of an op");
  EXPECT_ERROR(result.grad(), "grad: the tensor is not a leaf");
  EXPECT_ERROR(result.clear_grad(), "clear_grad: the tensor is not a leaf");
}

TEST_P(OpTest, ClosureMustReturnOneGradientPerInput) {
  const Tensor x = leaf(normal({1}));
  const Tensor y = record("broken", {x}, x.clone(), [](const Tensor&) -> Grads { return {}; });
  EXPECT_ERROR(backward(y), "broken: backward returned 0 gradients for 1 inputs");
}

}  // namespace
}  // namespace bareseg
