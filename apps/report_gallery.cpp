// Validation images as every run segments them.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/html_page.h"
#include "apps/legend.h"
#include "apps/report_page.h"
#include "apps/text_table.h"
#include "data/picture.h"
#include "engine/error.h"

namespace bareseg {
namespace {

constexpr int64_t kSide = 320;  // longest side of a picture on the page

// One run's part: its network, and what its label maps mean. `comparable`: its values are the data set's classes.
struct Painter {
  const ReportedRun* run;
  Legend legend;
  bool comparable;
};

double accuracy(const LabelMap& labels, const LabelMap& truth) {
  int64_t right = 0, all = 0;
  for (size_t i = 0; i < truth.classes.size(); ++i) {
    if (truth.classes[i] == kIgnoreLabel) continue;
    ++all;
    right += labels.classes[i] == truth.classes[i];
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(std::max<int64_t>(all, 1));
}

// How many runs are wrong at a pixel; without truth, how many say something else than the first.
std::vector<int> disagreement(const std::vector<LabelMap>& maps, const LabelMap* truth) {
  std::vector<int> wrong(maps[0].classes.size(), 0);
  for (size_t i = 0; i < wrong.size(); ++i) {
    if (truth != nullptr && truth->classes[i] == kIgnoreLabel) continue;
    const uint8_t right = truth != nullptr ? truth->classes[i] : maps[0].classes[i];
    for (const LabelMap& map : maps) wrong[i] += map.classes[i] != right;
  }
  return wrong;
}

// The photograph in pale grey, from yellow to dark red where ever more runs are wrong.
Image disagreement_picture(const Image& photo, const std::vector<int>& wrong, int most) {
  Image out = photo;
  for (size_t i = 0; i < wrong.size(); ++i) {
    const uint8_t* rgb = &photo.rgb[3 * i];
    const int grey = 160 + (rgb[0] * 3 + rgb[1] * 6 + rgb[2]) / 10 * 90 / 255;
    const double t = most > 1 ? static_cast<double>(wrong[i] - 1) / (most - 1) : 0.6;
    const double colour[3] = {250.0 - 90.0 * t, 196.0 - 186.0 * t, 66.0 - 30.0 * t};
    for (size_t c = 0; c < 3; ++c) {
      out.rgb[3 * i + c] = static_cast<uint8_t>(wrong[i] == 0 ? grey : 0.8 * colour[c] + 0.2 * grey);
    }
  }
  return out;
}

class Gallery {
 public:
  Gallery(const ReportedRuns& runs, const Dataset& data, DType dtype) : data_(data), dtype_(dtype) {
    std::vector<std::string> names;
    for (const ClassInfo& c : data.classes()) names.push_back(c.name);
    for (const ReportedRun& run : runs) {
      if (!run.segmenter || run.segmenter->classifiers.empty()) continue;
      Painter painter{&run, Legend(*run.segmenter, 0, data.classes()), false};
      painter.comparable = painter.legend.classes && (names.empty() || run.segmenter->class_names == names);
      painters_.push_back(std::move(painter));
    }
  }

  std::string legends() const {
    std::string html, shared;
    if (!data_.classes().empty()) html += legend_of(data_.classes());
    for (const Painter& p : painters_) {
      if (p.comparable && !data_.classes().empty()) continue;
      html += element("p", p.run->record.name + ":") + legend_of(p.legend.values);
    }
    const auto comparable =
        std::count_if(painters_.begin(), painters_.end(), [](const Painter& p) { return p.comparable; });
    if (comparable > 0 && data_.has_labels()) {
      html +=
          element("p class=\"muted\"",
                  comparable == 1 ? "Errors: where the run is wrong."
                                  : "Disagreement: from yellow, where one run is wrong, to dark red, where all are.");
    } else if (comparable > 1) {
      html += element("p class=\"muted\"", "Disagreement: where runs differ from the first.");
    }
    return html;
  }

  std::string row(int64_t index) const {
    const Image photo = data_.image(index);
    const double scale = static_cast<double>(kSide) / static_cast<double>(std::max(photo.width, photo.height));
    const auto fit = [scale](int64_t side) { return std::max<int64_t>(1, static_cast<int64_t>(scale * double(side))); };
    const ImageSize size{fit(photo.width), fit(photo.height)};
    const Image small = resized(photo, size);
    std::string html = picture(data_uri(small), data_.name(index));
    LabelMap truth, small_truth;
    if (data_.has_labels()) {
      truth = data_.labels(index);
      small_truth = resized(truth, size);
      html += picture(data_uri(small_truth, palette_of(data_.classes())), "truth");
    }
    std::vector<LabelMap> comparable;
    for (const Painter& p : painters_) {
      const LabelMap labels =
          p.legend.labels(predict_clusters(*p.run->segmenter, 0, photo, p.run->segmenter->resolution, dtype_));
      const LabelMap small_labels = resized(labels, size);
      std::string caption = p.run->record.name;
      if (p.comparable && data_.has_labels()) caption += concat(": ", fixed(accuracy(labels, truth), 1), " % right");
      html += picture(data_uri(small_labels, p.legend.palette), caption);
      if (p.comparable) comparable.push_back(small_labels);
    }
    if (comparable.size() > 1 || (comparable.size() == 1 && data_.has_labels())) {
      const auto most = static_cast<int>(comparable.size()) - (data_.has_labels() ? 0 : 1);
      html += picture(data_uri(disagreement_picture(
                          small, disagreement(comparable, data_.has_labels() ? &small_truth : nullptr), most)),
                      comparable.size() > 1 ? "disagreement" : "errors");
    }
    return concat("<div class=\"pictures\">", html, "</div>\n");
  }

 private:
  static std::string legend_of(const std::vector<ClassInfo>& values) {
    std::vector<LegendEntry> entries;
    for (const ClassInfo& value : values) entries.push_back({value.name, css_colour(value.colour)});
    return html_legend(entries);
  }

  const Dataset& data_;
  DType dtype_;
  std::vector<Painter> painters_;
};

}  // namespace

ReportData open_report_data(const ReportedRuns& runs, const std::string& root) {
  for (const ReportedRun& run : runs) {
    if (run.record.option("dataset").empty()) continue;
    try {
      DatasetOptions options;
      CLI::App app;
      declare_dataset(app, options);
      apply_options(run.record, app);
      if (!root.empty()) options.root = root;
      return {open_dataset(options, Split::val), {}};
    } catch (const Error& error) {
      return {nullptr, error.message()};
    }
  }
  return {nullptr, "the configuration names no data set"};
}

std::string gallery_html(const ReportedRuns& runs, const ReportData& data, int64_t images, DType dtype) {
  if (images == 0) return {};
  std::string weights;
  for (const ReportedRun& run : runs) {
    weights += concat(weights.empty() ? "" : "; ", run.record.name, ": ", run.weights);
  }
  std::string html = element("p class=\"muted\"", weights);
  if (data.dataset == nullptr) {
    return html + element("p class=\"note\"", "The images cannot be shown: " + data.problem +
                                                  ". Where the data set has moved, --data says where it is now.");
  }
  const Gallery gallery(runs, *data.dataset, dtype);
  html += gallery.legends();
  const int64_t total = data.dataset->size(), count = std::min(images, total);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = i * total / count;  // from all over the data set: neighbours in a film look alike
    try {
      html += gallery.row(index);
    } catch (const Error& error) {
      html += element("p class=\"note\"", "An image cannot be shown: " + error.message());
    }
  }
  return html;
}

}  // namespace bareseg
