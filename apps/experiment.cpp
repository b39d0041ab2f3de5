#include "apps/experiment.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "apps/run.h"
#include "apps/text_table.h"
#include "engine/file.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

// A new process of this program. It is in a process group of its own, so that Ctrl-C on a terminal reaches it through
// us alone: the second signal would end it before it has saved.
pid_t start_self(const std::vector<std::string>& args) {
  std::vector<char*> argv{const_cast<char*>("bareseg")};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  // A signal waits until the new process has left our handler behind, which would take it and tell nobody.
  sigset_t ours = {}, before = {};
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigprocmask(SIG_BLOCK, &ours, &before);
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  const int error = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  BS_CHECK(child >= 0, "experiment: cannot start a process: ", std::strerror(error));
  return child;
}

// Runs this program again; its messages go where ours go. Asks it once to stop when a signal has come: looked for 20
// times a second, since one that comes just before a wait would not end the wait.
int run_self(const std::vector<std::string>& args) {
  const pid_t child = start_self(args);
  int status = 0;
  bool told = false;
  for (pid_t ended = 0; ended != child; ended = waitpid(child, &status, WNOHANG)) {
    BS_CHECK(ended == 0, "experiment: cannot wait for a process: ", std::strerror(errno));
    if (stop_signal() != 0 && !std::exchange(told, true)) kill(child, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // It had nothing to save yet where the signal has ended it.
  if (told && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) return kExitInterrupted;
  BS_CHECK(WIFEXITED(status), "experiment: the run was ended by signal ", WTERMSIG(status));
  return WEXITSTATUS(status);
}

std::string stem_of(const std::string& file) { return fs::path(file).stem().string(); }

std::vector<ExperimentSetting> replaced(const std::vector<std::string>& texts) {
  std::vector<ExperimentSetting> settings;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    BS_CHECK(equals != std::string::npos && equals > 0, "--set: expected KEY=VALUE, got '", text, "'");
    settings.push_back({.key = text.substr(0, equals), .value = text.substr(equals + 1), .where = "--set " + text});
  }
  return settings;
}

class ExperimentRunner {
 public:
  ExperimentRunner(const ExperimentOptions& options, CLI::App& train)
      : out_(options.out.empty() ? fs::path("runs") / stem_of(options.file) : fs::path(options.out)) {
    const std::vector<std::byte> bytes = read_file(options.file);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::vector<ExperimentSetting> shared = replaced(options.set);
    experiment_ = parse_experiment(text, options.file, shared);
    if (!options.seeds.empty()) experiment_.seeds = options.seeds;
    for (ExperimentConfiguration& c : experiment_.configurations) check(c, train);
    if (!options.only.empty()) keep(options.only);
  }

  int run() {
    install_signal_handlers();
    const size_t all = experiment_.configurations.size() * experiment_.seeds.size();
    size_t number = 0;
    // Seed by seed: an experiment cut short has as many runs of every configuration, or one less.
    for (const int64_t seed : experiment_.seeds) {
      for (const ExperimentConfiguration& c : experiment_.configurations) {
        ++number;
        std::optional<RunResult> result = result_of(c, seed);
        if (!result) {
          int code = kExitInterrupted;
          if (stop_signal() == 0) {
            log_info(concat("run ", number, " of ", all, ": ", c.name, ", seed ", seed));
            code = train(c, seed);
          }
          if (code == kExitInterrupted) {
            log_info("stopped by a signal; the same command goes on");
            return kExitInterrupted;
          }
          result = result_of(c, seed);
        }
        results_.push_back(*result);
        save();
      }
    }
    std::printf("%s", table(experiment_rows(experiment_, results_)).c_str());
    log_info(concat("done: ", (out_ / "table.md").string()));
    return 0;
  }

 private:
  static CLI::App& method_of(const ExperimentConfiguration& c, CLI::App& train) {
    const auto found = train.get_subcommands([&](const CLI::App* m) { return m->get_name() == c.method.value; });
    BS_CHECK(!found.empty(), c.method.where, ": method: `bareseg train` knows no '", c.method.value, "'");
    return *found.front();
  }

  // Every setting must be an option of the method, with a value that it takes. What is shared by several methods is
  // left out where a method has no such option, but one of them must.
  void check(ExperimentConfiguration& c, CLI::App& train) const {
    CLI::App& method = method_of(c, train);
    std::vector<ExperimentSetting> known;
    for (const ExperimentSetting& s : c.settings) {
      for (const char* set_by_us : {"out", "seed", "resume", "config", "help"}) {
        BS_CHECK(s.key != set_by_us, s.where, ": '", s.key, "' is not for the file to say: the experiment sets it");
      }
      const auto has_it = [&](const ExperimentConfiguration& other) {
        return method_of(other, train).get_option_no_throw("--" + s.key) != nullptr;
      };
      const auto& all = experiment_.configurations;
      BS_CHECK(has_it(c) || (!s.own && std::any_of(all.begin(), all.end(), has_it)), s.where, ": `bareseg train ",
               c.method.value, "` has no option '", s.key, "'");
      if (!has_it(c)) continue;
      CLI::Option& option = *method.get_option("--" + s.key);
      BS_CHECK(!s.own || option.get_group() != "Data", s.where, ": '", s.key,
               "' belongs into [shared]: all configurations see the same data");
      known.push_back(s);
      if (s.value.empty()) continue;
      try {
        option.clear();
        option.add_result(s.value);
        option.run_callback();
      } catch (const CLI::Error& error) {
        fail_at(__FILE__, __LINE__, s.where, ": ", error.what());
      }
    }
    c.settings = std::move(known);
  }

  void keep(const std::vector<std::string>& names) {
    auto& all = experiment_.configurations;
    for (const std::string& name : names) {
      BS_CHECK(std::any_of(all.begin(), all.end(), [&](const auto& c) { return c.name == name; }),
               "--only: no configuration is called '", name, "'");
    }
    std::erase_if(all, [&](const auto& c) { return std::find(names.begin(), names.end(), c.name) == names.end(); });
  }

  fs::path folder(const ExperimentConfiguration& c, int64_t seed) const { return out_ / concat(c.name, "-seed", seed); }

  static std::vector<std::string> arguments(const ExperimentConfiguration& c, int64_t seed) {
    std::map<std::string, std::string> values;
    for (const ExperimentSetting& s : c.settings) values[s.key] = s.value;
    std::vector<std::string> args{"train", c.method.value, concat("--seed=", seed)};
    for (const auto& [key, value] : values) {
      if (!value.empty()) args.push_back(concat("--", key, "=", value));
    }
    return args;
  }

  // Beside the run's own files: with which arguments it was started, and how it ended.
  static fs::path record(const fs::path& folder) { return folder / "experiment.json"; }

  static void write_record(const fs::path& folder, const std::vector<std::string>& args, const nlohmann::json& code) {
    write_file_atomically(record(folder), nlohmann::json({{"arguments", args}, {"exit_code", code}}).dump(1) + "\n");
  }

  int train(const ExperimentConfiguration& c, int64_t seed) const {
    const fs::path to = folder(c, seed);
    const std::vector<std::string> args = arguments(c, seed);
    std::vector<std::string> command = args;
    if (fs::exists(to / "config.toml")) {
      command = {"train", c.method.value, "--resume", to.string()};
    } else {
      std::error_code error;
      fs::create_directories(to, error);
      BS_CHECK(!error, "--out: cannot create ", to.string(), ": ", error.message());
      write_record(to, args, nullptr);
      command.insert(command.end(), {"--out", to.string()});
    }
    const int code = run_self(command);
    BS_CHECK(code == 0 || code == kExitDiverged || code == kExitInterrupted, c.where, ": the run of '", c.name,
             "' with seed ", seed, " failed with exit code ", code);
    if (code != kExitInterrupted) write_record(to, args, code);
    return code;
  }

  // Nothing when the run is still to be done.
  std::optional<RunResult> result_of(const ExperimentConfiguration& c, int64_t seed) const {
    const fs::path from = folder(c, seed);
    if (!fs::exists(record(from))) return std::nullopt;
    const std::vector<std::byte> bytes = read_file(record(from));
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const nlohmann::json kept = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
    BS_CHECK(kept.is_object() && kept.contains("arguments") && kept.contains("exit_code"), record(from).string(),
             ": not a record of an experiment");
    BS_CHECK(kept["arguments"] == nlohmann::json(arguments(c, seed)), from.string(),
             " holds a run with other options than ", c.where, " asks for; remove it, or give another --out");
    if (kept["exit_code"].is_null()) return std::nullopt;
    RunResult r{.configuration = c.name, .seed = seed, .diverged = kept["exit_code"] == int{kExitDiverged}};
    read_metrics(from / "metrics.jsonl", r);
    return r;
  }

  static void read_metrics(const fs::path& file, RunResult& r) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    r.accuracy = r.mean_iou = r.best_mean_iou = r.loss = kNone;
    std::ifstream in(file);
    for (std::string text; std::getline(in, text);) {
      const nlohmann::json line = nlohmann::json::parse(text, nullptr, false);
      BS_CHECK(line.is_object(), file.string(), ": a line is no JSON object");
      const auto number = [&](const char* key) {
        return line.contains(key) && line[key].is_number() ? line[key].get<double>() : kNone;
      };
      r.accuracy = number("ACC");
      r.mean_iou = number("mIoU");
      r.loss = number("loss");
      r.best_mean_iou = std::fmax(r.best_mean_iou, r.mean_iou);
      if (line.contains("seconds")) r.seconds += line["seconds"].value("total", 0.0);
    }
  }

  void save() const {
    write_file_atomically(out_ / "table.md", markdown_table(experiment_rows(experiment_, results_)));
    std::string csv;
    const auto add = [&](const std::vector<std::string>& cells) {
      for (size_t i = 0; i < cells.size(); ++i) csv += (i > 0 ? "," : "") + cells[i];
      csv += '\n';
    };
    add(RunResult::heading());
    for (const RunResult& r : results_) add(r.row());
    write_file_atomically(out_ / "runs.csv", csv);
  }

  fs::path out_;
  Experiment experiment_;
  std::vector<RunResult> results_;
};

}  // namespace

void ExperimentOptions::declare(CLI::App& app) {
  app.add_option("file", file, "TOML file: seeds, [shared] options, and a [[configuration]] for each line of the table")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--out", out, "folder of the runs (default: runs/ and the file's name)");
  app.add_option("--seeds", seeds, "in place of the file's, with commas between")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{0}, int64_t{0xffffffff}));
  app.add_option("--only", only, "configurations to run in place of all, with commas between")->delimiter(',');
  app.add_option("--set", set, "KEY=VALUE in place of what [shared] says, or KEY= to take it back; may be repeated")
      ->allow_extra_args(false);
}

int run_experiment(const ExperimentOptions& options, CLI::App& train) { return ExperimentRunner(options, train).run(); }

}  // namespace bareseg
