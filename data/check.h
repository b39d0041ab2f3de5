// Looks at every image and label map of a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace bareseg {

struct DataProblem {
  int64_t index = 0;
  std::string source, message;
};

struct DataReport {
  int64_t images = 0;                 // in the data set
  int64_t good = 0;                   // read without a problem
  std::vector<DataProblem> problems;  // at most one an image, ordered by index
  ImageSize smallest, largest;        // least and greatest width and height among the good images, each by itself
  std::vector<int64_t> class_pixels;  // of the good images, by class; empty without labels
  int64_t ignored_pixels = 0;
  std::vector<int64_t> class_images;  // good images by class of the whole image; empty where they have none
};

/// Called after each image with the number done and the number of all images, by one thread at a time. What it throws
/// ends the check.
using CheckProgress = std::function<void(int64_t done, int64_t total)>;

/// Decodes everything on `threads` threads (0: as many as there are processors): reads image and labels, compares their
/// sizes, and checks that labels are classes or kIgnoreLabel. Problems with images are reported, not thrown.
DataReport check_dataset(const Dataset& data, const CheckProgress& progress = {}, int threads = 0);

}  // namespace bareseg
