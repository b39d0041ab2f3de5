#include "data/scenes.h"

#include <iomanip>
#include <sstream>

#include "data/scenes_draw.h"
#include "engine/error.h"

namespace bareseg {
namespace {

class Scenes : public Dataset {
 public:
  Scenes(const DatasetOptions& options, Split split) : options_(options), split_(split) {
    if (split == Split::val && options.val_scenes != 0) options_.scenes = options.val_scenes;
  }

  int64_t size() const override { return options_.scenes; }
  std::string name(int64_t index) const override {
    std::ostringstream out;
    out << (split_ == Split::train ? "train_" : "val_") << std::setw(6) << std::setfill('0') << index;
    return out.str();
  }
  std::string source(int64_t index) const override {
    return concat("scene ", name(index), " (seed ", options_.seed, ", ", options_.scene_size, " pixels)");
  }
  Image image(int64_t index) const override { return draw(index).image; }
  bool has_labels() const override { return true; }
  LabelMap labels(int64_t index) const override { return draw(index).labels; }
  const std::vector<ClassInfo>& classes() const override {
    static const std::vector<ClassInfo> classes = {
        {"sky", {70, 130, 180}},       {"mountain", {150, 110, 80}}, {"building", {90, 90, 90}},
        {"vegetation", {20, 110, 30}}, {"ground", {152, 251, 152}},  {"road", {128, 64, 128}},
        {"water", {30, 60, 220}},      {"vehicle", {240, 200, 0}},   {"person", {220, 20, 60}}};
    return classes;
  }

 private:
  scene::Picture draw(int64_t index) const {
    BS_CHECK(index >= 0 && index < size(), "scenes: index must be in [0, ", size(), "), got ", index);
    const uint64_t half = split_ == Split::train ? 0 : uint64_t{1} << 40;
    return scene::draw_scene(options_.seed, half + static_cast<uint64_t>(index), options_.scene_size);
  }

  DatasetOptions options_;
  Split split_;
};

}  // namespace

std::unique_ptr<Dataset> open_scenes(const DatasetOptions& options, Split split) {
  for (const int64_t images : {options.scenes, options.val_scenes != 0 ? options.val_scenes : 1}) {
    BS_CHECK(images >= 1 && images < int64_t{1} << 40, "scenes: the number of images must be positive, got ", images);
  }
  BS_CHECK(options.scene_size >= 32 && options.scene_size <= 1024, "scenes: the side must be 32 .. 1024 pixels, got ",
           options.scene_size);
  return std::make_unique<Scenes>(options, split);
}

}  // namespace bareseg
