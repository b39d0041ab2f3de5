#include "data/check.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "engine/error.h"

namespace bareseg {
namespace {

// What one image adds to the report.
struct Finding {
  ImageSize size;
  std::vector<int64_t> pixels = std::vector<int64_t>(256);
  int64_t image_class = -1;
};

Finding look_at(const Dataset& data, int64_t index) {
  Finding finding;
  const Image image = data.image(index);
  finding.size = {image.width, image.height};
  if (!data.image_classes().empty()) finding.image_class = data.image_class(index);
  if (!data.has_labels()) return finding;
  const LabelMap labels = data.labels(index);
  BS_CHECK(labels.width == image.width && labels.height == image.height, "the label map has ", labels.width, "x",
           labels.height, " pixels; expected ", image.width, "x", image.height, " as the image");
  for (const uint8_t value : labels.classes) ++finding.pixels[value];
  for (size_t value = data.classes().size(); value < kIgnoreLabel; ++value) {
    BS_CHECK(finding.pixels[value] == 0, "label ", value, " is no class; expected less than ", data.classes().size());
  }
  return finding;
}

class Check {
 public:
  Check(const Dataset& data, const CheckProgress& progress) : data_(data), progress_(progress) {
    report_.images = data.size();
    if (data.has_labels()) report_.class_pixels.resize(data.classes().size());
    report_.class_images.resize(data.image_classes().size());
  }

  DataReport run(int threads) {
    std::vector<std::thread> workers;
    try {
      for (int i = 0; i < threads; ++i) workers.emplace_back([this] { work(); });
    } catch (...) {
      fail();
    }
    for (std::thread& worker : workers) worker.join();
    if (failure_) std::rethrow_exception(failure_);
    std::sort(report_.problems.begin(), report_.problems.end(),
              [](const DataProblem& a, const DataProblem& b) { return a.index < b.index; });
    return std::move(report_);
  }

 private:
  void work() {
    try {
      for (int64_t index = next_++; index < data_.size(); index = next_++) one(index);
    } catch (...) {
      fail();
    }
  }

  // The exception at hand ends the check.
  void fail() {
    next_ = data_.size();
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }

  void one(int64_t index) {
    try {
      const Finding finding = look_at(data_, index);
      const std::lock_guard lock(mutex_);
      add(finding);
    } catch (const Error& e) {
      const std::lock_guard lock(mutex_);
      report_.problems.push_back({index, data_.source(index), e.message()});
    }
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress_) progress_(done_, data_.size());
  }

  void add(const Finding& finding) {
    const ImageSize size = finding.size;
    ImageSize& low = report_.smallest;
    ImageSize& high = report_.largest;
    low = report_.good == 0 ? size : ImageSize{std::min(low.width, size.width), std::min(low.height, size.height)};
    high = {std::max(high.width, size.width), std::max(high.height, size.height)};
    for (size_t i = 0; i < report_.class_pixels.size(); ++i) report_.class_pixels[i] += finding.pixels[i];
    report_.ignored_pixels += finding.pixels[kIgnoreLabel];
    if (finding.image_class >= 0) ++report_.class_images[static_cast<size_t>(finding.image_class)];
    ++report_.good;
  }

  const Dataset& data_;
  const CheckProgress& progress_;
  std::atomic<int64_t> next_ = 0;
  std::mutex mutex_;  // guards what follows
  DataReport report_;
  int64_t done_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

DataReport check_dataset(const Dataset& data, const CheckProgress& progress, int threads) {
  BS_CHECK(threads >= 0, "check_dataset: threads must be at least 0, got ", threads);
  if (threads == 0) threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return Check(data, progress).run(threads);
}

}  // namespace bareseg
