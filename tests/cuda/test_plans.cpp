// Plans by key, and the file that keeps what was found.
#include <gtest/gtest.h>

#include "cuda/plan_cache.h"
#include "cuda/plan_file.h"
#include "engine/file.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

std::string text_of(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(PlanCache, KeepsWhatIsUsed) {
  PlanCache<int, std::string> cache(2);
  EXPECT_EQ(cache.find(1), nullptr);
  EXPECT_EQ(cache.put(1, "one"), "one");
  cache.put(2, "two");
  ASSERT_NE(cache.find(1), nullptr);
  EXPECT_EQ(*cache.find(1), "one");
  cache.put(3, "three");  // 2 was used longest ago
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_NE(cache.find(1), nullptr);
  EXPECT_NE(cache.find(3), nullptr);
}

TEST(PlanCache, NewKeysWithoutEndAreNoThrashing) {
  PlanCache<int, int> cache(3);
  for (int key = 0; key < 100; ++key) cache.put(key, key);
}

TEST(PlanCache, ThrashingIsAnError) {
  PlanCache<int, int> cache(3);
  int made = 0;
  try {
    for (int round = 0; round < 10; ++round) {
      for (int key = 0; key < 4; ++key) {
        if (cache.find(key) == nullptr) cache.put(key, ++made);
      }
    }
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("more than 3 shapes"), std::string::npos) << error.message();
  }
  EXPECT_EQ(made, 8);  // four, then each of three again, and one too many
}

TEST(PlanFile, KeepsPlansByPlace) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "below/plans.txt";
  {
    PlanFile file(path, "GPU A, cuDNN 9.1");
    EXPECT_EQ(file.find("conv 1"), std::nullopt);
    file.put("conv 1", "engine 3 2=1");
    file.put("conv 2", "engine 4");
    file.put("conv 1", "engine 5 7=0");
  }
  PlanFile same(path, "GPU A, cuDNN 9.1"), other(path, "GPU B, cuDNN 9.1");
  EXPECT_EQ(same.find("conv 1"), "engine 5 7=0");
  EXPECT_EQ(same.find("conv 2"), "engine 4");
  EXPECT_EQ(other.find("conv 1"), std::nullopt);
  other.put("conv 1", "engine 6");
  same.put("conv 3", "engine 7");  // keeps what the other wrote
  EXPECT_EQ(text_of(path),
            "bareseg plans 1\n"
            "GPU A, cuDNN 9.1\tconv 1\tengine 5 7=0\n"
            "GPU A, cuDNN 9.1\tconv 2\tengine 4\n"
            "GPU A, cuDNN 9.1\tconv 3\tengine 7\n"
            "GPU B, cuDNN 9.1\tconv 1\tengine 6\n");
}

TEST(PlanFile, WithoutANameNothingIsWritten) {
  PlanFile file("", "GPU");
  file.put("conv", "engine 1");
  EXPECT_EQ(file.find("conv"), "engine 1");
}

TEST(PlanFile, RefusesOtherFiles) {
  const TemporaryFolder folder;
  const auto message = [&](std::string_view text) {
    write_file_atomically(folder / "f", text);
    try {
      PlanFile(folder / "f", "GPU");
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("nothing was thrown");
  };
  EXPECT_NE(message("my diary\n").find("expected a file of plans"), std::string::npos);
  EXPECT_NE(message("").find("expected a file of plans"), std::string::npos);
  EXPECT_NE(message("bareseg plans 1\nGPU\tconv engine\n").find("f:2: expected"), std::string::npos);
  EXPECT_EQ(message("bareseg plans 1\n"), "nothing was thrown");
}

}  // namespace
}  // namespace bareseg
