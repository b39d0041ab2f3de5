// The options of runs, and where they differ.
#include <algorithm>

#include "apps/html_page.h"
#include "apps/report_page.h"
#include "engine/error.h"

namespace bareseg {
namespace {

std::string shown(const RunRecord& run, const std::string& name) {
  for (const RunRecord::Option& o : run.options) {
    if (o.name == name) return o.value.empty() ? "\"\"" : o.value;
  }
  return "-";
}

std::vector<std::string> option_names(const ReportedRuns& runs) {
  std::vector<std::string> names;
  for (const ReportedRun& run : runs) {
    for (const RunRecord::Option& o : run.record.options) {
      if (std::find(names.begin(), names.end(), o.name) == names.end()) names.push_back(o.name);
    }
  }
  return names;
}

std::string differences(const ReportedRuns& runs) {
  std::vector<std::vector<std::string>> rows = {{"option"}, {"method"}};
  for (const ReportedRun& run : runs) {
    rows[0].push_back(run.record.name);
    rows[1].push_back(run.record.method);
  }
  for (const std::string& name : option_names(runs)) {
    std::vector<std::string> row = {name};
    for (const ReportedRun& run : runs) row.push_back(shown(run.record, name));
    const bool differs = std::any_of(row.begin() + 2, row.end(), [&](const std::string& v) { return v != row[1]; });
    if (differs && name != "out") rows.push_back(std::move(row));
  }
  if (std::count(rows[1].begin() + 1, rows[1].end(), rows[1][1]) == std::ssize(runs)) rows.erase(rows.begin() + 1);
  if (rows.size() == 1) return element("p", "The runs have the same options.");
  return element("h3", "What differs") + html_table(rows);
}

}  // namespace

std::string configuration_html(const ReportedRuns& runs) {
  std::string html = runs.size() > 1 ? differences(runs) : "";
  for (const ReportedRun& run : runs) {
    std::string text = concat("[train.", run.record.method, "]\n");
    for (const RunRecord::Option& o : run.record.options)
      text += concat(o.name, " = ", shown(run.record, o.name), "\n");
    html += concat("<details", runs.size() == 1 ? " open=\"open\"" : "", ">",
                   element("summary", concat(run.record.name, ": every option")), element("pre", text), "</details>\n");
  }
  return html;
}

}  // namespace bareseg
