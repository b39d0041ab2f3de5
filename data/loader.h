// Threaded reading of a data set in batches: decode once, keep, prefetch; order and bits never depend on the threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pair_augment.h"
#include "engine/augment_params.h"
#include "engine/tensor.h"

namespace bareseg {

struct LoaderOptions {
  int64_t batch = 1;
  int64_t side = 0;                                   // side of the base crop in pixels
  int64_t label_side = 0;                             // side of the label maps; 0: no label is read
  std::optional<PairAugment> augment = {};            // random views in place of base crops, then no side is given
  int workers = 0;                                    // threads that decode; 0: as many as there are processors
  int64_t prefetch = 2;                               // batches prepared ahead of the one that next() waits for
  int64_t cache_bytes = int64_t{1} << 30;             // decoded images kept in memory; the first that fit stay
  std::filesystem::path disk_cache = {};              // file that keeps decoded crops between runs; empty: none
  bool native = false;                                // images as decoded, whose base crops augment() makes
  Device device = {};                                 // of native images: brought there, kept there in place of here
  bool strict = false;                                // an unreadable image is an error in place of a warning
  std::function<void(const std::string&)> warn = {};  // called from next(), once per unreadable image
};

struct Batch {
  // uint8 [B, side, side, 3], base crops in RGB; or views [B, height, width, 3]; or [bytes], native images and maybe
  // more
  Tensor images;
  std::vector<SourceImage> sources;  // of native images: where each lies, and its base crop
  Tensor labels;  // uint8 [B, label_side, label_side]; undefined when label_side is 0; or [B, height, width]
  std::vector<int64_t> indexes;  // the B images' numbers in the data set
  int64_t number = 0;            // of the batch in its pass, those counted that were passed over

  int64_t size() const { return std::ssize(indexes); }
};

/// Reads images of `dataset`, which must outlive the loader, in a given order. One thread at a time may call it.
class Loader {
 public:
  /// @throws Error when an option is out of range, when labels are asked of a data set without, or when the disk cache
  /// cannot be opened or belongs to other images or sizes.
  Loader(const Dataset& dataset, LoaderOptions options);
  /// Stops the workers; waits for the images being decoded.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Begins a pass over the images `order`, abandoning the one before. Entries may repeat. `batch` images make a batch
  /// of this pass; 0: as many as the options say. `pass` is what draw_pair() is told of it.
  /// @throws Error when an index is not in the data set.
  void start(std::vector<int64_t> order, int64_t batch = 0, uint64_t pass = 0);

  /// The next batch of the pass: entries [i * batch, (i + 1) * batch) of the order less the unreadable images; the last
  /// may be smaller. A batch that ends empty is passed over.
  ///
  /// @return false when the pass is over.
  /// @throws Error of the image when it is unreadable and options.strict is set; any other exception of a worker
  /// always. Either ends the pass.
  bool next(Batch& batch);

  /// Images of a batch, as the options say.
  int64_t batch() const;
  /// Distinct unreadable images so far.
  int64_t skipped() const;
  /// Bytes of decoded images kept in host memory; at most options.cache_bytes.
  int64_t cached_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bareseg
