// The TOML file of an experiment.
#include <stdexcept>

// Where a text surprises it, toml++ relies on assertions: with NDEBUG what follows is undefined, without it the program
// ends. A bad file can reach that ("[\x01a]"), so that here an assertion refuses the text.
[[noreturn]] static void refuse_toml() { throw std::logic_error("no TOML"); }
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? void() : refuse_toml())
#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <optional>

#include "apps/experiment.h"
#include "engine/error.h"

namespace bareseg {
namespace {

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : file_(file) {
    // To toml++ many letters are impossible outside of strings.
    const auto letter = std::find_if(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) > 127; });
    BS_CHECK(letter == text.end(), file, ":", std::count(text.begin(), letter, '\n') + 1,
             ": expected ASCII; other letters are written in strings, as \\u00e9");
    try {
      root_ = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
      fail_at(__FILE__, __LINE__, where(error.source()), ": ", error.description());
    } catch (const std::logic_error&) {
      fail_at(__FILE__, __LINE__, file,
              ": this is no TOML: a key must be letters, digits, '_', '-' or a string in quotes");
    }
  }

  Experiment read(const std::vector<ExperimentSetting>& replaced) const {
    Experiment experiment;
    std::optional<ExperimentSetting> method;
    std::vector<ExperimentSetting> shared;
    const toml::array* configurations = nullptr;
    for (const auto& [key, node] : root_) {
      const std::string at = where(key.source());
      if (key == "seeds") {
        experiment.seeds = seeds(node, at);
      } else if (key == "baseline") {
        experiment.baseline = setting(key, node).value;
      } else if (key == "shared") {
        BS_CHECK(node.is_table(), at, ": expected a table [shared], got ", kind(node));
        shared = settings(*node.as_table(), method);
      } else if (key == "configuration") {
        BS_CHECK(node.is_array_of_tables(), at, ": expected tables [[configuration]], got ", kind(node));
        configurations = node.as_array();
      } else {
        fail_at(__FILE__, __LINE__, at, ": expected seeds, baseline, [shared] or [[configuration]], got '", key.str(),
                "'");
      }
    }
    BS_CHECK(!experiment.seeds.empty(), file_, ": seeds = [...] is missing");
    BS_CHECK(configurations != nullptr, file_, ": no [[configuration]] is there");
    for (const ExperimentSetting& s : replaced) s.key == "method" ? void(method = s) : shared.push_back(s);
    for (const toml::node& node : *configurations) {
      experiment.configurations.push_back(configuration(*node.as_table(), method, shared));
      check_name(experiment);
    }
    if (experiment.baseline.empty()) experiment.baseline = experiment.configurations.front().name;
    const auto is_baseline = [&](const ExperimentConfiguration& c) { return c.name == experiment.baseline; };
    BS_CHECK(std::any_of(experiment.configurations.begin(), experiment.configurations.end(), is_baseline),
             where(root_.get("baseline")->source()), ": baseline: no configuration is called '", experiment.baseline,
             "'");
    return experiment;
  }

 private:
  std::string where(const toml::source_region& region) const { return concat(file_, ":", region.begin.line); }

  static std::string kind(const toml::node& node) {
    switch (node.type()) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "an array";
      case toml::node_type::string:
        return "a text";
      case toml::node_type::integer:
        return "a whole number";
      case toml::node_type::floating_point:
        return "a number";
      case toml::node_type::boolean:
        return "true or false";
      default:
        return "a date or time";
    }
  }

  // As it would stand on the command line.
  ExperimentSetting setting(const toml::key& key, const toml::node& node) const {
    ExperimentSetting s{.key = std::string(key.str()), .value = {}, .where = where(key.source())};
    if (const auto* text = node.as_string()) {
      s.value = text->get();
    } else if (const auto* flag = node.as_boolean()) {
      s.value = flag->get() ? "true" : "false";
    } else if (const auto* whole = node.as_integer()) {
      s.value = std::to_string(whole->get());
    } else if (const auto* real = node.as_floating_point()) {
      char digits[32];
      s.value.assign(digits, std::to_chars(digits, digits + sizeof digits, real->get()).ptr);
    } else {
      fail_at(__FILE__, __LINE__, s.where, ": ", s.key, ": expected a text, a number, true or false, got ", kind(node));
    }
    return s;
  }

  std::vector<ExperimentSetting> settings(const toml::table& table, std::optional<ExperimentSetting>& method) const {
    std::vector<ExperimentSetting> found;
    for (const auto& [key, node] : table) {
      if (key == "method") {
        method = setting(key, node);
      } else {
        found.push_back(setting(key, node));
      }
    }
    return found;
  }

  ExperimentConfiguration configuration(const toml::table& table, std::optional<ExperimentSetting> method,
                                        const std::vector<ExperimentSetting>& shared) const {
    ExperimentConfiguration c{.name = {}, .where = where(table.source()), .method = {}, .settings = shared};
    for (ExperimentSetting& s : settings(table, method)) {
      if (s.key == "name") {
        c.name = s.value;
        c.where = s.where;
      } else {
        s.own = true;
        c.settings.push_back(std::move(s));
      }
    }
    BS_CHECK(method.has_value(), c.where, ": method = \"...\" is missing, here and in [shared]");
    c.method = *method;
    return c;
  }

  static void check_name(const Experiment& experiment) {
    const auto& all = experiment.configurations;
    const ExperimentConfiguration& c = all.back();
    const bool plain = c.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
                       std::string::npos;
    BS_CHECK(!c.name.empty() && c.name[0] != '.' && plain, c.where,
             ": a configuration needs a name of letters, digits, '_', '-' and '.', got '", c.name, "'");
    const auto same = [&](const ExperimentConfiguration& other) { return other.name == c.name; };
    BS_CHECK(std::count_if(all.begin(), all.end(), same) == 1, c.where, ": two configurations are called '", c.name,
             "'");
  }

  std::vector<int64_t> seeds(const toml::node& node, const std::string& at) const {
    BS_CHECK(node.is_array() && !node.as_array()->empty(), at, ": seeds: expected an array of whole numbers, got ",
             kind(node));
    std::vector<int64_t> found;
    for (const toml::node& seed : *node.as_array()) {
      BS_CHECK(seed.is_integer() && seed.as_integer()->get() >= 0, where(seed.source()),
               ": seeds: expected whole numbers from 0 on, got ", kind(seed));
      found.push_back(seed.as_integer()->get());
    }
    return found;
  }

  const std::string& file_;
  toml::table root_;
};

}  // namespace

Experiment parse_experiment(std::string_view text, const std::string& file,
                            const std::vector<ExperimentSetting>& shared) {
  return Reader(text, file).read(shared);
}

}  // namespace bareseg
