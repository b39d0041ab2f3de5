#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/devices.h"

namespace bareseg {
namespace {

struct GoldenStep {
  std::vector<float> grad, param;
};
/// Ten steps of a torch optimizer; see golden/make_optim.py.
struct GoldenRun {
  std::string optimizer;
  std::map<std::string, float> options;
  std::vector<float> start;
  std::vector<GoldenStep> steps;
};

std::vector<float> floats(std::istringstream& line) {
  std::vector<float> values;
  for (float value = 0.0f; line >> value;) values.push_back(value);
  return values;
}

std::vector<GoldenRun> golden_runs() {
  std::ifstream file(BARESEG_TESTS_DIR "/golden/optim.txt");
  std::vector<GoldenRun> runs;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string word;
    line >> word;
    if (word == "case") {
      line >> runs.emplace_back().optimizer;
      float value = 0.0f;
      for (std::string key; line >> key >> value;) runs.back().options[key] = value;
    } else if (word == "start") {
      runs.back().start = floats(line);
    } else if (word == "grad") {
      runs.back().steps.push_back({floats(line), {}});
    } else if (word == "param") {
      runs.back().steps.back().param = floats(line);
    }
  }
  return runs;
}

SgdStep sgd_step(const GoldenRun& run, int64_t step) {
  return {.lr = run.options.at("lr"),
          .momentum = run.options.at("momentum"),
          .weight_decay = run.options.at("weight_decay"),
          .nesterov = run.options.at("nesterov") > 0.0f,
          .first = step == 1};
}

AdamStep adam_step(const GoldenRun& run, int64_t step) {
  return {.lr = run.options.at("lr"),
          .beta1 = run.options.at("beta1"),
          .beta2 = run.options.at("beta2"),
          .eps = run.options.at("eps"),
          .weight_decay = run.options.at("weight_decay"),
          .decoupled = run.optimizer == "adamw",
          .step = step};
}

TEST_P(OpTest, OptimizersFollowTorch) {
  const std::vector<GoldenRun> runs = golden_runs();
  ASSERT_EQ(runs.size(), 10u) << "golden/optim.txt is missing or cut short";
  for (const GoldenRun& run : runs) {
    SCOPED_TRACE(run.optimizer + " case " + std::to_string(&run - runs.data()));
    ASSERT_EQ(run.steps.size(), 10u);
    const Shape shape{static_cast<int64_t>(run.start.size())};
    OptimSlot slot{.param = Tensor::from(run.start, shape, device()), .grad = {}, .m = {}, .v = {}};
    const bool is_sgd = run.optimizer == "sgd";
    if (!is_sgd || run.options.at("momentum") > 0.0f) slot.m = Tensor::zeros(shape, kFloat32, device());
    if (!is_sgd) slot.v = Tensor::zeros(shape, kFloat32, device());
    for (size_t s = 0; s < run.steps.size(); ++s) {
      const int64_t step = static_cast<int64_t>(s) + 1;
      slot.grad = Tensor::from(run.steps[s].grad, shape, device());
      if (is_sgd)
        backend(device()).sgd({&slot, 1}, optim_numbers(sgd_step(run, step), device()));
      else
        backend(device()).adam({&slot, 1}, optim_numbers(adam_factors(adam_step(run, step)), device()));
      EXPECT_CLOSE(slot.param, reference::from(Tensor::from(run.steps[s].param, shape)), 1e-6);
    }
  }
}

// Several parameters of odd sizes in one call, gradients in either dtype, against the reference.
class ManySlots : public OpTest {
 protected:
  void draw(DType grad_dtype, bool with_m, bool with_v) {
    for (const Shape& shape : {Shape{1}, Shape{7, 33}, Shape{2053}, Shape{3, 5, 5, 7}}) {
      const Tensor zero = Tensor::zeros(shape, kFloat32, device());
      slots_.push_back({normal(shape), normal(shape, grad_dtype), with_m ? zero.clone() : Tensor(),
                        with_v ? zero.clone() : Tensor(),
                        slots_.size() % 2 == 0 ? Tensor::empty(shape, kBFloat16, device()) : Tensor()});
      expected_.push_back(
          {reference::from(slots_.back().param), reference::from(slots_.back().m), reference::from(slots_.back().v)});
    }
  }
  void redraw_gradients() {
    for (OptimSlot& slot : slots_) slot.grad = normal(slot.grad.shape(), slot.grad.dtype());
  }
  void compare() {
    for (size_t i = 0; i < slots_.size(); ++i) {
      EXPECT_CLOSE(slots_[i].param, expected_[i].param, 2e-6);
      if (slots_[i].narrow.defined()) {
        EXPECT_CLOSE(slots_[i].narrow, reference::from(cast(slots_[i].param, kBFloat16)), 0.0);
      }
      for (const auto& [state, wide] : {std::pair{slots_[i].m, expected_[i].m}, {slots_[i].v, expected_[i].v}}) {
        ASSERT_EQ(state.defined(), wide.defined());
        if (!state.defined()) continue;
        EXPECT_CLOSE(state, wide, 2e-6);
      }
    }
  }
  std::vector<OptimSlot> slots_;
  std::vector<reference::Slot> expected_;
};

TEST_P(ManySlots, Sgd) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const auto& [momentum, nesterov] : {std::pair{0.0f, false}, {0.9f, false}, {0.9f, true}}) {
      slots_.clear();
      expected_.clear();
      draw(dtype, momentum > 0.0f, false);
      for (int step = 1; step <= 3; ++step) {
        const SgdStep o{
            .lr = 0.1f, .momentum = momentum, .weight_decay = 0.02f, .nesterov = nesterov, .first = step == 1};
        redraw_gradients();
        backend(device()).sgd(slots_, optim_numbers(o, device()));
        for (size_t i = 0; i < slots_.size(); ++i) reference::sgd(expected_[i], reference::from(slots_[i].grad), o);
        compare();
      }
    }
  }
}

TEST_P(ManySlots, Adam) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const bool decoupled : {false, true}) {
      slots_.clear();
      expected_.clear();
      draw(dtype, true, true);
      for (int step = 1; step <= 3; ++step) {
        const AdamStep o{.lr = 0.01f, .weight_decay = 0.05f, .decoupled = decoupled, .step = step};
        redraw_gradients();
        backend(device()).adam(slots_, optim_numbers(adam_factors(o), device()));
        for (size_t i = 0; i < slots_.size(); ++i) reference::adam(expected_[i], reference::from(slots_[i].grad), o);
        compare();
      }
    }
  }
}

// More parameters than one table of a kernel has, of which some are longer than a block's share and some begin where no
// pack of 16 bytes may.
TEST_P(ManySlots, OfANetwork) {
  for (int64_t i = 0; i < 150; ++i) {
    const int64_t n = i % 50 == 7 ? 9001 : 1 + i % 5;
    const auto odd = [&](DType dtype) { return normal({n + 1}, dtype).rows(i % 2, i % 2 + n); };
    slots_.push_back({odd(kFloat32), odd(i % 3 == 0 ? kBFloat16 : kFloat32), odd(kFloat32), Tensor(),
                      i % 2 == 0 ? odd(kBFloat16) : Tensor()});
    expected_.push_back({reference::from(slots_.back().param), reference::from(slots_.back().m), {}});
  }
  const SgdStep o{.lr = 0.1f, .momentum = 0.9f, .weight_decay = 0.02f};
  backend(device()).sgd(slots_, optim_numbers(o, device()));
  for (size_t i = 0; i < slots_.size(); ++i) reference::sgd(expected_[i], reference::from(slots_[i].grad), o);
  compare();
}

INSTANTIATE_TEST_SUITE_P(Devices, ManySlots, testing::ValuesIn(all_devices()), device_name);

TEST_P(OpTest, AllFinite) {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    for (const int64_t count : {1, 33, 2053, 100003}) {
      EXPECT_TRUE(backend(device()).all_finite(normal({count}, dtype)));
      for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
        for (const int64_t place : {int64_t{0}, count / 2, count - 1}) {
          Tensor one = normal({count}, dtype);
          Tensor element = one.rows(place, place + 1);
          backend(device()).fill(element, bad);
          EXPECT_FALSE(backend(device()).all_finite(one)) << bad << " at " << place << " of " << count;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bareseg
