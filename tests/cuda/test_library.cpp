// What users read where a library or a device is missing.
#include "cuda/library.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>

#include "cuda/cuda_backend.h"
#include "cuda/devices.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;

// In a process of its own, where no library is open yet.
class LibraryDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  [[noreturn]] static void open_old_cudnn() {
    setenv("BARESEG_CUDA_LIBRARY_PATH", BARESEG_FAKE_LIBRARIES, 1);
    try {
      cudnn();
    } catch (const Error& error) {
      std::fputs(error.message().c_str(), stderr);
      std::exit(1);
    }
    std::exit(0);
  }
};

TEST_F(LibraryDeathTest, AnOldLibraryIsNamedWithItsVersion) {
  EXPECT_EXIT(open_old_cudnn(), testing::ExitedWithCode(1),
              "cuDNN 9.1 or newer is needed, but .*/libcudnn.so.9 is 9.0.0. Install cuDNN 9");
}

TEST(Library, FoldersInOrder) {
  const fs::path python = fs::path(BARESEG_FAKE_LIBRARIES) / "python";
  const fs::path packages = python / "lib/python3.12/site-packages";
  fs::create_directories(packages / "nvidia/cudnn/lib");
  setenv("BARESEG_CUDA_LIBRARY_PATH", "/first:/second", 1);
  setenv("BARESEG_PYTHON_ENV", python.c_str(), 1);
  const std::vector<fs::path> expected{"/first", "/second", "", "/usr/local/cuda/lib64", packages / "nvidia/cudnn/lib"};
  EXPECT_EQ(cuda_library_folders(), expected);
  setenv("BARESEG_PYTHON_ENV", packages.c_str(), 1);
  EXPECT_EQ(cuda_library_folders(), expected);
  setenv("BARESEG_PYTHON_ENV", "/no/such/environment", 1);
  EXPECT_EQ(cuda_library_folders().size(), 4u);
  unsetenv("BARESEG_PYTHON_ENV");
  unsetenv("BARESEG_CUDA_LIBRARY_PATH");
  EXPECT_EQ(cuda_library_folders(), (std::vector<fs::path>{"", "/usr/local/cuda/lib64"}));
}

const Component& named(const std::vector<Component>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Component& c) { return c.name == name; });
  BS_CHECK(found != all.end(), "no component ", name);
  return *found;
}

TEST(CudaDevices, SayWhatIsThereAndWhatIsMissing) {
  const std::vector<Component> all = make_cuda_backend()->components();
  for (const char* name : {"NVIDIA driver", "CUDA runtime", "cuDNN", "cuBLASLt"}) {
    const Component& c = named(all, name);
    EXPECT_FALSE(c.what.empty() && c.problem.empty()) << name;
    const bool advises = c.problem.find("nstall") != std::string::npos;
    EXPECT_TRUE(c.problem.empty() || advises) << c.problem;
  }
}

TEST(CudaDevices, WithoutADriverTheErrorTellsWhatToInstall) {
  const std::vector<Component> all = cuda_components();
  if (named(all, "NVIDIA driver").problem.empty()) GTEST_SKIP() << "this machine has a driver and a GPU";
  const auto backend = make_cuda_backend();
  for (const Device device : {Device{Device::Type::cuda, 0}, Device{Device::Type::cuda, 3}}) {
    try {
      backend->open(device, {});
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), concat(device, ": ", named(all, "NVIDIA driver").problem));
    }
    EXPECT_THROW(backend->allocator(device), Error);
  }
}

}  // namespace
}  // namespace bareseg
