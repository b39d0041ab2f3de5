// bareseg: the table of commands.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
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

// The value of `option` on the command line, before it is parsed: a preset decides the defaults that parsing starts
// from, and a resumed run's folder the configuration it reads.
std::string early_value(const std::vector<std::string>& args, const std::string& option) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == option && i + 1 < args.size()) return args[i + 1];
    if (args[i].starts_with(option + "=")) return args[i].substr(option.size() + 1);
  }
  return {};
}

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

int run(std::vector<std::string> args) {
  CLI::App app("bareseg learns to segment images, with and without labels", "bareseg");
  app.set_version_flag("--version", "bareseg 0.1.0");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_config("--config", "", "file of options, as config.toml of a run");
  app.option_defaults()->always_capture_default(false);
  std::function<int()> command;

  CLI::App* train = app.add_subcommand("train", "learn from images");
  train->require_subcommand(1);
  const auto preset_of = [&](const std::string& method) {
    const auto found = std::find(args.begin(), args.end(), "train");
    return found != args.end() && found + 1 != args.end() && found[1] == method ? early_value(args, "--preset") : "";
  };
  ClusterOptions picie = picie_preset(preset_of("picie")), mdc = mdc_preset(preset_of("mdc"));
  SupervisedOptions supervised = SupervisedOptions::preset_named(preset_of("supervised"));
  declare_training(*train, {"picie", "PiCIE: without labels, two views that predict each other's clusters"}, picie,
                   train_on_clusters, command);
  declare_training(*train, {"mdc", "MDC: without labels, a classifier learns the clusters afresh in every epoch"}, mdc,
                   train_on_clusters, command);
  declare_training(*train, {"supervised", "from labels: a network and a classifier"}, supervised, train_supervised,
                   command);

  ExperimentOptions experiment;
  CLI::App* experiment_command = app.add_subcommand("experiment", "train several configurations, compare them");
  experiment.declare(*experiment_command);
  experiment_command->callback([&] { command = [&] { return run_experiment(experiment, *train); }; });

  EvaluateOptions evaluate;
  CLI::App* evaluate_command = app.add_subcommand("evaluate", "score a checkpoint on labelled images");
  evaluate.declare(*evaluate_command);
  evaluate_command->callback([&] { command = [&] { return run_evaluate(evaluate); }; });

  BaselineOptions baseline;
  CLI::App* baseline_command = app.add_subcommand("baseline", "what scores without learning are worth");
  baseline.declare(*baseline_command);
  baseline_command->callback([&] { command = [&] { return run_baseline(baseline); }; });

  PredictOptions predict_options;
  CLI::App* predict_command = app.add_subcommand("predict", "segment images: label maps, overlays, a grid");
  predict_options.declare(*predict_command);
  predict_command->callback([&] { command = [&] { return predict(predict_options); }; });

  ReportOptions report_options;
  CLI::App* report_command = app.add_subcommand("report", "a page about a run, or several side by side");
  report_options.declare(*report_command);
  report_command->callback([&] { command = [&] { return report(report_options); }; });

  ExplainOptions explain_options;
  CLI::App* explain_command = app.add_subcommand("explain", "where the pseudo-labels of an image come from");
  explain_options.declare(*explain_command);
  explain_command->callback([&] { command = [&] { return explain(explain_options); }; });

  RetrieveOptions retrieve_options;
  CLI::App* retrieve_command = app.add_subcommand("retrieve", "find the pixels that are most like given ones");
  retrieve_options.declare(*retrieve_command);
  retrieve_command->callback([&] { command = [&] { return retrieve(retrieve_options); }; });

  InfoOptions info_options;
  CLI::App* info_command = app.add_subcommand("info", "what a checkpoint holds");
  info_options.declare(*info_command);
  info_command->callback([&] { command = [&] { return info(info_options); }; });

  ConvertOptions convert_options;
  CLI::App* convert_command = app.add_subcommand("convert", "weights between safetensors, PyTorch's and NumPy's files");
  convert_options.declare(*convert_command);
  convert_command->callback([&] { command = [&] { return convert(convert_options); }; });

  CLI::App* devices_command = app.add_subcommand("devices", "what there is to compute with, and what is missing");
  devices_command->callback([&] { command = list_devices; });

  CLI::App* data = app.add_subcommand("data", "look after data sets");
  data->require_subcommand(1);
  DataCheckOptions check_options;
  CLI::App* check_command = data->add_subcommand("check", "verify every image and label map of a data set");
  check_options.declare(*check_command);
  check_command->callback([&] { command = [&] { return data_check(check_options); }; });

  BenchCommands bench;
  bench.declare(app, command);
  declare_reference(app, command);

  const std::string resumed = early_value(args, "--resume");
  if (!resumed.empty()) {
    args.push_back("--config");
    args.push_back(resumed + "/config.toml");
  }
  std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
  try {
    app.parse(args);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(kExitUsage);
  }
  return command();
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
    return run({argv + 1, argv + argc});
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
