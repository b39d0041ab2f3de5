// What users read where a library or a device is missing.
#include "cuda/library.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>

#include "cuda/cuda_backend.h"
#include "cuda/devices.h"
#include "cuda/matmul.h"

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

TEST_F(LibraryDeathTest, NcclIsOpenedAndAskedForItsVersion) {
  const auto open_nccl = [](const char* version) {
    setenv("BARESEG_CUDA_LIBRARY_PATH", BARESEG_FAKE_LIBRARIES, 1);
    setenv("FAKE_NCCL_VERSION", version, 1);
    try {
      std::fputs((nccl_version_text() + " " + nccl().library.path().string()).c_str(), stderr);
    } catch (const Error& error) {
      std::fputs(error.message().c_str(), stderr);
      std::exit(1);
    }
    std::exit(0);
  };
  EXPECT_EXIT(open_nccl("22803"), testing::ExitedWithCode(0), "2.28.3 .*/libnccl.so.2");
  EXPECT_EXIT(open_nccl("21700"), testing::ExitedWithCode(1),
              "NCCL 2.18 or newer is needed, but .*/libnccl.so.2 is 2.17.0. Install NCCL");
}

// y = op(a) op(b) + bias for every op, row-major, in odd sizes.
bool products_are_right(bool with_bias) {
  CublasMatmul matmul({}, nullptr);
  bool right = true;
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      const int64_t m = 3, n = 5, k = 7;
      std::vector<float> a(m * k), b(k * n), y(m * n);
      const std::vector<float> bias = {1.0f, -2.0f, 3.0f, 5.0f, -7.0f};
      for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i * i % 11) - 4.0f;
      for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i * 7 % 13) - 5.0f;
      const MatmulProblem problem{
          .m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b, .bias = with_bias};
      matmul.run(problem, a.data(), b.data(), with_bias ? bias.data() : nullptr, y.data());
      for (int64_t row = 0; row < m; ++row) {
        for (int64_t col = 0; col < n; ++col) {
          float sum = with_bias ? bias[static_cast<size_t>(col)] : 0.0f;
          for (int64_t i = 0; i < k; ++i) {
            sum += a[static_cast<size_t>(transpose_a ? i * m + row : row * k + i)] *
                   b[static_cast<size_t>(transpose_b ? col * k + i : i * n + col)];
          }
          right = right && y[static_cast<size_t>(row * n + col)] == sum;
        }
      }
    }
  }
  return right;
}

TEST_F(LibraryDeathTest, ColumnMajorProductsComeOutRowMajor) {
  EXPECT_EXIT(
      {
        setenv("BARESEG_CUDA_LIBRARY_PATH", BARESEG_FAKE_LIBRARIES, 1);
        std::exit(products_are_right(false) && products_are_right(true) ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
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
  for (const char* name : {"NVIDIA driver", "CUDA runtime", "cuDNN", "cuBLASLt", "NCCL"}) {
    const Component& c = named(all, name);
    EXPECT_FALSE(c.what.empty() && c.problem.empty()) << name;
    const bool advises = c.problem.find("nstall") != std::string::npos;
    EXPECT_TRUE(c.problem.empty() || advises) << c.problem;
  }
}

TEST(CudaDevices, KernelsRunWhereTheyWereBuiltFor) {
  for (const char* built : {"90", "80-real,90", "90-virtual"}) {
    EXPECT_TRUE(kernels_run_on(built, 9, 0)) << built;
    EXPECT_TRUE(kernels_run_on(built, 12, 1)) << built;
  }
  EXPECT_FALSE(kernels_run_on("90", 8, 9));
  EXPECT_FALSE(kernels_run_on("90-real", 10, 0));
  EXPECT_TRUE(kernels_run_on("80-real,86-real,90", 8, 9));
  EXPECT_FALSE(kernels_run_on("86-real,90", 8, 0));
  EXPECT_TRUE(kernels_run_on("90a", 9, 0));
  EXPECT_FALSE(kernels_run_on("90a", 10, 0));
  EXPECT_TRUE(kernels_run_on("native", 8, 0));
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
