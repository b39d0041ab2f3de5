#include "apps/retrieve.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/predict.h"
#include "apps/run.h"
#include "apps/text_table.h"
#include "data/base_crop.h"
#include "data/picture.h"
#include "engine/file.h"
#include "engine/ops.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

// The frame of a cell of an h x w map, and a little round it, white inside black.
void draw_box(Image& image, Cell cell, int64_t map_height, int64_t map_width) {
  const int64_t grow = std::max<int64_t>(4, std::min(image.width, image.height) / 40);
  for (const int64_t ring : {int64_t{1}, int64_t{0}}) {
    const int64_t top = cell.row * image.height / map_height - grow - ring;
    const int64_t bottom = (cell.row + 1) * image.height / map_height + grow + ring;
    const int64_t left = cell.col * image.width / map_width - grow - ring;
    const int64_t right = (cell.col + 1) * image.width / map_width + grow + ring;
    const auto dot = [&](int64_t y, int64_t x) {
      if (y < 0 || x < 0 || y >= image.height || x >= image.width) return;
      std::fill_n(image.rgb.begin() + (y * image.width + x) * 3, 3, ring == 1 ? uint8_t{0} : uint8_t{255});
    };
    for (int64_t x = left; x <= right; ++x) dot(top, x), dot(bottom, x);
    for (int64_t y = top; y <= bottom; ++y) dot(y, left), dot(y, right);
  }
}

// The best cell of one image of a batch for each query.
std::vector<Neighbour> best_cells(const float* scores, int64_t image, int64_t height, int64_t width, int64_t queries) {
  std::vector<Neighbour> best(static_cast<size_t>(queries));
  for (int64_t q = 0; q < queries; ++q) {
    int64_t at = 0;
    for (int64_t i = 1; i < height * width; ++i) {
      if (scores[i * queries + q] > scores[at * queries + q]) at = i;
    }
    const double distance = std::max(0.0, 2.0 - 2.0 * double(scores[at * queries + q]));
    best[static_cast<size_t>(q)] = {image, at / width, at % width, height, width, distance};
  }
  return best;
}

bool nearer(const Neighbour& a, const Neighbour& b) { return a.distance < b.distance; }

class Retrieval {
 public:
  explicit Retrieval(const RetrieveOptions& options)
      : options_(options),
        segmenter_(load_segmenter(options.checkpoint, options.device.open())),
        data_(open_dataset(options.data, options.split == "train" ? Split::train : Split::val)),
        image_(read_image(options.image)) {
    for (const std::string& text : options.pixels) pixels_.push_back(parse_pixel(text));
  }

  int run() {
    const DType dtype = options_.device.float_type();
    const Tensor queries = query_features(segmenter_, image_, pixels_, options_.short_side, dtype);
    Loader loader(*data_, options_.load.loader(options_.batch, segmenter_.resolution));
    loader.start(every_index(*data_));
    const auto found = nearest_pixels(segmenter_, loader, queries, options_.count, options_.compat_farthest, dtype);
    BS_CHECK(!found.empty() && !found[0].empty(), "retrieve: no image of the data set could be read");
    std::error_code error;
    fs::create_directories(options_.out, error);
    BS_CHECK(!error, "--out: cannot create ", options_.out, ": ", error.message());
    nlohmann::json out = nlohmann::json::array();
    for (size_t q = 0; q < pixels_.size(); ++q) {
      out.push_back(described(q, found[q]));
      write_png(fs::path(options_.out) / concat("query", q + 1, ".png"), sheet(q, found[q]));
    }
    write_file_atomically(fs::path(options_.out) / "neighbours.json", out.dump(2) + "\n");
    return 0;
  }

 private:
  nlohmann::json described(size_t q, const std::vector<Neighbour>& neighbours) const {
    nlohmann::json query = {{"x", pixels_[q].x}, {"y", pixels_[q].y}, {"neighbours", nlohmann::json::array()}};
    std::vector<std::vector<std::string>> rows = {{"image", "row", "column", "distance^2"}};
    for (const Neighbour& n : neighbours) {
      const std::string name = data_->name(n.image);
      rows.push_back({name, std::to_string(n.row), std::to_string(n.col), fixed(n.distance, 4)});
      query["neighbours"].push_back(
          {{"image", n.image}, {"name", name}, {"row", n.row}, {"column", n.col}, {"distance", n.distance}});
    }
    std::printf("pixel %s\n%s\n", options_.pixels[q].c_str(), table(rows).c_str());
    return query;
  }

  Image sheet(size_t q, const std::vector<Neighbour>& neighbours) const {
    const int64_t side = segmenter_.resolution;
    const double scale = static_cast<double>(side) / static_cast<double>(std::max(image_.width, image_.height));
    const auto fit = [scale](int64_t x) { return std::max<int64_t>(1, static_cast<int64_t>(scale * double(x))); };
    Image query = resized(image_, {fit(image_.width), fit(image_.height)});
    draw_box(query, cell_of(pixels_[q], {image_.width, image_.height}, query.height, query.width), query.height,
             query.width);
    std::vector<Image> pictures = {std::move(query)};
    std::vector<std::string> captions = {concat("query ", options_.pixels[q])};
    for (const Neighbour& n : neighbours) {
      pictures.push_back(base_crop(data_->image(n.image), side));
      draw_box(pictures.back(), {n.row, n.col}, n.height, n.width);
      captions.push_back(concat(fixed(n.distance, 3), " ", data_->name(n.image)));
    }
    return side_by_side(pictures, 6, captions);
  }

  const RetrieveOptions& options_;
  Segmenter segmenter_;
  std::unique_ptr<Dataset> data_;
  Image image_;
  std::vector<Pixel> pixels_;
};

}  // namespace

Pixel parse_pixel(const std::string& text) {
  Pixel pixel;
  const char* end = text.data() + text.size();
  const auto [comma, first] = std::from_chars(text.data(), end, pixel.x);
  bool good = first == std::errc() && comma != end && *comma == ',';
  if (good) {
    const auto [rest, second] = std::from_chars(comma + 1, end, pixel.y);
    good = second == std::errc() && rest == end && pixel.x >= 0 && pixel.y >= 0;
  }
  BS_CHECK(good, "--pixel: expected X,Y in pixels from the upper left corner, for example 150,50; got '", text, "'");
  return pixel;
}

Cell cell_of(Pixel pixel, ImageSize image, int64_t map_height, int64_t map_width) {
  BS_CHECK(pixel.x < image.width && pixel.y < image.height, "--pixel: expected a place inside the image of ",
           image.width, "x", image.height, " pixels, got ", pixel.x, ",", pixel.y);
  return {pixel.y * map_height / image.height, pixel.x * map_width / image.width};
}

Tensor query_features(const Segmenter& segmenter, const Image& image, const std::vector<Pixel>& pixels,
                      int64_t short_side, DType dtype) {
  const ImageSize whole{image.width, image.height};
  const Image seen = short_side > 0 ? resized(image, network_size(whole, short_side)) : image;
  const NoGrad no_grad;
  const ModeGuard mode(*segmenter.network, false);
  const Tensor x = network_input(seen, segmenter.network->device(), dtype);
  const Tensor map = cast(l2_normalize(segmenter.network->forward(x)), kFloat32);
  const int64_t width = map.dim(2), dims = map.dim(3);
  const std::vector<float> all = map.to_vector<float>();
  std::vector<float> features;
  for (const Pixel& pixel : pixels) {
    const Cell cell = cell_of(pixel, whole, map.dim(1), width);
    const auto from = all.begin() + (cell.row * width + cell.col) * dims;
    features.insert(features.end(), from, from + dims);
  }
  return Tensor::from(features, {std::ssize(pixels), dims}, map.device());
}

std::vector<std::vector<Neighbour>> nearest_pixels(const Segmenter& segmenter, Loader& loader, const Tensor& queries,
                                                   int64_t count, bool farthest, DType dtype) {
  const NoGrad no_grad;
  const ModeGuard mode(*segmenter.network, false);
  std::vector<std::vector<Neighbour>> found(static_cast<size_t>(queries.dim(0)));
  for (Batch batch; loader.next(batch);) {
    const Tensor map = l2_normalize(plain_features(*segmenter.network, batch.images, dtype));
    const int64_t height = map.dim(1), width = map.dim(2);
    const Tensor rows = cast(reshape(map, {-1, map.dim(3)}), kFloat32);
    const std::vector<float> scores = linear(rows, queries).to_vector<float>();
    std::vector<std::vector<Neighbour>> of_batch(found.size());
    for (size_t i = 0; i < batch.indexes.size(); ++i) {
      const float* of_image = scores.data() + static_cast<int64_t>(i) * height * width * queries.dim(0);
      const auto best = best_cells(of_image, batch.indexes[i], height, width, queries.dim(0));
      for (size_t q = 0; q < best.size(); ++q) of_batch[q].push_back(best[q]);
    }
    for (size_t q = 0; q < found.size(); ++q) {
      std::vector<Neighbour>& some = of_batch[q];
      if (farthest) some = {*std::min_element(some.begin(), some.end(), nearer)};
      found[q].insert(found[q].end(), some.begin(), some.end());
    }
  }
  for (std::vector<Neighbour>& of_query : found) {
    std::stable_sort(of_query.begin(), of_query.end(), [farthest](const Neighbour& a, const Neighbour& b) {
      return farthest ? nearer(b, a) : nearer(a, b);
    });
    of_query.resize(std::min(of_query.size(), static_cast<size_t>(count)));
  }
  return found;
}

void RetrieveOptions::declare(CLI::App& app) {
  app.add_option("checkpoint", checkpoint, "file that training wrote")->required();
  app.add_option("--image", image, "photograph with the pixels to look for")->required()->group("Query");
  app.add_option("--pixel", pixels, "X,Y from the upper left corner; may be given several times")
      ->required()
      ->allow_extra_args(false)
      ->group("Query");
  app.add_option("--short-side", short_side, "of that photograph in the network, 0 to leave it as it is")
      ->check(CLI::Range(0, 8192))
      ->capture_default_str()
      ->group("Query");
  declare_dataset(app, data);
  app.add_option("--split", split, "of the data set: train or val")
      ->check(CLI::IsMember({"train", "val"}))
      ->capture_default_str()
      ->group("Data");
  load.declare(app);
  app.add_option("--batch", batch, "images at a time")->check(CLI::Range(1, 65536))->capture_default_str();
  app.add_option("--count", count, "images to find")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_flag("--compat-farthest", compat_farthest,
               "as the authors' tool: one candidate per batch, of which the farthest are kept");
  app.add_option("--out", out, "folder for pictures and numbers")->capture_default_str()->group("Output");
  device.declare(app);
}

int retrieve(const RetrieveOptions& options) { return Retrieval(options).run(); }

}  // namespace bareseg
