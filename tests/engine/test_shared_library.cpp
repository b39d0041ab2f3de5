#include "engine/shared_library.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>

#include "engine/file.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

void expect_all(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
}

TEST(SharedLibrary, CallsWhatItOpened) {
  const SharedLibrary math({.title = "mathematics", .files = {"libnot_there.so.1", "libm.so.6"}, .folders = {""}});
  EXPECT_EQ(math.entry<double(double)>("floor")(2.75), 2.0);
  EXPECT_EQ(math.path().filename(), "libm.so.6");
  EXPECT_TRUE(math.path().is_absolute());
  expect_all(error_of([&] { math.entry<void()>("no_such_function"); }),
             {"mathematics", math.path().string(), "no_such_function", "too old"});
}

TEST(SharedLibrary, TheProgramItself) {
  const SharedLibrary program = SharedLibrary::linked("made in");
  EXPECT_EQ(program.entry<double(double)>("floor")(2.75), 2.0);
  EXPECT_TRUE(program.path().filename().string().starts_with("test_engine")) << program.path();
  expect_all(error_of([&] { program.entry<void()>("no_such_function"); }), {"made in", "no_such_function"});
}

TEST(SharedLibrary, SaysWhatWasLookedForAndWhere) {
  const std::string text = error_of([] {
    SharedLibrary({.title = "Frobnication 2",
                   .files = {"libfrob.so.2", "libfrob.so.1"},
                   .folders = {"/no/such/folder", ""},
                   .advice = "Install libfrob2."});
  });
  expect_all(text, {"Frobnication 2 was not found", "libfrob.so.2 or libfrob.so.1", "/no/such/folder",
                    "LD_LIBRARY_PATH", "Install libfrob2."});
  EXPECT_EQ(text.find("cannot open"), std::string::npos) << text;  // of each try: the list says it already
}

TEST(SharedLibrary, SaysWhyAFileThatIsThereDoesNotOpen) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "libbroken.so.1", std::string_view("no library"));
  expect_all(
      error_of([&] { SharedLibrary({.title = "Broken", .files = {"libbroken.so.1"}, .folders = {folder.path()}}); }),
      {(folder / "libbroken.so.1").string() + ": "});
}

TEST(SharedLibrary, ListsOfFolders) {
  EXPECT_TRUE(split_folders("").empty());
  EXPECT_EQ(split_folders("/a::b/c:"), (std::vector<std::filesystem::path>{"/a", "b/c"}));
  ASSERT_EQ(setenv("BARESEG_TEST_VARIABLE", "x", 1), 0);
  EXPECT_EQ(environment("BARESEG_TEST_VARIABLE"), "x");
  unsetenv("BARESEG_TEST_VARIABLE");
  EXPECT_EQ(environment("BARESEG_TEST_VARIABLE"), "");
}

}  // namespace
}  // namespace bareseg
