// `bareseg report`: one page about one run, or several side by side.
#pragma once

#include <string>
#include <vector>

#include "apps/options.h"

namespace bareseg {

/// Options of `bareseg report`.
struct ReportOptions {
  std::vector<std::string> runs;  // folders
  std::string out = "report.html";
  std::string data;  // folder in place of the one that the runs were trained on
  int64_t images = 8;
  std::string checkpoint = "best";               // or last
  DeviceOptions device = {.tune_seconds = 0.0};  // photographs come in many sizes

  void declare(CLI::App& app);
};

/// Writes a self-contained HTML page. What a run does not have (labels, checkpoint, data) is left out, and the page
/// says so.
/// @throws Error when a folder holds no run or the page cannot be written.
int report(const ReportOptions& options);

}  // namespace bareseg
