// bareseg: the table of commands.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench.h"
#include "apps/convert.h"
#include "apps/data_check.h"
#include "apps/devices.h"
#include "apps/evaluate.h"
#include "apps/experiment.h"
#include "apps/explain.h"
#include "apps/info.h"
#include "apps/mdc.h"
#include "apps/picie.h"
#include "apps/predict.h"
#include "apps/reference.h"
#include "apps/report.h"
#include "apps/retrieve.h"
#include "apps/run.h"
#include "apps/supervised.h"
#include "cpu/cpu_backend.h"
#if defined(BARESEG_CUDA)
#include "cuda/cuda_backend.h"
#include "cuda/timer.h"
#endif

namespace bareseg {
namespace {

#if defined(BARESEG_CUDA)
const MakeTimer make_gpu_timer = make_cuda_timer;
#else
const MakeTimer make_gpu_timer;  // never called: no backend serves a GPU
#endif

// The value of `option` on the command line, before it is parsed: a resumed run's folder has the configuration to read.
std::string early_value(const std::vector<std::string>& args, const std::string& option) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == option && i + 1 < args.size()) return args[i + 1];
    if (args[i].starts_with(option + "=")) return args[i].substr(option.size() + 1);
  }
  return {};
}

/// Reads the file of --config. Arguments are parsed twice, and a pipe can be read once: what was read is kept.
class ConfigFile : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& in) const override {
    if (!items_) items_ = CLI::ConfigTOML::from_config(in);
    return *items_;
  }

 private:
  mutable std::optional<std::vector<CLI::ConfigItem>> items_;
};

/// The method that is trained and the name given to its --preset, both empty where there is none.
struct Preset {
  std::string method, name;

  std::string of(const std::string& command) const { return command == method ? name : ""; }
};

/// One of the commands of `train`.
struct TrainingCommand {
  const char *name, *help;
};
template <typename Options>
void declare_training(CLI::App& train, const TrainingCommand& what, Options& options,
                      int (*run)(const Options&, const std::string&), std::function<int()>& command) {
  CLI::App* app = train.add_subcommand(what.name, what.help);
  options.declare(*app);
  app->callback([=, &options, &command] {
    command = [=, &options] {
      return run(options, concat("[train.", what.name, "]\n", app->config_to_str(true, false)));
    };
  });
}

struct BenchCommands {
  BenchKernelsOptions kernels;
  BenchTrainingOptions training;
  BenchLoadingOptions loading;

  void declare(CLI::App& app, std::function<int()>& command) {
    CLI::App* bench = app.add_subcommand("bench", "how fast the device is");
    bench->require_subcommand(1);
    CLI::App* of_kernels = bench->add_subcommand("kernels", "every hand-written kernel, beside the rate of a copy");
    kernels.declare(*of_kernels);
    of_kernels->callback([&] { command = [&] { return bench_kernels(kernels, make_gpu_timer); }; });
    CLI::App* of_training = bench->add_subcommand("training", "training steps on one batch");
    training.declare(*of_training);
    of_training->callback([&] { command = [&] { return bench_training(training, make_gpu_timer); }; });
    CLI::App* of_loading = bench->add_subcommand("loading", "from JPEG to augmented views, beside decoding alone");
    loading.declare(*of_loading);
    of_loading->callback([&] { command = [&] { return bench_loading(loading); }; });
  }
};

void declare_reference(CLI::App& app, std::function<int()>& command) {
  app.add_subcommand("reference", "every command and option, as a page of Markdown")->callback([&] {
    command = [&] { return std::fputs(command_reference(app).c_str(), stdout) < 0 ? kExitError : 0; };
  });
}

// Says what is wrong with a key of the file; CLI11's message has the key alone.
CLI::ConfigError named(const CLI::ConfigError& error, const std::string& file) {
  std::string what = error.what();
  const std::string unknown = "INI was not able to parse ";
  if (what.starts_with(unknown)) {
    what = what.substr(unknown.size());
    if (what.ends_with(".++")) what.resize(what.size() - 3);  // the start of a section
    what = concat("nothing is called '", what, "'; options stand below their command, as [train.picie]");
  }
  return CLI::ConfigError(concat("--config: ", file, ": ", what));
}

/// The table of commands with the options of each, whose defaults are those of `preset`.
class Program {
 public:
  Program(const Preset& preset, const std::shared_ptr<ConfigFile>& config);

  /// The preset that `args`, or the file that they name, ask for. Faults are left for run() to find.
  Preset preset_of(const std::vector<std::string>& args);
  int run(const std::vector<std::string>& args);

 private:
  void declare_train();
  void declare_use();
  template <typename Options>
  void declare_command(const char* name, const char* help, Options& options, int (*work)(const Options&)) {
    CLI::App* app = app_.add_subcommand(name, help);
    options.declare(*app);
    app->callback([=, this, &options] { command_ = [=, &options] { return work(options); }; });
  }
  void parse(std::vector<std::string> args);

  CLI::App app_{"bareseg learns to segment images, with and without labels", "bareseg"};
  CLI::App* train_ = nullptr;
  std::function<int()> command_;

  ClusterOptions picie_, mdc_;
  SupervisedOptions supervised_;
  ExperimentOptions experiment_;
  EvaluateOptions evaluate_;
  BaselineOptions baseline_;
  PredictOptions predict_;
  ReportOptions report_;
  ExplainOptions explain_;
  RetrieveOptions retrieve_;
  InfoOptions info_;
  ConvertOptions convert_;
  DataCheckOptions check_;
  BenchCommands bench_;
};

Program::Program(const Preset& preset, const std::shared_ptr<ConfigFile>& config)
    : picie_(picie_preset(preset.of("picie"))),
      mdc_(mdc_preset(preset.of("mdc"))),
      supervised_(SupervisedOptions::preset_named(preset.of("supervised"))) {
  app_.set_version_flag("--version", "bareseg 0.1.0");
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.set_config("--config", "", "file of options, as config.toml of a run");
  app_.config_formatter(config);
  app_.allow_config_extras(CLI::config_extras_mode::error);
  app_.option_defaults()->always_capture_default(false);
  declare_train();
  declare_use();
  CLI::App* devices = app_.add_subcommand("devices", "what there is to compute with, and what is missing");
  devices->callback([this] { command_ = list_devices; });
  CLI::App* data = app_.add_subcommand("data", "look after data sets");
  data->require_subcommand(1);
  CLI::App* check = data->add_subcommand("check", "verify every image and label map of a data set");
  check_.declare(*check);
  check->callback([this] { command_ = [this] { return data_check(check_); }; });
  bench_.declare(app_, command_);
  declare_reference(app_, command_);
}

void Program::declare_train() {
  train_ = app_.add_subcommand("train", "learn from images");
  train_->require_subcommand(1);
  declare_training(*train_, {"picie", "PiCIE: without labels, two views that predict each other's clusters"}, picie_,
                   train_on_clusters, command_);
  declare_training(*train_, {"mdc", "MDC: without labels, a classifier learns the clusters afresh in every epoch"},
                   mdc_, train_on_clusters, command_);
  declare_training(*train_, {"supervised", "from labels: a network and a classifier"}, supervised_, train_supervised,
                   command_);
  CLI::App* experiment = app_.add_subcommand("experiment", "train several configurations, compare them");
  experiment_.declare(*experiment);
  experiment->callback([this] { command_ = [this] { return run_experiment(experiment_, *train_); }; });
}

// What works on the checkpoints and folders that training leaves.
void Program::declare_use() {
  declare_command("evaluate", "score a checkpoint on labelled images", evaluate_, run_evaluate);
  declare_command("baseline", "what scores without learning are worth", baseline_, run_baseline);
  declare_command("predict", "segment images: label maps, overlays, a grid", predict_, predict);
  declare_command("report", "a page about a run, or several side by side", report_, report);
  declare_command("explain", "where the pseudo-labels of an image come from", explain_, explain);
  declare_command("retrieve", "find the pixels that are most like given ones", retrieve_, retrieve);
  declare_command("info", "what a checkpoint holds", info_, info);
  declare_command("convert", "weights between safetensors, PyTorch's and NumPy's files", convert_, convert);
}

void Program::parse(std::vector<std::string> args) {
  const std::string resumed = early_value(args, "--resume");
  if (!resumed.empty()) args.insert(args.end(), {"--config", resumed + "/config.toml"});
  std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
  app_.parse(args);
}

Preset Program::preset_of(const std::vector<std::string>& args) {
  try {
    parse(args);
  } catch (const CLI::Error&) {  // --help too: it shows the defaults of the preset
  }
  for (const CLI::App* method : train_->get_subcommands()) {
    const std::vector<std::string>& names = method->get_option("--preset")->results();
    if (!names.empty()) return {.method = method->get_name(), .name = names.back()};
  }
  return {};
}

int Program::run(const std::vector<std::string>& args) {
  const auto refused = [this](const CLI::Error& error) {
    return app_.exit(error) == 0 ? 0 : static_cast<int>(kExitUsage);
  };
  try {
    parse(args);
  } catch (const CLI::ConfigError& error) {
    return refused(named(error, app_.get_config_ptr()->as<std::string>()));
  } catch (const CLI::ParseError& error) {
    return refused(error);
  }
  return command_();
}

int run(const std::vector<std::string>& args) {
  const auto config = std::make_shared<ConfigFile>();
  const Preset preset = Program({}, config).preset_of(args);
  return Program(preset, config).run(args);
}

// `code`, once all that was printed has arrived. @throws ExitError where it has not, for want of space say.
int printed(int code) {
  std::cout.flush();
  const bool whole = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && !std::cout.fail();
  if (!whole) throw ExitError{code != 0 ? code : kExitError, "cannot write to standard output (is the disk full?)"};
  return code;
}

}  // namespace
}  // namespace bareseg

int main(int argc, char** argv) {
  using namespace bareseg;
  install_backend(Device::Type::cpu, make_cpu_backend());
#if defined(BARESEG_CUDA)
  install_backend(Device::Type::cuda, make_cuda_backend());
#endif
  try {
    return printed(run({argv + 1, argv + argc}));
  } catch (const ExitError& error) {
    log_error(error.message);
    return error.code;
  } catch (const Error& error) {
    log_error(error.message());
  } catch (const std::exception& error) {
    log_error(error.what());
  }
  return kExitError;
}
