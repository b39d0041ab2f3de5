// Learning rates against torch.optim.lr_scheduler: golden/make_schedule.py made the numbers.
#include "layers/schedule.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace bareseg {
namespace {

TEST(Schedule, FollowsTorch) {
  std::ifstream file(BARESEG_TESTS_DIR "/golden/schedule.txt");
  int lines = 0;
  for (std::string text; std::getline(file, text); ++lines) {
    SCOPED_TRACE(text.substr(0, 30));
    std::istringstream line(text);
    std::string decay;
    Schedule schedule;
    line >> decay >> schedule.lr >> schedule.steps >> schedule.warm_up >> schedule.power;
    schedule.decay = decay == "poly"     ? Schedule::Decay::poly
                     : decay == "cosine" ? Schedule::Decay::cosine
                                         : Schedule::Decay::constant;
    int64_t step = 0;
    for (double value = 0.0; line >> value; ++step) EXPECT_NEAR(schedule.at(step), value, 1e-12) << "step " << step;
    EXPECT_EQ(step, schedule.steps);
  }
  EXPECT_EQ(lines, 6);
}

TEST(Schedule, EndsAtItsEnd) {
  const Schedule poly{.decay = Schedule::Decay::poly, .lr = 1.0, .steps = 10};
  EXPECT_EQ(poly.at(10), 0.0);
  EXPECT_EQ(poly.at(25), 0.0);
  const Schedule all_warm{.decay = Schedule::Decay::cosine, .lr = 1.0, .steps = 4, .warm_up = 4};
  EXPECT_EQ(all_warm.at(4), 1.0);
}

}  // namespace
}  // namespace bareseg
