#include "apps/reference.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

#include "engine/error.h"

namespace bareseg {
namespace {

// A cell of a table: its own bars would end it.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c == '\n' ? ' ' : c);
  return out;
}

// "{a,b}" of the description of a type with a list of words; the rest of it differs between versions of CLI11.
std::string allowed_words(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  std::string words;
  for (const char c : type.substr(begin + 1, end - begin - 1))
    words += c == ',' ? std::string(", ") : std::string(1, c);
  return words;
}

std::string row(const CLI::Option& option) {
  std::string name = option.get_positional() ? option.get_name(true) : option.get_name(false, true);
  std::replace(name.begin(), name.end(), ',', ' ');
  std::string text = option.get_description();
  const std::string words = allowed_words(option);
  if (!words.empty()) text += concat(" (", words, ")");
  if (option.get_required()) text += "; required";
  const std::string value = option.get_default_str();
  return concat("| `", name, "` | ", value.empty() || value == "\"\"" ? "" : "`" + cell(value) + "`", " | ", cell(text),
                " |\n");
}

// The options of which `wanted` holds, as a table.
void add_table(const CLI::App& app, const std::string& title, const std::function<bool(const CLI::Option&)>& wanted,
               std::string& page) {
  std::string rows;
  for (const CLI::Option* option : app.get_options()) {
    if (option != app.get_help_ptr() && wanted(*option)) rows += row(*option);
  }
  if (!rows.empty()) page += concat("\n| ", title, " | default | |\n| --- | --- | --- |\n", rows);
}

void add_options(const CLI::App& app, std::string& page) {
  add_table(
      app, "Arguments", [](const CLI::Option& o) { return o.get_positional(); }, page);
  for (const std::string& group : app.get_groups()) {
    if (group.empty()) continue;  // hidden
    add_table(
        app, group, [&](const CLI::Option& o) { return !o.get_positional() && o.get_group() == group; }, page);
  }
}

void add_commands(const CLI::App& app, const std::string& name, std::string& page) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string full = name + " " + command->get_name();
    if (command->get_subcommands([](const CLI::App*) { return true; }).empty()) {
      page += concat("\n## ", full, "\n\n", command->get_description(), "\n");
      add_options(*command, page);
    } else {
      add_commands(*command, full, page);
    }
  }
}

}  // namespace

std::string command_reference(const CLI::App& app) {
  std::string page = concat("# Commands and options\n\n", app.get_description(),
                            ". Written by `bareseg reference`, not by hand; the defaults of `train` are those without "
                            "`--preset`.\n");
  add_options(app, page);
  add_commands(app, app.get_name(), page);
  return page;
}

}  // namespace bareseg
