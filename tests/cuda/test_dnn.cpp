// cuDNN makes plans for a device that it only knows from a description: what it accepts is known without a GPU.
#include "cuda/dnn.h"

#include <gtest/gtest.h>

#include <set>

#include "cuda/library.h"
#include "engine/file.h"

namespace bareseg {
namespace {

constexpr int64_t kWorkspace = 1 << 30;

class DnnPlans : public testing::Test {
 protected:
  void SetUp() override {
    try {
      const std::vector<std::byte> bytes = read_file(BARESEG_TESTS_DIR "/golden/h200_properties.json");
      device_ = describe_device({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    } catch (const Error& error) {
      GTEST_SKIP() << error.message();
    }
  }

  DnnDescriptor device_;
};

struct Case {
  Shape x, w;
  ConvOptions options;
};

// The layers of a ResNet-FPN in training, and the odd shapes of the convolution's tests.
const Case kCases[] = {
    {{128, 320, 320, 3}, {64, 7, 7, 3}, {.stride = 2, .padding = 3}},
    {{128, 80, 80, 64}, {64, 3, 3, 64}, {.padding = 1}},
    {{8, 40, 40, 128}, {512, 1, 1, 128}, {}},
    {{8, 20, 20, 256}, {512, 1, 1, 256}, {.stride = 2}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 7, 5, 3}, {4, 1, 1, 3}, {}},
    {{1, 8, 7, 16}, {33, 3, 3, 16}, {.stride = 2, .padding = 1}},
    {{1, 9, 8, 7}, {5, 3, 3, 7}, {.padding = 2, .dilation = 2}},
    {{2, 5, 5, 6}, {9, 3, 3, 2}, {.padding = 1, .groups = 3}},
    {{1, 6, 7, 8}, {8, 3, 3, 1}, {.stride = 2, .padding = 1, .groups = 8}},
    {{1, 11, 9, 4}, {6, 3, 3, 2}, {.stride = 3, .padding = 4, .dilation = 3, .groups = 2}},
    {{1, 5, 3, 2}, {3, 2, 2, 2}, {.stride = 2}},
    {{1, 3, 3, 2053}, {7, 1, 1, 2053}, {}},
};

ConvProblem problem_of(const Case& c, ConvProblem::Pass pass, DType dtype) {
  const auto out = [&](int i) {
    return (c.x.dim(i) + 2 * c.options.padding - c.options.dilation * (c.w.dim(1) - 1) - 1) / c.options.stride + 1;
  };
  return {.pass = pass,
          .x = c.x,
          .w = c.w,
          .y = {c.x.dim(0), out(1), out(2), c.w.dim(0)},
          .options = c.options,
          .dtype = dtype};
}

// Every pass of every case in every precision, with what may follow, aligned and not.
template <typename Use>
void each_problem(const Use& use) {
  for (const Case& c : kCases) {
    for (const auto pass :
         {ConvProblem::Pass::forward, ConvProblem::Pass::backward_data, ConvProblem::Pass::backward_weight}) {
      for (const bool tf32 : {false, true}) {
        for (const DType dtype : {kFloat32, kBFloat16}) {
          ConvProblem problem = problem_of(c, pass, dtype);
          problem.tf32 = tf32 && dtype == kFloat32;
          if (tf32 != problem.tf32) continue;
          for (const int after : {0, 1, 5, 7}) {  // nothing, bias, bias and ReLU, everything
            if (after != 0 && pass != ConvProblem::Pass::forward) continue;
            problem.bias = (after & 1) != 0;
            problem.residual = (after & 2) != 0;
            problem.relu = (after & 4) != 0;
            for (const int64_t alignment : {int64_t{16}, size_of(dtype)}) {
              problem.alignment = alignment;
              use(problem);
            }
          }
        }
      }
    }
  }
}

TEST_F(DnnPlans, EveryProblemHasOneAndEveryChoiceMakesTheSamePlanAgain) {
  each_problem([&](const ConvProblem& problem) {
    SCOPED_TRACE(problem.text());
    const ConvGraph graph(problem, nullptr, device_);
    const std::vector<ConvPlan> plans = graph.plans(4, kWorkspace);
    ASSERT_FALSE(plans.empty());
    std::set<std::string> choices;
    for (const ConvPlan& plan : plans) {
      EXPECT_TRUE(choices.insert(plan.choice).second) << plan.choice;
      EXPECT_LE(plan.workspace, kWorkspace);
      const ConvPlan again = graph.plan(plan.choice);
      EXPECT_EQ(again.choice, plan.choice);
      EXPECT_EQ(again.workspace, plan.workspace) << plan.choice;
    }
  });
}

TEST_F(DnnPlans, ProblemsHaveKeysAndTextsOfTheirOwn) {
  std::set<ConvProblem::Key> keys;
  std::set<std::string> texts;
  size_t count = 0;
  each_problem([&](const ConvProblem& problem) {
    keys.insert(problem.key());
    texts.insert(problem.text());
    ++count;
  });
  EXPECT_EQ(keys.size(), count);
  EXPECT_EQ(texts.size(), count);
}

// Without leave no engine rounds float32 to TF32: those that are there with leave are refused by name.
TEST_F(DnnPlans, Float32StaysFloat32WithoutLeave) {
  ConvProblem problem = problem_of(kCases[1], ConvProblem::Pass::forward, kFloat32);
  const ConvGraph strict(problem, nullptr, device_);
  problem.tf32 = true;
  const std::vector<ConvPlan> loose = ConvGraph(problem, nullptr, device_).plans(1, kWorkspace);
  ASSERT_EQ(loose.size(), 1u);
  try {
    strict.plan(loose.front().choice);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("does not keep the precision"), std::string::npos) << error.message();
  }
}

TEST_F(DnnPlans, LessWorkspaceLeavesFewerPlans) {
  const ConvGraph graph(problem_of(kCases[0], ConvProblem::Pass::backward_weight, kBFloat16), nullptr, device_);
  const size_t all = graph.plans(100, kWorkspace).size();
  std::vector<ConvPlan> small = graph.plans(100, 0);
  EXPECT_LT(small.size(), all);
  for (const ConvPlan& plan : small) EXPECT_EQ(plan.workspace, 0);
}

TEST_F(DnnPlans, BadChoicesAreErrors) {
  const ConvGraph graph(problem_of(kCases[1], ConvProblem::Pass::forward, kBFloat16), nullptr, device_);
  EXPECT_THROW(graph.plan("motor 1"), Error);
  EXPECT_THROW(graph.plan("engine"), Error);
  EXPECT_THROW(graph.plan("engine 100000"), Error);
  EXPECT_THROW(graph.plan("engine 0 2=100000"), Error);
}

}  // namespace
}  // namespace bareseg
