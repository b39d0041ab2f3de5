// The page of `bareseg explain`.
#include <algorithm>
#include <cmath>

#include "apps/explain.h"
#include "apps/html_page.h"
#include "apps/legend.h"
#include "apps/svg_plot.h"
#include "apps/text_table.h"
#include "data/picture.h"
#include "engine/error.h"

namespace bareseg {
namespace {

using Vectors = std::vector<std::vector<double>>;

std::string pictures(const std::string& cells) { return concat("<div class=\"pictures\">", cells, "</div>\n"); }

// From dark blue over green to yellow, of even steps in brightness (after matplotlib's viridis).
std::vector<uint8_t> heat_palette() {
  constexpr double kStops[5][3] = {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};
  std::vector<uint8_t> palette;
  for (int i = 0; i < 256; ++i) {
    const double at = std::min(i / 255.0 * 4.0, 3.999);
    const int stop = static_cast<int>(at);
    for (int c = 0; c < 3; ++c) {
      const double part = at - stop;
      palette.push_back(static_cast<uint8_t>((1.0 - part) * kStops[stop][c] + part * kStops[stop + 1][c] + 0.5));
    }
  }
  return palette;
}

// `least` and less is the palette's first colour, `most` its last.
std::string heat_picture(const std::vector<float>& values, int64_t side, float least, float most,
                         const std::string& caption) {
  LabelMap map{side, side, {}};
  for (const float v : values) {
    const float part = most > least ? (v - least) / (most - least) : 0.0f;
    map.classes.push_back(static_cast<uint8_t>(std::clamp(part, 0.0f, 1.0f) * 255.0f + 0.5f));
  }
  return picture(data_uri(map, heat_palette()), caption, true);
}

Vectors rows_of(const Tensor& centroids) {
  const std::vector<float> flat = centroids.to_vector<float>();
  const int64_t dims = centroids.dim(1);
  Vectors rows;
  for (int64_t k = 0; k < centroids.dim(0); ++k)
    rows.emplace_back(flat.begin() + k * dims, flat.begin() + (k + 1) * dims);
  return rows;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::string class_of(const Segmenter& s, size_t cluster) {
  if (s.classifiers.size() != 2 || cluster >= s.cluster_classes.size()) return "-";
  const auto at = static_cast<size_t>(s.cluster_classes[cluster]);
  return s.cluster_classes[cluster] >= 0 && at < s.class_names.size() ? s.class_names[at] : "-";
}

std::string cluster_table(const Explanation& e, const Segmenter& s, size_t view) {
  const Vectors centroids = rows_of(e.centroids[view]);
  double all = 0.0;
  for (const int64_t n : e.occupancy[view]) all += static_cast<double>(n);
  std::vector<std::vector<std::string>> rows = {
      {"cluster", view == 0 ? "class" : "of view 1", "|centroid|", "of all pixels", "weight", "pixels here"}};
  for (size_t k = 0; k < centroids.size(); ++k) {
    rows.push_back({std::to_string(k), view == 0 ? class_of(s, k) : std::to_string(e.match[k]),
                    fixed(std::sqrt(dot(centroids[k], centroids[k])), 3),
                    fixed(100.0 * static_cast<double>(e.occupancy[view][k]) / std::max(all, 1.0), 2) + " %",
                    e.weights[view].empty() ? "1" : fixed(e.weights[view][k], 4), std::to_string(e.counts[view][k])});
  }
  return concat("<div>", element("h3", concat("View ", view + 1)), html_table(rows), "</div>");
}

std::string similarity_map(const Explanation& e) {
  const Vectors first = rows_of(e.centroids[0]), second = rows_of(e.centroids[1]);
  HeatMap map{.title = "Cosine between the centroids of the two views, in percent",
              .row_axis = "view 1",
              .column_axis = "view 2"};
  for (size_t k = 0; k < second.size(); ++k) map.columns.push_back(std::to_string(k));
  for (size_t j = 0; j < first.size(); ++j) {
    map.rows.push_back(std::to_string(j));
    map.values.emplace_back();
    map.tooltips.emplace_back();
    for (const std::vector<double>& other : second) {
      const double lengths = std::sqrt(dot(first[j], first[j]) * dot(other, other));
      const double cosine = lengths > 0 ? dot(first[j], other) / lengths : 0.0;
      map.values.back().push_back(std::clamp(cosine, 0.0, 1.0));
      map.tooltips.back().push_back(fixed(cosine, 4));
    }
  }
  return heat_map(map);
}

std::string views_part(const Explanation& e) {
  return element(
             "p",
             "The photograph becomes a square. Each view gets colours of its own. View 1 is cropped and flipped as "
             "an image, before the network; view 2 goes through the network whole, and its features are cropped and "
             "flipped in the same way. The last picture shows view 2 as its features are moved: it must show the "
             "same place as view 1.") +
         pictures(picture(data_uri(e.square), "square") + picture(data_uri(e.inputs[0]), "view 1, into the network") +
                  picture(data_uri(e.inputs[1]), "view 2, into the network") +
                  picture(data_uri(e.second_moved), "view 2, moved like its features"));
}

std::string labels_part(const Explanation& e) {
  const std::vector<uint8_t> palette = palette_of({});
  std::vector<int32_t> recoloured, differs;
  for (size_t i = 0; i < e.labels[0].size(); ++i) {
    recoloured.push_back(static_cast<int32_t>(e.match[static_cast<size_t>(e.labels[1][i])]));
    differs.push_back(recoloured.back() == e.labels[0][i] ? 0 : 1);
  }
  std::vector<LegendEntry> legend;
  for (size_t k = 0; k < e.counts[0].size(); ++k) {
    if (e.counts[0][k] > 0 || std::find(recoloured.begin(), recoloured.end(), int32_t(k)) != recoloured.end()) {
      legend.push_back({concat("cluster ", k), css_colour(distinct_colours()[k])});
    }
  }
  return element(
             "p",
             concat("Every feature, a unit vector for a cell of four by four pixels, takes the number of its nearest "
                    "centroid. These numbers are the pseudo-labels, ",
                    e.side, " by ", e.side,
                    ". Each view has centroids of its own, so that the numbers of the two have nothing to do with "
                    "each other; view 2 is shown in the colours of the clusters of view 1 that it overlaps with "
                    "most. Both views then say the same at ",
                    fixed(e.agreement, 1), " % of the places.")) +
         html_legend(legend) +
         pictures(
             picture(data_uri(e.inputs[0]), "view 1") +
             picture(data_uri(label_map(e.labels[0], e.side), palette), "labels of view 1", true) +
             picture(data_uri(label_map(recoloured, e.side), palette), "labels of view 2", true) +
             picture(data_uri(label_map(differs, e.side), {235, 238, 242, 190, 40, 30}), "where they differ", true));
}

std::string losses_part(const Explanation& e) {
  std::vector<std::vector<std::string>> rows = {{"features of", "labels and centroids of view 1", "of view 2"}};
  float least = e.pixel_loss[0][0][0], most = least;
  for (size_t a = 0; a < 2; ++a) {
    rows.push_back({concat("view ", a + 1), fixed(e.loss[a][0], 4), fixed(e.loss[a][1], 4)});
    for (const std::vector<float>& losses : e.pixel_loss[a]) {
      least = std::min(least, *std::min_element(losses.begin(), losses.end()));
      most = std::max(most, *std::max_element(losses.begin(), losses.end()));
    }
  }
  std::string cells;
  for (size_t a = 0; a < 2; ++a) {
    for (size_t b = 0; b < 2; ++b) {
      cells += heat_picture(e.pixel_loss[a][b], e.side, least, most,
                            concat("features ", a + 1, ", labels ", b + 1, ": ", fixed(e.loss[a][b], 4)));
    }
  }
  return element(
             "p",
             "The centroids, frozen, classify the features: softmax of their inner products. Each view must predict "
             "its own labels (within, the diagonal) and the other view's (across), which rewards features that do "
             "not follow the colours and do move with the picture. Every term is a mean over the places with the "
             "weight of their cluster. Training goes down the gradient of the mean of the four.") +
         html_table(rows) +
         element("p", concat("within ", fixed(e.within(), 4), ", across ", fixed(e.across(), 4), ", total ",
                             fixed(0.5 * (e.within() + e.across()), 4), "; all clusters alike would be ln K = ",
                             fixed(std::log(static_cast<double>(e.counts[0].size())), 4))) +
         element("p class=\"muted\"", concat("The cross-entropy at each place, without the weights, from dark blue (",
                                             fixed(least, 2), ") to yellow (", fixed(most, 2), "):")) +
         pictures(cells);
}

}  // namespace

std::string explanation_html(const Explanation& e, const Segmenter& segmenter, const std::string& title) {
  HtmlPage page(
      title, element("p class=\"muted\"",
                     concat("Centroids of epoch ", e.epoch, ", random transforms as drawn for training image ", e.draw,
                            ", network as it is in the checkpoint, batch norm with its running "
                            "statistics.")));
  page.section("views", "Two views", views_part(e));
  page.section("centroids", "Centroids and weights",
               element("p",
                       "k-means over the features of all training images gave the centroids, one set for each view. A "
                       "centroid is a mean of unit vectors: the shorter, the more its features differ. The weight of a "
                       "cluster in the loss comes from its share of all pixels.") +
                   concat("<div class=\"grid two\">", cluster_table(e, segmenter, 0), cluster_table(e, segmenter, 1),
                          "</div>\n", similarity_map(e)));
  page.section("labels", "Pseudo-labels", labels_part(e));
  page.section("losses", "Four losses", losses_part(e));
  return page.text();
}

}  // namespace bareseg
