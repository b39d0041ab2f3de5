// Steps that are recorded and replayed leave the same bits as steps done op by op.
#include "engine/step_graph.h"

#include "layers/conv.h"
#include "layers/optim.h"
#include "tests/devices.h"

namespace bareseg {
namespace {

constexpr int64_t kImages = 2, kEdge = 6, kWidth = 8, kKinds = 3;

// A small network in training, with all that a step meets: statistics and counts of batch norm, dropout, crops, the
// fused loss, an optimizer whose numbers change.
class Trained {
 public:
  Trained(Device device, bool adam, bool replay)
      : device_(device),
        conv_({.in = 3, .out = kWidth, .kernel = 3, .conv = {.padding = 1}}, Random(3, Draws::test), device),
        norm_(kWidth, device),
        draw_(Tensor::empty({2}, kInt64, device)),
        centroids_(random_normal({kKinds, kWidth}, Random(4, Draws::test), kFloat32, device)),
        graph_(
            device, [this](const std::vector<Tensor>& inputs) { return step(inputs); }, replay) {
    std::vector<Tensor> parameters = conv_.parameters();
    for (const Tensor& p : norm_.parameters()) parameters.push_back(p);
    if (adam)
      optimizer_ = std::make_unique<Adam>(parameters, Adam::Options{.lr = 0.01f});
    else
      optimizer_ = std::make_unique<Sgd>(parameters, Sgd::Options{.lr = 0.01f, .momentum = 0.9f});
  }

  /// Results of the step number `i` on a batch of its own.
  std::vector<Tensor> train(int i, int64_t batch = kImages, DType dtype = kFloat32) {
    optimizer_->set_lr(0.01f / static_cast<float>(i + 1));
    const auto random = [&](uint64_t part) { return Random(static_cast<uint64_t>(i), Draws::test, part); };
    std::vector<int32_t> labels;
    std::vector<CropWindow> windows;
    for (int64_t n = 0; n < batch * kEdge * kEdge; ++n) labels.push_back(static_cast<int32_t>((n * 7 + i) % kKinds));
    for (int64_t n = 0; n < batch; ++n) {
      windows.push_back({.row = static_cast<int32_t>((n + i) % 3),
                         .col = 1,
                         .height = 3,
                         .width = 4,
                         .flip_horizontal = i % 2 == 0,
                         .flip_vertical = false});
    }
    // With a fourth channel, as images come on a GPU.
    return graph_.run({random_normal({batch, kEdge, kEdge, 4}, random(1), dtype, device_),
                       window_table(windows, kEdge, kEdge, device_),
                       Tensor::from(labels, {batch * kEdge * kEdge}, device_), Tensor()});
  }

  /// Everything that training changes.
  std::vector<Tensor> left() const {
    std::vector<Tensor> tensors;
    for (const StateDict& state : {conv_.state(), norm_.state(), optimizer_->state()}) {
      for (const StateEntry& entry : state) tensors.push_back(entry.tensor);
    }
    return tensors;
  }
  const StepGraph& graph() const { return graph_; }
  bool reads_back = false;  // in the middle of a step

 private:
  std::vector<Tensor> step(const std::vector<Tensor>& inputs) {
    EXPECT_FALSE(inputs[3].defined());
    optimizer_->clear_gradients();
    Tensor terms;
    const Tensor map = norm_.forward(conv_.forward(inputs[0]), {.relu = true});
    each_step([this] {
      const std::array<int64_t, 2> draw = {5, norm_.batches_tracked()};
      backend(device_).copy_from_host(draw.data(), draw_);
    });
    const Tensor f = crop_resize_flip(dropout(map, 0.25f, draw_), inputs[1], kEdge);
    const Tensor loss = cosine_cluster_loss(f, {{centroids_, inputs[2], {}}}, &terms);
    if (reads_back) static_cast<void>(loss.item());
    backward(loss);
    optimizer_->step();
    return {loss, terms, Tensor()};
  }

  Device device_;
  Conv2d conv_;
  BatchNorm norm_;
  Tensor draw_, centroids_;
  StepGraph graph_;
  std::unique_ptr<Optimizer> optimizer_;
};

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.defined(), b.defined());
  if (!a.defined()) return;
  ASSERT_EQ(a.bytes(), b.bytes());
  std::vector<std::byte> x(static_cast<size_t>(a.bytes())), y(x.size());
  a.copy_to_host(x.data());
  b.copy_to_host(y.data());
  EXPECT_TRUE(x == y) << a.shape();
}

void expect_same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) expect_same_bits(a[i], b[i]);
}

class StepGraphTest : public OpTest {};
INSTANTIATE_TEST_SUITE_P(Devices, StepGraphTest, testing::ValuesIn(all_devices()), device_name);

TEST_P(StepGraphTest, ReplayedStepsLeaveTheSameBits) {
  const bool records = device().type != Device::Type::cpu;
  for (const bool adam : {true, false}) {
    for (const DType dtype : {kFloat32, kBFloat16}) {
      SCOPED_TRACE(testing::Message() << (adam ? "adam " : "sgd ") << dtype);
      Trained plain(device(), adam, false), replayed(device(), adam, true);
      std::vector<std::vector<Tensor>> results;
      for (int i = 0; i < 7; ++i) {
        const int64_t batch = i == 5 ? 1 : kImages;  // one of another shape between the others
        const std::vector<Tensor> expected = plain.train(i, batch, dtype);
        results.push_back(replayed.train(i, batch, dtype));
        expect_same_bits(results.back(), expected);
        EXPECT_EQ(replayed.graph().replays(), records && i >= 2);
      }
      expect_same_bits(replayed.left(), plain.left());
      EXPECT_EQ(plain.graph().problem(), "");
      EXPECT_EQ(replayed.graph().problem(), "");
      // The results are the caller's: later steps do not write to them.
      EXPECT_NE(results[3][0].item(), results[6][0].item());
    }
  }
}

TEST_P(StepGraphTest, AStepThatCannotBeRecordedIsDoneOpByOp) {
  Trained plain(device(), true, false), other(device(), true, true);
  other.reads_back = true;
  for (int i = 0; i < 5; ++i) expect_same_bits(other.train(i), plain.train(i));
  expect_same_bits(other.left(), plain.left());
  EXPECT_FALSE(other.graph().replays());
  const bool records = device().type != Device::Type::cpu;
  EXPECT_EQ(other.graph().problem().find("being recorded has no results yet") != std::string::npos, records)
      << other.graph().problem();
}

}  // namespace
}  // namespace bareseg
