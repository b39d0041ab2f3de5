#include "engine/file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

std::string text_of(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

size_t files_in(const TemporaryFolder& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(File, WritesAndReplaces) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("first"));
  EXPECT_EQ(text_of(folder / "a"), "first");
  write_file_atomically(folder / "a", [](AtomicFile& file) {
    file.write("sec");
    file.write("ond");
  });
  EXPECT_EQ(text_of(folder / "a"), "second");
  write_file_atomically(folder / "empty", std::string_view());
  EXPECT_EQ(text_of(folder / "empty"), "");
  EXPECT_EQ(files_in(folder), 2u);
}

TEST(File, NothingIsSeenBeforeCommit) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("old"));
  {
    AtomicFile file(folder / "a");
    file.write("new");
    EXPECT_EQ(text_of(folder / "a"), "old");
  }
  EXPECT_EQ(text_of(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(File, ExceptionOfTheWriterLeavesTheOldFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("old"));
  EXPECT_THROW(write_file_atomically(folder / "a",
                                     [](AtomicFile& file) {
                                       file.write("new");
                                       throw std::runtime_error("writer");
                                     }),
               std::runtime_error);
  EXPECT_EQ(text_of(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
}

// The limit on file sizes stands for a full disk: write() takes a part, then fails.
TEST(File, FullDiskLeavesTheOldFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("old"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {10'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string message = error_of([&] { write_file_atomically(folder / "a", std::string(100'000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "cannot write " + (folder / "a").string() + ": File too large");
  EXPECT_EQ(text_of(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(File, UnusableTargets) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("old"));
  const auto write = [](const std::filesystem::path& path) {
    return error_of([&] { write_file_atomically(path, std::string_view("new")); });
  };
  const std::string missing = (folder / "none").string() + "/a";
  EXPECT_EQ(write(missing), "cannot create " + missing + ": No such file or directory");
  EXPECT_NE(write(folder / "a" / "b").find("Not a directory"), std::string::npos);
  std::filesystem::create_directory(folder / "folder");
  EXPECT_EQ(write(folder / "folder"), "cannot replace " + (folder / "folder").string() + ": Is a directory");
  EXPECT_EQ(files_in(folder), 2u);
}

TEST(File, UnwritableFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write into every folder";
  const TemporaryFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0500), 0);
  const std::string message = error_of([&] { write_file_atomically(folder / "a", std::string_view("new")); });
  EXPECT_EQ(message, "cannot create " + (folder / "a").string() + ": Permission denied");
  ::chmod(folder.path().c_str(), 0700);
}

TEST(File, TwoWritersOfOneFile) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "a");
  first.write("first");
  EXPECT_NE(error_of([&] { AtomicFile second(folder / "a"); }).find("another process is writing it"),
            std::string::npos);
  first.commit();
  EXPECT_EQ(text_of(folder / "a"), "first");
  EXPECT_NE(error_of([&] { first.write("more"); }).find("committed already"), std::string::npos);
}

TEST(File, TemporaryOfAKilledWriterIsReplaced) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a.tmp") << "longer than what comes";
  write_file_atomically(folder / "a", std::string_view("new"));
  EXPECT_EQ(text_of(folder / "a"), "new");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(File, ReadingRefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of([&] { read_file(folder / "none"); }).find("none: No such file"), std::string::npos);
  EXPECT_NE(error_of([&] { read_file(folder.path()); }).find("not a regular file"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(error_of([&] { read_file(folder / "pipe"); }).find("not a regular file"), std::string::npos);
}

// The file is sparse: only its stated size is large.
TEST(File, ReadingChecksTheSizeFirst) {
  const TemporaryFolder folder;
  std::ofstream(folder / "huge") << "x";
  std::filesystem::resize_file(folder / "huge", uintmax_t{1} << 40);
  const MemoryLimit limit(uint64_t{64} << 20);
  EXPECT_NE(error_of([&] { read_file(folder / "huge"); }).find("expected at most"), std::string::npos);
  EXPECT_NE(error_of([&] { read_file(folder / "huge", 10); }).find("at most 10 bytes, got 1099511627776"),
            std::string::npos);
}

}  // namespace
}  // namespace bareseg
