#include "apps/predict.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "apps/legend.h"
#include "apps/run.h"
#include "data/picture.h"
#include "engine/file.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kPairSide = 1024, kSheetSide = 240;  // longest side of one picture on a pair and on the sheet

// At most `side` on its longest side; small pictures are enlarged by a whole factor where `enlarge`.
Image fitted(const Image& image, int64_t side, bool enlarge) {
  const int64_t longest = std::max(image.width, image.height);
  if (longest <= side) return enlarge ? upscale_nearest(image, side / longest) : image;
  const int64_t width = std::max<int64_t>(1, image.width * side / longest);
  const int64_t height = std::max<int64_t>(1, image.height * side / longest);
  return resized(image, {width, height});
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  BS_CHECK(!error, "--out: cannot create ", folder.string(), ": ", error.message());
}

// Else the next run would take this one's pictures for photographs.
void check_apart(const fs::path& out, const fs::path& images) {
  const fs::path below = fs::weakly_canonical(out).lexically_relative(fs::weakly_canonical(images));
  BS_CHECK(below.empty() || *below.begin() == "..", "--out: expected a folder outside of the photographs' ",
           images.string(), ", got ", out.string());
}

class Prediction {
 public:
  explicit Prediction(const PredictOptions& options)
      : options_(options),
        data_(open()),
        segmenter_(load_segmenter(options.checkpoint, options.device.open())),
        classifier_(checked_classifier()),
        legend_(segmenter_, classifier_, data_->classes()),
        truth_palette_(palette_of(data_->classes())),
        out_(options.out),
        total_(options.count > 0 ? std::min(options.count, data_->size()) : data_->size()) {
    for (const char* folder : {"labels", "overlays", "pairs"}) make_folder(out_ / folder);
    write_file_atomically(out_ / "classes.txt", legend_.table());
    write_png(out_ / "legend.png", legend_.picture());
  }

  int run() {
    {
      Progress progress("predict", total_);
      for (int64_t i = 0; i < total_ && stop_signal() == 0; ++i) {
        one(i);
        progress.update(i + 1);
      }
      finish(progress.seconds());
    }
    if (stop_signal() != 0) return kExitInterrupted;
    return done_ > 0 ? 0 : kExitError;
  }

 private:
  struct Sample {
    Image photo;
    std::optional<LabelMap> truth;
  };

  std::unique_ptr<Dataset> open() const {
    DatasetOptions data = options_.data;
    if (!options_.images.empty()) {
      data.kind = "images";
      data.root = options_.images;
    }
    if (data.kind == "images") check_apart(options_.out, data.root);
    return open_dataset(data, options_.split == "train" ? Split::train : Split::val);
  }

  int64_t checked_classifier() const {
    BS_CHECK(options_.classifier < std::ssize(segmenter_.classifiers), options_.checkpoint, " has ",
             segmenter_.classifiers.size(), " classifiers, numbered from 0; got --classifier ", options_.classifier);
    return options_.classifier;
  }

  // Nothing when the files are bad.
  std::optional<Sample> read(int64_t index) {
    try {
      Sample sample{data_->image(index), std::nullopt};
      if (data_->has_labels()) sample.truth = data_->labels(index);
      return sample;
    } catch (const Error& error) {
      if (options_.strict) throw;
      log_warning(concat("left out: ", error.message()));
      ++skipped_;
      return std::nullopt;
    }
  }

  void one(int64_t index) {
    const std::optional<Sample> sample = read(index);
    if (!sample) return;
    const int64_t res = options_.res > 0 ? options_.res : segmenter_.resolution;
    const LabelMap labels = legend_.labels(predict_clusters(segmenter_, classifier_, sample->photo, res,
                                                            options_.device.float_type(), options_.inference));
    const auto opacity = static_cast<float>(options_.opacity);
    const Image over = overlay(sample->photo, labels, legend_.palette, opacity);
    const std::string file = data_->name(index) + ".png";
    write_label_png(out_ / "labels" / file, labels, legend_.palette);
    write_png(out_ / "overlays" / file, over);

    std::vector<Image> pictures = {sample->photo, over};
    std::vector<std::string> captions = {data_->name(index), "prediction"};
    if (sample->truth) {
      pictures.push_back(overlay(sample->photo, *sample->truth, truth_palette_, opacity));
      captions.emplace_back("truth");
    }
    if (on_sheet(index)) {
      for (const Image& picture : pictures) sheet_.push_back(fitted(picture, kSheetSide, true));
      sheet_captions_.insert(sheet_captions_.end(), captions.begin(), captions.end());
    }
    for (Image& picture : pictures) picture = fitted(picture, kPairSide, false);
    write_png(out_ / "pairs" / file, side_by_side(pictures, std::ssize(pictures), captions));
    ++done_;
  }

  // The first image of each of as many equal parts as the sheet has room for: neighbours in a film look alike.
  bool on_sheet(int64_t index) const {
    const int64_t room = std::min(options_.sheet, total_);
    return room > 0 && (index == 0 || index * room / total_ != (index - 1) * room / total_);
  }

  void finish(double seconds) const {
    if (!sheet_.empty()) {
      write_png(out_ / "grid.png", side_by_side(sheet_, data_->has_labels() ? 6 : 8, sheet_captions_));
    }
    log_info(concat("predicted ", done_, " of ", total_, " images in ", static_cast<int64_t>(seconds + 0.5), " s to ",
                    out_.string(), skipped_ > 0 ? concat("; ", skipped_, " unreadable") : ""));
    if (stop_signal() != 0) log_warning("stopped by a signal; what is written is complete");
    if (done_ == 0 && stop_signal() == 0) log_error("no image could be read");
  }

  PredictOptions options_;
  std::unique_ptr<Dataset> data_;
  Segmenter segmenter_;
  int64_t classifier_;
  Legend legend_;
  std::vector<uint8_t> truth_palette_;
  fs::path out_;
  int64_t total_;
  int64_t done_ = 0, skipped_ = 0;
  std::vector<Image> sheet_;
  std::vector<std::string> sheet_captions_;
};

}  // namespace

void PredictOptions::declare(CLI::App& app) {
  app.add_option("checkpoint", checkpoint, "file that training wrote, for example runs/picie/best.safetensors")
      ->required();
  auto* folder = app.add_option("--images", images, "folder of photographs (JPEG, PNG), with its subfolders");
  folder->group("Data");
  declare_dataset(app, data);
  folder->excludes("--dataset")->excludes("--data");
  app.add_option("--split", split, "of the data set: train or val")
      ->check(CLI::IsMember({"train", "val"}))
      ->capture_default_str()
      ->group("Data");
  app.add_option("--count", count, "only the first images, 0 for all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group("Data");
  app.add_flag("--strict-data", strict, "stop at an unreadable image instead of leaving it out")->group("Data");

  app.add_option("--out", out, "folder for label maps and pictures")->capture_default_str()->group("Output");
  app.add_option("--opacity", opacity, "of the colours on the photograph")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Output");
  app.add_option("--sheet", sheet, "images on the contact sheet grid.png")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str()
      ->group("Output");

  app.add_option("--classifier", classifier, "0: that of view 1, whose clusters have classes; 1: of view 2")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group("Network");
  app.add_option("--res", res, "length of the short side in the network, 0 for the checkpoint's")
      ->check(CLI::Range(0, 8192))
      ->capture_default_str()
      ->group("Network");
  inference.declare(app);
  device.declare(app);
}

int predict(const PredictOptions& options) {
  install_signal_handlers();
  return Prediction(options).run();
}

}  // namespace bareseg
