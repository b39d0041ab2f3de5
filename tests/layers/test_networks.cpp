// DeepLabV3 and U-Net against PyTorch: golden/make_networks.py made the numbers and says how. PiCIE's network: sizes.
#include <fstream>
#include <map>
#include <sstream>

#include "layers/deeplab.h"
#include "layers/fpn.h"
#include "layers/unet.h"
#include "tests/devices.h"
#include "tests/layers/hashed.h"

namespace bareseg {
namespace {

/// Lines of networks.txt that begin with `network`: the numbers after "eval", "grad NAME" and so on.
std::map<std::string, std::vector<double>> golden(const std::string& network) {
  std::ifstream file(BARESEG_TESTS_DIR "/golden/networks.txt");
  std::map<std::string, std::vector<double>> lines;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string of, key, name;
    line >> of >> key;
    if (of != network) continue;
    if (key == "grad" && line >> name) key += " " + name;
    for (double value = 0.0; line >> value;) lines[key].push_back(value);
  }
  return lines;
}

/// The script's `initial`, in torch's order.
std::vector<float> initial_of_network(const StateEntry& entry) {
  const Shape& shape = entry.tensor.shape();
  if (shape.rank() == 4) {
    const double bound = std::sqrt(6.0 / static_cast<double>(shape.dim(1) * shape.dim(2) * shape.dim(3)));
    return hashed_uniform(entry.name, shape.count(), -bound, bound);
  }
  const bool positive = entry.name.ends_with("weight") || entry.name.ends_with("running_var");
  return hashed_uniform(entry.name, shape.count(), positive ? 0.5 : -0.1, positive ? 1.5 : 0.1);
}

int64_t parameter_count(const Module& module) {
  int64_t count = 0;
  for (const Tensor& p : module.parameters()) count += p.count();
  return count;
}

/// expected: norm, count, then index and value in turn.
void expect_sample(std::vector<float> values, const std::vector<double>& expected, double tolerance) {
  ASSERT_GE(expected.size(), 4u);
  EXPECT_NEAR(norm_of(values), expected[0], tolerance * expected[0]);
  const double typical = expected[0] / std::sqrt(static_cast<double>(values.size()));
  for (size_t i = 2; i < expected.size(); i += 2) {
    EXPECT_NEAR(static_cast<double>(values.at(static_cast<size_t>(expected[i]))), expected[i + 1],
                tolerance * std::max(std::abs(expected[i + 1]), 16.0 * typical))
        << "element " << expected[i];
  }
}

class GoldenNetwork : public OpTest {
 protected:
  template <typename Network>
  void follow(Network& network, const char* name, double training_tolerance) {
    const auto expected = golden(name);
    for (const StateEntry& entry : network.state()) {
      if (entry.name.ends_with("num_batches_tracked")) continue;
      const std::vector<float> values = initial_of_network(entry);
      overwrite(entry.tensor, entry.layout == Layout::ohwi ? channels_last(values, entry.tensor.shape()) : values);
    }
    const Shape shape{2, 33, 41, 3};
    const Tensor x =
        Tensor::from(channels_last(hashed_uniform("image", shape.count(), -2.0, 2.0), shape), shape, device());
    network.set_training(false);
    const Tensor y = network.forward(x);
    expect_sample(channels_first(y.template to_vector<float>(), y.shape()), expected.at("eval"), 1e-4);
    backward(against(y, Tensor::from(channels_last(hashed_uniform("cotangent", y.count(), -1.0, 1.0), y.shape()),
                                     y.shape(), device())));
    size_t compared = 0;
    for (const StateEntry& entry : network.state()) {
      if (!entry.tensor.requires_grad()) continue;
      SCOPED_TRACE(entry.name);
      std::vector<float> gradient = entry.tensor.grad().template to_vector<float>();
      if (entry.layout == Layout::ohwi) gradient = channels_first(gradient, entry.tensor.shape());
      expect_sample(gradient, expected.at("grad " + entry.name), 1e-4);
      ++compared;
    }
    EXPECT_EQ(compared + 3, expected.size());  // beside "parameters", "eval", "train"
    const NoGrad no_grad;
    network.set_training(true);
    const Tensor t = network.forward(x);
    expect_sample(channels_first(t.template to_vector<float>(), t.shape()), expected.at("train"), training_tolerance);
  }
};

// PyTorch's own float32 features in training are 1.7e-4 off.
TEST_P(GoldenNetwork, DeepLabV3) {
  DeepLabV3 network({.depth = 50, .dropout = 0.0f}, {.device = device()});
  follow(network, "deeplab", 2e-3);
}

TEST_P(GoldenNetwork, UNet) {
  UNet network({.width = 8}, {.device = device()});
  follow(network, "unet", 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Devices, GoldenNetwork, testing::ValuesIn(all_devices()), device_name);

TEST(Networks, ParameterCounts) {
  // The 1x1 convolution to 21 classes is the caller's.
  const auto of_deeplab = golden("deeplab").at("parameters").at(0), of_unet = golden("unet").at("parameters").at(0);
  EXPECT_EQ(of_deeplab, 39638869);
  EXPECT_EQ(parameter_count(DeepLabV3({.depth = 50})) + 21 * DeepLabV3::kFeatures + 21, of_deeplab);
  EXPECT_EQ(parameter_count(UNet({.width = 8})), of_unet);
  EXPECT_EQ(parameter_count(UNet({})), 17262912);
  // The auxiliary head of the published weights makes it 42,004,074: a 3x3 convolution of 1024 channels, its norm and
  // 21 classes.
  EXPECT_EQ(of_deeplab + 9 * 1024 * 256 + 2 * 256 + 21 * 256 + 21, 42004074);
}

// PiCIE sections 3.4 and 4.
TEST(Networks, CountsOfPicie) {
  struct Case {
    int depth;
    int64_t features, backbone, decoder, all;
    size_t convs, entries;
  };
  for (const Case& c :
       {Case{18, 128, 11176512, 123392, 11299904, 20, 128}, Case{50, 256, 23508032, 984064, 24492096, 53, 326}}) {
    SCOPED_TRACE(c.depth);
    ResNetFpn network({.depth = c.depth});
    EXPECT_EQ(network.features(), c.features);
    EXPECT_EQ(parameter_count(network), c.all);
    EXPECT_EQ(parameter_count(network.backbone()), c.backbone);
    EXPECT_EQ(network.state().size(), c.entries);
    std::vector<std::string> decoder;
    int64_t of_decoder = 0;
    size_t convs = 0, tracked = 0;
    for (const StateEntry& entry : network.state()) {
      const bool in_decoder = entry.name.starts_with("decoder.");
      convs += !in_decoder && entry.tensor.shape().rank() == 4;
      tracked += entry.name.ends_with("num_batches_tracked");
      if (!in_decoder) continue;
      decoder.push_back(entry.name);
      of_decoder += entry.tensor.count();
    }
    EXPECT_EQ(of_decoder, c.decoder);
    EXPECT_EQ(convs, c.convs);
    EXPECT_EQ(tracked, c.convs);  // a batch norm, of five entries, after each convolution
    EXPECT_EQ(decoder, (std::vector<std::string>{"decoder.layer4.weight", "decoder.layer4.bias",  //
                                                 "decoder.layer3.weight", "decoder.layer3.bias",  //
                                                 "decoder.layer2.weight", "decoder.layer2.bias",  //
                                                 "decoder.layer1.weight", "decoder.layer1.bias"}));
  }
}

TEST(Networks, NamesOfDeepLabAreTorchvisions) {
  const DeepLabV3 network({.depth = 18});
  std::map<std::string, Shape> names;
  for (const StateEntry& entry : network.state()) names[entry.name] = entry.tensor.shape();
  EXPECT_EQ(names.at("backbone.layer4.1.conv2.weight"), (Shape{512, 3, 3, 512}));
  EXPECT_EQ(names.at("classifier.0.convs.3.0.weight"), (Shape{256, 3, 3, 512}));
  EXPECT_EQ(names.at("classifier.0.convs.4.1.weight"), (Shape{256, 1, 1, 512}));
  EXPECT_EQ(names.at("classifier.0.convs.4.2.running_mean"), (Shape{256}));
  EXPECT_EQ(names.at("classifier.0.project.0.weight"), (Shape{256, 1, 1, 1280}));
  EXPECT_EQ(names.at("classifier.2.bias"), (Shape{256}));
}

TEST(Networks, SizesOfMaps) {
  const NoGrad no_grad;
  const Tensor x = random_normal({1, 49, 70, 3}, Random(1, Draws::test));
  for (const int stride : {8, 16}) {
    DeepLabV3 network({.depth = 18, .output_stride = stride});
    network.set_training(false);
    EXPECT_EQ(network.forward(x).shape(), (Shape{1, (49 + stride - 1) / stride, (70 + stride - 1) / stride, 256}));
  }
  UNet unet({.width = 2});
  EXPECT_EQ(unet.forward(x).shape(), (Shape{1, 49, 70, 2}));
  EXPECT_ERROR(unet.forward(Tensor::zeros({1, 15, 16, 3})), "16 at least, got [1, 15, 16, 3]");
  EXPECT_ERROR(UNet({.width = 0}), "width must be positive");
  EXPECT_ERROR(DeepLabV3({.output_stride = 32}), "output_stride must be 8 or 16, got 32");
  EXPECT_ERROR(DeepLabV3({.output_stride = 4}), "output_stride must be 8, 16 or 32, got 4");
}

TEST(Networks, DropoutGoesOnWhereABatchNormSaysItIs) {
  const NoGrad no_grad;
  const Tensor x = random_normal({2, 16, 16, 3}, Random(1, Draws::test));
  DeepLabV3 first({.depth = 18}), second({.depth = 18});
  const auto next = [&](DeepLabV3& network) { return network.forward(x).to_vector<float>(); };
  next(first);
  load_into(second.state(), to_disk(first.state()));
  const std::vector<float> after = next(first);
  EXPECT_EQ(next(second), after);
  EXPECT_NE(next(second), after);
}

}  // namespace
}  // namespace bareseg
