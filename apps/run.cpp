#include "apps/run.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace {

volatile std::sig_atomic_t caught_signal = 0;

void on_signal(int signal) {
  if (caught_signal != 0) _exit(128 + signal);
  caught_signal = signal;
}

// Why log.txt could not be written, for write_log() to find: spdlog itself goes on after such a failure.
std::string log_failure;

spdlog::logger& logger() {
  static spdlog::logger* log = [] {
    auto* made = new spdlog::logger("bareseg", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    made->flush_on(spdlog::level::info);
    made->set_error_handler([](const std::string& what) { log_failure = what; });
    return made;
  }();
  return *log;
}

// Returns why the file could not be written, and writes to standard error alone from then on; mostly "".
std::string write_log(spdlog::level::level_enum level, const std::string& message) {
  logger().log(level, "{}", message);
  if (!log_failure.empty()) logger().sinks().resize(1);
  return std::exchange(log_failure, {});
}

void write_log_or_throw(spdlog::level::level_enum level, const std::string& message) {
  const std::string failure = write_log(level, message);
  BS_CHECK(failure.empty(), "cannot write the log (is the disk full?): ", failure);
}

// Numbers, those inside objects and those of one or two views; of "occupancy" a histogram for each view.
void add_events(EventFile& events, const std::string& tag, int64_t epoch, const nlohmann::json& value) {
  if (value.is_number()) events.scalar(tag, epoch, value.get<double>());
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) add_events(events, concat(tag, "/", key), epoch, inner);
  }
  for (size_t view = 0; value.is_array() && view < value.size(); ++view) {
    const std::string of_view = concat(tag, "/", view + 1);
    if (tag == "occupancy") events.histogram(of_view, epoch, value[view].get<std::vector<int64_t>>());
    if (value.size() <= 2 && value[view].is_number()) add_events(events, of_view, epoch, value[view]);
  }
}

bool on_terminal() { return isatty(STDERR_FILENO) != 0; }

}  // namespace

void log_info(const std::string& message) { write_log_or_throw(spdlog::level::info, message); }
void log_warning(const std::string& message) { write_log_or_throw(spdlog::level::warn, message); }
void log_error(const std::string& message) {
  const std::string failure = write_log(spdlog::level::err, message);
  if (!failure.empty()) write_log(spdlog::level::err, concat("cannot write the log: ", failure));
}

int stop_signal() { return caught_signal; }

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Progress::Progress(std::string title, int64_t total, const char* unit)
    : title_(std::move(title)), total_(total), unit_(unit), start_(std::chrono::steady_clock::now()), shown_(start_) {}

Progress::~Progress() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string Progress::line(int64_t done) const {
  const double elapsed = seconds(), rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0.0;
  const auto left = rate > 0 ? static_cast<int64_t>(static_cast<double>(total_ - done) / rate) : 0;
  char speed[128];
  std::snprintf(speed, sizeof speed, "%.1f/s, %lld:%02lld left", rate, static_cast<long long>(left / 60),
                static_cast<long long>(left % 60));
  return concat(title_, " ", done, "/", total_, " ", unit_, ", ", speed);
}

void Progress::update(int64_t done) {
  const auto now = std::chrono::steady_clock::now();
  const bool in_place = on_terminal();
  if (now - shown_ < (in_place ? std::chrono::milliseconds(100) : std::chrono::milliseconds(30'000))) return;
  shown_ = now;
  if (!in_place) return log_info(line(done));
  drawn_ = true;
  std::fprintf(stderr, "\r\033[K%s", line(done).c_str());
  std::fflush(stderr);
}

Run::Run(std::filesystem::path folder, const std::string& config, bool resume, bool tensorboard)
    : folder_(std::move(folder)), tensorboard_(tensorboard) {
  std::error_code error;
  const bool used = std::filesystem::exists(folder_ / "config.toml", error);
  BS_CHECK(resume || !used, "--out: ", folder_.string(), " holds a run already; give another folder, or --resume ",
           folder_.string(), " to go on with it");
  BS_CHECK(!resume || used, "--resume: ", folder_.string(), " holds no run (config.toml is missing)");
  std::filesystem::create_directories(folder_, error);
  BS_CHECK(!error, "--out: cannot create ", folder_.string(), ": ", error.message());
  if (!resume) write_file_atomically(folder_ / "config.toml", config);
  try {
    auto file = std::make_shared<spdlog::sinks::basic_file_sink_st>((folder_ / "log.txt").string());
    file->set_pattern("%Y-%m-%d %H:%M:%S %l %v");  // read_run() looks for the level
    logger().sinks().push_back(std::move(file));
  } catch (const spdlog::spdlog_ex& failure) {
    fail_at(__FILE__, __LINE__, "cannot write the log: ", failure.what());
  }
}

void Run::metrics(const std::string& json_line) {
  const auto file = folder_ / "metrics.jsonl";
  std::ofstream out(file, std::ios::app);
  out << json_line << '\n' << std::flush;
  BS_CHECK(out.good(), file.string(), ": cannot write (is the disk full?)");
  if (!tensorboard_) return;
  const auto line = nlohmann::json::parse(json_line);
  const auto epoch = line.at("epoch").get<int64_t>();
  for (const auto& [key, value] : line.items()) {
    if (key != "epoch") add_events(events(epoch), key, epoch, value);
  }
}

void Run::pictures(int64_t epoch, const std::vector<Image>& samples) {
  if (!tensorboard_) return;
  for (size_t i = 0; i < samples.size(); ++i) events(epoch).image(concat("sample/", i + 1), epoch, samples[i]);
}

// Opened when there is something to tell, since only then the step that it goes on from is known.
EventFile& Run::events(int64_t epoch) {
  if (events_ == nullptr) events_ = std::make_unique<EventFile>(folder_, epoch);
  return *events_;
}

void Run::keep_metrics(int64_t lines) {
  std::ifstream in(folder_ / "metrics.jsonl");
  std::string kept, line;
  while (lines-- > 0 && std::getline(in, line)) kept += line + '\n';
  write_file_atomically(folder_ / "metrics.jsonl", kept);
}

}  // namespace bareseg
