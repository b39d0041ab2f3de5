// PiCIE's training step on a ResNet-18-FPN against PyTorch: golden/make_picie_step.py made the numbers and says how.
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "layers/fpn.h"
#include "layers/optim.h"
#include "tests/devices.h"
#include "tests/layers/hashed.h"

namespace bareseg {
namespace {

constexpr int64_t kBatch = 2, kSide = 64, kCells = kSide / 4, kClasses = 5, kDims = 128;

/// The script's `initial`, in torch's order.
std::vector<float> initial_of_step(const StateEntry& entry) {
  const Shape& shape = entry.tensor.shape();
  const std::string& name = entry.name;
  if (shape.rank() == 4) {
    const bool decoder = name.starts_with("decoder");
    const int64_t fan = decoder ? shape.dim(3) : shape.dim(0) * shape.dim(1) * shape.dim(2);
    const double bound = std::sqrt(3.0 * (decoder ? 1.0 / 3.0 : 2.0) / static_cast<double>(fan));
    return hashed_uniform(name, shape.count(), -bound, bound);
  }
  if (name.ends_with("weight")) return hashed_uniform(name, shape.count(), 0.5, 1.5);
  return hashed_uniform(name, shape.count(), -0.1, 0.1);
}

struct Data {
  explicit Data(Device device) {
    const std::pair<const char*, const char*> views[] = {{"1", "view1, draw 38"}, {"2", "view2, draw 50"}};
    for (const auto& [view, name] : views) {
      const Shape image{kBatch, kSide, kSide, 3};
      const std::vector<float> pixels = hashed_uniform(name, image.count(), -2.0, 2.0);
      images.push_back(Tensor::from(channels_last(pixels, image), image, device));
      std::vector<uint8_t> labels;
      for (const uint64_t hash : hashed(concat("labels", view), kBatch * kCells * kCells)) {
        labels.push_back(static_cast<uint8_t>((hash >> 40) % kClasses));
      }
      const std::vector<float> centroids = hashed_uniform(concat("centroids", view), kClasses * kDims, -0.15, 0.15);
      const std::vector<float> weights = hashed_uniform(concat("weights", view), kClasses, 0.1, 0.4);
      targets.push_back({Tensor::from(centroids, {kClasses, kDims}, device),
                         Tensor::from(labels, {kBatch, kCells, kCells}, device),
                         Tensor::from(weights, {kClasses}, device)});
    }
  }
  std::vector<Tensor> images;
  std::vector<ClusterTarget> targets;
};

/// Section 8's loss, and its terms in the order 11, 12, 22, 21.
Tensor picie_loss(ResNetFpn& model, const Data& data, std::vector<double>* terms = nullptr) {
  const std::vector<CropWindow> windows = {{2, 5, 11, 11, true, false}, {0, 3, 13, 13, false, true}};
  Tensor first, second;
  const Tensor x1 = model.forward(data.images[0]);
  const Tensor x2 = crop_resize_flip(model.forward(data.images[1]), windows, kCells);
  const Tensor loss1 = cosine_cluster_loss(x1, {data.targets[0], data.targets[1]}, &first);
  const Tensor loss2 = cosine_cluster_loss(x2, {data.targets[1], data.targets[0]}, &second);
  if (terms != nullptr)
    *terms = {first.rows(0, 1).item(), first.rows(1, 2).item(), second.rows(0, 1).item(), second.rows(1, 2).item()};
  return scale(add(loss1, loss2), 0.5f);
}

/// Lines of picie_step.txt: what follows the first word, and for grad and running the name.
std::map<std::string, std::vector<double>> golden() {
  std::ifstream file(BARESEG_TESTS_DIR "/golden/picie_step.txt");
  std::map<std::string, std::vector<double>> lines;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string key, name;
    line >> key;
    if ((key == "grad" || key == "running") && line >> name) key += " " + name;
    for (double value = 0.0; line >> value;) lines[key].push_back(value);
  }
  return lines;
}

class GoldenStep : public OpTest {
 protected:
  void SetUp() override {
    OpTest::SetUp();
    if (IsSkipped()) return;
    golden_ = golden();
    ASSERT_EQ(golden_["curve64"].size(), 10u) << "golden/picie_step.txt is missing or cut short";
    model_ = std::make_unique<ResNetFpn>(ResNetFpn::Options{.depth = 18}, ModuleOptions{.device = device()});
    for (const StateEntry& entry : model_->state()) {
      if (!golden_.contains("grad " + entry.name)) continue;
      const std::vector<float> values = initial_of_step(entry);
      overwrite(entry.tensor, entry.layout == Layout::ohwi ? channels_last(values, entry.tensor.shape()) : values);
    }
  }
  std::map<std::string, std::vector<double>> golden_;
  std::unique_ptr<ResNetFpn> model_;
};

TEST_P(GoldenStep, LossAndItsTerms) {
  std::vector<double> terms;
  const Tensor loss = picie_loss(*model_, Data(device()), &terms);
  const std::vector<double>& expected = golden_["loss"];
  EXPECT_NEAR(loss.item(), expected[0], 1e-4 * expected[0]);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(terms[i], expected[i + 1], 1e-4 * expected[i + 1]) << "term " << i;
}

TEST_P(GoldenStep, GradientOfEveryParameter) {
  backward(picie_loss(*model_, Data(device())));
  size_t compared = 0;
  for (const StateEntry& entry : model_->state()) {
    if (!entry.tensor.requires_grad()) continue;
    SCOPED_TRACE(entry.name);
    const auto found = golden_.find("grad " + entry.name);
    ASSERT_NE(found, golden_.end());
    ++compared;
    ASSERT_TRUE(entry.tensor.grad().defined());
    std::vector<float> gradient = entry.tensor.grad().to_vector<float>();
    if (entry.layout == Layout::ohwi) gradient = channels_first(gradient, entry.tensor.shape());
    const std::vector<double>& expected = found->second;  // norm, count, then index and value in turn
    EXPECT_NEAR(norm_of(gradient), expected[0], 1e-4 * expected[0]);
    const double typical = expected[0] / std::sqrt(static_cast<double>(gradient.size()));
    for (size_t i = 2; i < expected.size(); i += 2) {
      EXPECT_NEAR(static_cast<double>(gradient.at(static_cast<size_t>(expected[i]))), expected[i + 1],
                  1e-4 * std::max(std::abs(expected[i + 1]), typical))
          << "element " << expected[i];
    }
  }
  EXPECT_EQ(compared, 68u);
}

TEST_P(GoldenStep, RunningStatisticsTakeBothViews) {
  picie_loss(*model_, Data(device()));
  size_t compared = 0;
  for (const StateEntry& entry : model_->state()) {
    const auto found = golden_.find("running " + entry.name);
    if (found == golden_.end()) continue;
    SCOPED_TRACE(entry.name);
    ++compared;
    const std::vector<double>& expected = found->second;  // norm, index, value
    const std::vector<float> values = entry.tensor.to_vector<float>();
    EXPECT_NEAR(norm_of(values), expected[0], 1e-4 * expected[0]);
    EXPECT_NEAR(static_cast<double>(values.at(static_cast<size_t>(expected[1]))), expected[2], 1e-4 * expected[0]);
  }
  EXPECT_EQ(compared, 40u);
}

// Adam's first steps divide gradients by their own size, so rounding grows from step to step: PyTorch's own float32
// curve leaves its float64 curve by up to 2e-5. The bound is that of the single step.
TEST_P(GoldenStep, TenStepsOfAdam) {
  const Data data(device());
  Adam optimizer(model_->parameters(), {.lr = 1e-3f});
  const std::vector<double>& expected = golden_["curve64"];
  for (size_t step = 0; step < expected.size(); ++step) {
    const Tensor loss = picie_loss(*model_, data);
    EXPECT_NEAR(loss.item(), expected[step], 1e-4 * expected[step]) << "step " << step;
    backward(loss);
    optimizer.step();
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, GoldenStep, testing::ValuesIn(all_devices()), device_name);

}  // namespace
}  // namespace bareseg
