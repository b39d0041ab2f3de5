#include "apps/legend.h"

#include <algorithm>

#include "data/class_table.h"
#include "data/picture.h"
#include "data/scenes.h"
#include "engine/error.h"

namespace bareseg {
namespace {

std::vector<std::string> names_of(const std::vector<ClassInfo>& classes) {
  std::vector<std::string> names;
  for (const ClassInfo& c : classes) names.push_back(c.name);
  return names;
}

}  // namespace

std::vector<ClassInfo> classes_named(const std::vector<std::string>& names, const std::vector<ClassInfo>& of_data) {
  std::vector<std::vector<ClassInfo>> known = {of_data, open_scenes({}, Split::val)->classes()};
  for (const ClassTable& table : known_class_tables()) known.push_back(table.classes);
  for (const std::vector<ClassInfo>& classes : known) {
    if (names_of(classes) == names) return classes;
  }
  std::vector<ClassInfo> classes;
  for (size_t i = 0; i < std::min<size_t>(names.size(), kIgnoreLabel); ++i)
    classes.push_back({names[i], distinct_colours()[i]});
  return classes;
}

Legend::Legend(const Segmenter& s, int64_t classifier, const std::vector<ClassInfo>& of_data) {
  const int64_t clusters = s.classifiers.at(static_cast<size_t>(classifier)).size();
  classes = classifier == 0 && !s.class_names.empty() && std::ssize(s.cluster_classes) == clusters;
  if (classes) {
    values = classes_named(s.class_names, of_data);
    for (const int64_t c : s.cluster_classes) {
      BS_CHECK(c < std::min<int64_t>(std::ssize(values), kIgnoreLabel), "checkpoint: a cluster stands for class ", c,
               "; expected less than ", values.size());
      of_cluster.push_back(c < 0 ? kIgnoreLabel : static_cast<uint8_t>(c));
    }
  } else {
    BS_CHECK(clusters <= kIgnoreLabel, "label maps hold at most ", int{kIgnoreLabel}, " clusters; this classifier has ",
             clusters, " and no classes for them");
    for (int64_t k = 0; k < clusters; ++k) {
      values.push_back({concat("cluster ", k), distinct_colours()[static_cast<size_t>(k)]});
      of_cluster.push_back(static_cast<uint8_t>(k));
    }
  }
  palette = palette_of(values);
  std::fill(palette.end() - 3, palette.end(), 0);
}

LabelMap Legend::labels(const ClusterMap& map) const {
  LabelMap out{map.width, map.height, std::vector<uint8_t>(map.clusters.size())};
  std::transform(map.clusters.begin(), map.clusters.end(), out.classes.begin(),
                 [&](int32_t cluster) { return of_cluster[static_cast<size_t>(cluster)]; });
  return out;
}

std::string Legend::table() const {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    const Colour& c = values[i].colour;
    text += concat(i, ' ', values[i].name, ' ', int{c[0]}, ' ', int{c[1]}, ' ', int{c[2]}, '\n');
  }
  return text + concat(int{kIgnoreLabel}, " void 0 0 0\n");
}

Image Legend::picture() const {
  constexpr int64_t kLine = kCaptionHeight + 3;
  Image image{220, kLine * std::ssize(values) + 3, {}};
  image.rgb.assign(static_cast<size_t>(image.width * image.height * 3), 255);
  for (int64_t i = 0; i < std::ssize(values); ++i) {
    for (int64_t y = 0; y < kCaptionHeight; ++y) {
      for (int64_t x = 0; x < 2 * kCaptionHeight; ++x) {
        const Colour& colour = values[static_cast<size_t>(i)].colour;
        std::copy(colour.begin(), colour.end(), image.rgb.begin() + ((3 + i * kLine + y) * image.width + 3 + x) * 3);
      }
    }
    draw_text(image, 3 + i * kLine + 2, 2 * kCaptionHeight + 8, values[static_cast<size_t>(i)].name);
  }
  return image;
}

}  // namespace bareseg
