#include "data/class_table.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>

#include "data/ade20k.h"
#include "data/coco_stuff.h"
#include "data/palette.h"
#include "data/road_classes.h"
#include "data/voc.h"
#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace {

constexpr int64_t kMaxTableBytes = 1'000'000;

struct Entry {
  std::string name;
  std::optional<Colour> colour;
};

std::optional<uint8_t> byte_of(const std::string& word) {
  uint8_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// The words behind the value: a name of one or more words, then perhaps three numbers.
Entry parse_entry(std::vector<std::string> words) {
  Entry entry;
  if (words.size() >= 4) {
    const auto red = byte_of(words.end()[-3]), green = byte_of(words.end()[-2]), blue = byte_of(words.end()[-1]);
    if (red && green && blue) {
      entry.colour = Colour{*red, *green, *blue};
      words.resize(words.size() - 3);
    }
  }
  for (const std::string& word : words) entry.name += (entry.name.empty() ? "" : " ") + word;
  return entry;
}

bool is_void(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "void" || name == "ignore" || name == "unlabeled" || name == "unlabelled";
}

std::map<uint8_t, Entry> read_entries(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = read_file(file, kMaxTableBytes);
  std::istringstream text(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::map<uint8_t, Entry> entries;
  std::string line;
  for (int64_t number = 1; std::getline(text, line); ++number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.empty() || words[0].starts_with('#')) continue;
    const std::optional<uint8_t> value = byte_of(words[0]);
    BS_CHECK(value && words.size() >= 2, file.string(), ":", number,
             ": expected 'VALUE NAME [R G B]' with a value of 0 to 255, got '", line, "'");
    words.erase(words.begin());
    const bool fresh = entries.emplace(*value, parse_entry(words)).second;
    BS_CHECK(fresh, file.string(), ":", number, ": value ", int{*value}, " is listed twice");
  }
  return entries;
}

}  // namespace

LabelMap ClassTable::map(const RawLabels& labels, const std::string& name) const {
  LabelMap out{labels.width, labels.height, std::vector<uint8_t>(labels.values.size())};
  for (size_t i = 0; i < labels.values.size(); ++i) {
    const uint16_t value = labels.values[i];
    const int16_t mapped = value < of_value.size() ? of_value[value] : kNoClass;
    if (mapped == kNoClass) [[unlikely]] {
      const auto at = static_cast<int64_t>(i);
      fail_at(__FILE__, __LINE__, name, ": value ", value, " at column ", at % labels.width, ", row ",
              at / labels.width, " is no class of this data set");
    }
    out.classes[i] = static_cast<uint8_t>(mapped);
  }
  return out;
}

ClassTable read_class_table(const std::filesystem::path& file) {
  ClassTable table;
  for (const auto& [value, entry] : read_entries(file)) {
    if (is_void(entry.name)) {
      table.of_value[value] = kIgnoreLabel;
      continue;
    }
    const size_t index = table.classes.size();
    BS_CHECK(index < kIgnoreLabel, file.string(), ": expected at most 255 classes");
    table.of_value[value] = static_cast<int16_t>(index);
    table.classes.push_back({entry.name, entry.colour.value_or(distinct_colours()[index])});
  }
  BS_CHECK(!table.classes.empty(), file.string(), ": the table holds no class");
  return table;
}

ClassTable camvid_classes() {
  ClassTable table;
  for (const RoadClass& c : kCamVidClasses) {
    table.of_value[table.classes.size()] = static_cast<int16_t>(table.classes.size());
    table.classes.push_back({c.name, c.colour});
  }
  table.of_value[kCamVidClasses.size()] = kIgnoreLabel;
  return table;
}

ClassTable cityscapes_classes(int64_t count) {
  BS_CHECK(count == 27 || count == 19 || count == 7, "cityscapes has 27, 19 or 7 classes, got ", count);
  ClassTable table;
  std::fill_n(table.of_value.begin(), kCityscapesFirstId, int16_t{kIgnoreLabel});
  table.of_value[255] = kIgnoreLabel;  // id -1, licence plate
  size_t categories = 0;
  for (size_t i = 0; i < kCityscapesClasses.size(); ++i) {
    const RoadClass& c = kCityscapesClasses[i];
    const size_t id = kCityscapesFirstId + i;
    if (count == 19 && !c.evaluated) {
      table.of_value[id] = kIgnoreLabel;
      continue;
    }
    if (categories < kCityscapesCategories.size() && kCityscapesCategories[categories].first_id == int(id)) {
      const RoadCategory& category = kCityscapesCategories[categories++];
      if (count == 7) table.classes.push_back({category.name, category.colour});
    }
    if (count != 7) table.classes.push_back({c.name, c.colour});
    table.of_value[id] = static_cast<int16_t>(table.classes.size() - 1);
  }
  return table;
}

ClassTable coco_stuff_classes(int64_t count) {
  BS_CHECK(count == 27 || count == 171, "coco-stuff has 27 or 171 classes, got ", count);
  ClassTable table;
  table.of_value[255] = kIgnoreLabel;
  const auto add = [&](const char* name) { table.classes.push_back({name, distinct_colours()[table.classes.size()]}); };
  if (count == 27) {
    std::copy(kCocoFineToCoarse.begin(), kCocoFineToCoarse.end(), table.of_value.begin());
    for (const char* name : kCocoCoarseNames) add(name);
    table.things = kCocoThings;
    return table;
  }
  for (size_t value = 0; value < kCocoFineNames.size(); ++value) {
    if (std::find(kCocoAbsent.begin(), kCocoAbsent.end(), value) != kCocoAbsent.end()) continue;
    table.of_value[value] = static_cast<int16_t>(table.classes.size());
    add(kCocoFineNames[value]);
  }
  table.things = kCocoFineThings - static_cast<int64_t>(kCocoAbsent.size());
  return table;
}

ClassTable voc_classes() {
  ClassTable table;
  for (size_t i = 0; i < kVocNames.size(); ++i) {
    table.of_value[i] = static_cast<int16_t>(i);
    table.classes.push_back({kVocNames[i], voc_colour(static_cast<int>(i))});
  }
  table.of_value[255] = kIgnoreLabel;
  return table;
}

ClassTable ade20k_classes() {
  ClassTable table;
  table.of_value[0] = kIgnoreLabel;
  for (const SceneClass& c : kAde20kClasses) {
    table.classes.push_back({c.name, c.colour});
    table.of_value[table.classes.size()] = static_cast<int16_t>(table.classes.size() - 1);
  }
  return table;
}

std::vector<ClassTable> known_class_tables() {
  return {camvid_classes(),       cityscapes_classes(27),  cityscapes_classes(19), cityscapes_classes(7),
          coco_stuff_classes(27), coco_stuff_classes(171), voc_classes(),          ade20k_classes()};
}

}  // namespace bareseg
