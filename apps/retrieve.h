// `bareseg retrieve`: the pixels of a data set that are most like given ones (PiCIE section 14).
#pragma once

#include <string>
#include <vector>

#include "apps/options.h"
#include "apps/segmenter.h"

namespace bareseg {

/// Options of `bareseg retrieve`.
struct RetrieveOptions {
  std::string checkpoint;
  std::string image;
  std::vector<std::string> pixels;  // "X,Y"
  int64_t short_side = 0;           // of the query's image in the network; 0: as it is, the authors' way

  DatasetOptions data;
  std::string split = "val";
  LoadOptions load;
  int64_t batch = 16;
  int64_t count = 10;
  bool compat_farthest = false;

  std::string out = "retrieved";
  DeviceOptions device = {.tune_seconds = 0.0};

  void declare(CLI::App& app);
};

struct Pixel {
  int64_t x = 0, y = 0;
};
/// A cell of the feature map of an image, and its squared distance to the query, both of unit length.
struct Neighbour {
  int64_t image = 0, row = 0, col = 0;
  int64_t height = 0, width = 0;  // of the feature map
  double distance = 0.0;
};

/// "150,50". @throws Error on anything else.
Pixel parse_pixel(const std::string& text);

/// The cell of an h x w feature map that a pixel falls into.
struct Cell {
  int64_t row = 0, col = 0;
};
Cell cell_of(Pixel pixel, ImageSize image, int64_t map_height, int64_t map_width);

/// Unit features of pixels of one image: float32 [Q, D]. @throws Error when a pixel lies outside.
Tensor query_features(const Segmenter& segmenter, const Image& image, const std::vector<Pixel>& pixels,
                      int64_t short_side, DType dtype);

/// For each query the `count` nearest images, nearest first: one cell of each, its best. The loader is started and
/// gives base crops. `farthest` is the authors' tool: one candidate per batch, of which it keeps the farthest.
std::vector<std::vector<Neighbour>> nearest_pixels(const Segmenter& segmenter, Loader& loader, const Tensor& queries,
                                                   int64_t count, bool farthest, DType dtype);

/// Prints a table and writes, below options.out, neighbours.json and queryN.png: the query and what was found, the
/// place in a box.
int retrieve(const RetrieveOptions& options);

}  // namespace bareseg
