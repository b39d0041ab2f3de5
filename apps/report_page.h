// The parts of the page that `bareseg report` writes; each returns HTML, "" where no run has anything to show.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/report.h"
#include "apps/run_record.h"
#include "apps/segmenter.h"

namespace bareseg {

struct ReportedRun {
  RunRecord record;
  int colour = 0;                           // in plots
  std::optional<Segmenter> segmenter = {};  // none where no checkpoint could be read
  std::string weights = {};                 // which checkpoint that is, or why there is none
  std::vector<ClassInfo> classes = {};      // of the scores

  /// The best epoch and its scores to compare by; nothing without scores.
  struct Best {
    int64_t epoch;
    std::string score_name;
    EpochScores scores;
  };
  std::optional<Best> best() const;
};
using ReportedRuns = std::vector<ReportedRun>;

/// "class 3" where a run has scores but no names for its classes.
std::string class_name(const std::vector<ClassInfo>& classes, size_t index);

// report_training.cpp
std::string summary_html(const ReportedRuns& runs);
std::string curves_html(const ReportedRuns& runs);
std::string occupancy_html(const ReportedRuns& runs);
std::string timing_html(const ReportedRuns& runs);
// report_scores.cpp
std::string class_scores_html(const ReportedRuns& runs);
std::string confusion_html(const ReportedRuns& runs);
std::string clusters_html(const ReportedRuns& runs);
// report_configuration.cpp
std::string configuration_html(const ReportedRuns& runs);

// report_gallery.cpp

/// The data set of the first run that names one, or why it cannot be opened.
struct ReportData {
  std::unique_ptr<Dataset> dataset;
  std::string problem;
};
ReportData open_report_data(const ReportedRuns& runs, const std::string& root);
std::string gallery_html(const ReportedRuns& runs, const ReportData& data, int64_t images, DType dtype);

}  // namespace bareseg
