// Procedural street and landscape scenes with exact labels: the data set that needs no download.
#pragma once

#include <memory>

#include "data/dataset.h"

namespace bareseg {

/// options.scenes (of "val" options.val_scenes, where that is not 0) square images of options.scene_size pixels (32 ..
/// 1024), rendered on demand as pure functions of (options.seed, split, index, scene_size): same bits in every run and
/// thread. The two splits share no scene, and the layout of a scene does not depend on its size.
///
/// Classes: sky, mountain, building, vegetation, ground, road, water, vehicle, person. Texture and shape tell them
/// apart; their colours overlap on purpose, and horizon, roll and layout vary so that position says little.
///
/// @throws Error if the number of images or the size is out of range.
std::unique_ptr<Dataset> open_scenes(const DatasetOptions& options, Split split);

}  // namespace bareseg
