// A data set for the tests of what reads data sets.
#pragma once

#include <atomic>
#include <chrono>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "engine/error.h"
#include "engine/random.h"

namespace bareseg {

/// Images of different sizes whose pixels follow from their number; some cannot be read.
class FakeDataset : public Dataset {
 public:
  explicit FakeDataset(int64_t size, std::set<int64_t> bad = {}) : size_(size), bad_(std::move(bad)) {}

  int64_t size() const override { return size_; }
  std::string name(int64_t index) const override { return concat(prefix, index); }
  std::string source(int64_t index) const override { return name(index) + ".fake"; }
  Image image(int64_t index) const override {
    ++decoded;
    if (bad_.contains(index)) fail_at(__FILE__, __LINE__, source(index), ": cannot be read");
    if (index == explodes) throw std::bad_alloc();
    std::this_thread::sleep_for(std::chrono::microseconds(index * 37 % 5 * 200));  // finish out of order
    Image image{20 + index % 7, 17 + index % 5, {}};
    Random random(1, Draws::test, static_cast<uint64_t>(index));
    for (int64_t i = 0; i < image.width * image.height * 3; ++i) {
      image.rgb.push_back(static_cast<uint8_t>(random.next_u32()));
    }
    return image;
  }
  bool has_labels() const override { return labelled; }
  LabelMap labels(int64_t index) const override {
    ++labels_read;
    LabelMap map{20 + index % 7, 17 + index % 5, {}};
    for (int64_t i = 0; i < map.width * map.height; ++i) map.classes.push_back(static_cast<uint8_t>((i + index) % 5));
    return map;
  }
  const std::vector<ClassInfo>& classes() const override {
    static const std::vector<ClassInfo> none;
    return none;
  }

  mutable std::atomic<int64_t> decoded = 0, labels_read = 0;
  bool labelled = true;
  int64_t explodes = -1;
  std::string prefix = "image";

 private:
  int64_t size_;
  std::set<int64_t> bad_;
};

inline std::vector<int64_t> shuffled(int64_t n, uint64_t seed = 3) { return Random(seed, Draws::test).permutation(n); }

}  // namespace bareseg
