// The installed program where nothing of ours is: with an empty environment, and in a root that has glibc and the
// OpenMP runtime alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/data/files.h"
#include "tests/process.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;

bool says(const Outcome& outcome, const std::string& text) { return outcome.output.find(text) != std::string::npos; }

class Installed : public testing::Test {
 protected:
  void SetUp() override {
#ifdef BARESEG_SANITIZED
    GTEST_SKIP() << "a sanitized program needs the sanitizers' libraries";
#endif
    const Outcome installed = run(BARESEG_CMAKE " --install " BARESEG_BUILD_DIR " --prefix " + folder_.path().string());
    ASSERT_EQ(installed.code, 0) << installed.output;
  }

  std::string program() const { return (folder_ / "bin/bareseg").string(); }
  // What a file, the program, loads at its start, by the files that the loader takes.
  std::vector<fs::path> loaded() const { return loaded(program()); }
  static std::vector<fs::path> loaded(const fs::path& file) {
    std::vector<fs::path> files;
    std::istringstream lines(run("ldd " + file.string()).output);
    for (std::string line; std::getline(lines, line);) {
      const size_t path = line.find('/');
      if (path != std::string::npos) files.emplace_back(line.substr(path, line.find(" (") - path));
    }
    return files;
  }

  const TemporaryFolder folder_;
};

TEST_F(Installed, NeedsGlibcAndTheOpenMPRuntimeAlone) {
  const std::set<std::string> allowed{"libc.so.6",  "libm.so.6",       "libgomp.so.1",        "libdl.so.2",
                                      "librt.so.1", "libpthread.so.0", "ld-linux-x86-64.so.2"};
  const std::vector<fs::path> files = loaded();
  EXPECT_GE(files.size(), 3u);
  for (const fs::path& file : files) EXPECT_TRUE(allowed.contains(file.filename())) << file;
}

TEST_F(Installed, ComesWithItsLicences) {
  for (const char* file : {"LICENSE", "README.md", "docs/third_party.md", "docs/picie.md"}) {
    EXPECT_TRUE(fs::exists(folder_ / "share/doc/bareseg" / file)) << file;
  }
}

TEST_F(Installed, ListsDevicesWithAnEmptyEnvironment) {
  const Outcome devices = run("env -i " + program() + " devices");
  EXPECT_EQ(devices.code, 0);
  for (const char* text : {"cpu ", "oneDNN ", "cuda", "--device auto "}) {
    EXPECT_TRUE(says(devices, text)) << text << " is missing in:\n" << devices.output;
  }
}

TEST_F(Installed, ComputesOnTheCpuWithAnEmptyEnvironment) {
  const std::string command = "env -i CUDA_VISIBLE_DEVICES= " + program() +
                              " baseline --scenes 2 --scene-size 32 --resolution 32 --batch 2 --clusters 2 --device ";
  const Outcome fallen_back = run(command + "auto");
  EXPECT_EQ(fallen_back.code, 0) << fallen_back.output;
  EXPECT_TRUE(says(fallen_back, "computing on the CPU: ")) << fallen_back.output;
  EXPECT_TRUE(says(fallen_back, "untrained network")) << fallen_back.output;
  const Outcome refused = run(command + "cuda");
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(says(refused, "cuda:0: ")) << refused.output;
  EXPECT_EQ(run(command + "abacus").code, 2);
}

// In a root of its own the program finds no library to open.
class InstalledAlone : public Installed {
 protected:
  void SetUp() override {
    Installed::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    for (const fs::path& file : loaded()) carry(file);
    fs::copy_file(program(), root_ / "bareseg");
    if (geteuid() != 0 || inside("--version").code == 125) GTEST_SKIP() << "only root may change the root";
  }

  void carry(const fs::path& file) const {
    fs::create_directories(root_.path() / file.parent_path().relative_path());
    fs::copy_file(file, root_.path() / file.relative_path(), fs::copy_options::overwrite_existing);
  }
  Outcome inside(const std::string& arguments) const {
    return run("OMP_WAIT_POLICY=passive chroot " + root_.path().string() + " /bareseg " + arguments);
  }

  const TemporaryFolder root_;
};

TEST_F(InstalledAlone, SaysWhatToInstall) {
  const Outcome version = inside("--version");
  EXPECT_EQ(version.code, 0) << version.output;
  const Outcome devices = inside("devices");
  EXPECT_EQ(devices.code, 0) << devices.output;
  for (const char* text :
       {"oneDNN 2 was not found: looked for libdnnl.so.2", "package libdnnl2", "--device auto  none"}) {
    EXPECT_TRUE(says(devices, text)) << text << " is missing in:\n" << devices.output;
  }
  const Outcome refused = inside("baseline --device cpu");
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(says(refused, "package libdnnl2")) << refused.output;
}

TEST_F(InstalledAlone, ComputesWithOneDnnAlone) {
  const std::string listed = run(program() + " devices").output;
  const size_t path = listed.find('/', listed.find("\noneDNN "));
  ASSERT_NE(path, std::string::npos) << listed;
  const fs::path onednn = listed.substr(path, listed.find('\n', path) - path);
  for (const fs::path& file : loaded(onednn)) carry(file);
  carry(onednn);
  const Outcome computed = inside("baseline --scenes 2 --scene-size 32 --resolution 32 --batch 2 --clusters 2");
  EXPECT_EQ(computed.code, 0) << computed.output;
  EXPECT_TRUE(says(computed, "computing on the CPU: ")) << computed.output;
  EXPECT_TRUE(says(computed, "untrained network")) << computed.output;
}

}  // namespace
}  // namespace bareseg
