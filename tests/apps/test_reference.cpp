#include "apps/reference.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "tests/data/files.h"
#include "tests/process.h"

namespace bareseg {
namespace {

TEST(Reference, IsATableForEachGroupOfOptions) {
  CLI::App app("Does things", "tool");
  CLI::App* paint = app.add_subcommand("paint", "paints");
  std::string colour = "red", where;
  int coats = 2;
  paint->add_option("where", where, "the wall")->required();
  paint->add_option("-c,--colour", colour, "red | any other")
      ->check(CLI::IsMember({"red", "blue"}))
      ->capture_default_str()
      ->group("Look");
  paint->add_option("--coats", coats, "how often")->check(CLI::Range(1, 9))->capture_default_str();
  bool secret = false;
  paint->add_flag("--secret", secret, "not shown")->group("");
  app.add_subcommand("sets", "of tools")->add_subcommand("list", "lists them");
  EXPECT_EQ(command_reference(app), R"(# Commands and options

Does things. Written by `bareseg reference`, not by hand; the defaults of `train` are those without `--preset`.

## tool paint

paints

| Arguments | default | |
| --- | --- | --- |
| `where` |  | the wall; required |

| Options | default | |
| --- | --- | --- |
| `--coats` | `2` | how often |

| Look | default | |
| --- | --- | --- |
| `-c --colour` | `red` | red \| any other (red, blue) |

## tool sets list

lists them
)");
}

TEST(Reference, TheDocumentsPageIsTheProgramsOwn) {
  const Outcome outcome = run("'" BARESEG_BINARY "' reference");
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  const std::vector<uint8_t> page = bytes_of(BARESEG_TESTS_DIR "/../docs/reference.md");
  EXPECT_EQ(std::string(page.begin(), page.end()), outcome.output) << "after a change of options: bareseg reference > "
                                                                      "docs/reference.md";
}

}  // namespace
}  // namespace bareseg
