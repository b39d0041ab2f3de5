#include <CLI/CLI.hpp>
#include <sstream>
#include <string>

#include "tests/fuzz/fuzz.h"

// The options of a command, of every kind there is, read from a file as --config does.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CLI::App app;
  app.fallthrough();
  CLI::App* train = app.add_subcommand("train", "");
  CLI::App* command = train->add_subcommand("picie", "");
  std::string text;
  int64_t number = 0;
  uint64_t seed = 0;
  double rate = 0.0;
  bool flag = false;
  std::vector<std::string> list;
  command->add_option("--optimizer", text)->check(CLI::IsMember({"adam", "sgd"}));
  command->add_option("--epochs", number)->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command->add_option("--seed", seed);
  command->add_option("--lr", rate)->check(CLI::Range(0.0, 1e38));
  command->add_flag("--mse", flag);
  command->add_option("--splits", list);
  try {
    std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
    app.parse_from_stream(in);
  } catch (const CLI::Error&) {
    return 0;
  }
  return 0;
}
