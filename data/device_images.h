// Decoded images of a data set in a device's memory, where they come once and stay as long as there is room.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>

#include "engine/augment_params.h"
#include "engine/tensor.h"

namespace bareseg {

class DeviceImages {
 public:
  /// Has room for `bytes` bytes of pixels, but not for more than the `images` of the data set seem to need, nor for
  /// more than a third of what is free on `device` when the first of them come.
  DeviceImages(Device device, int64_t images, int64_t bytes);

  /// Brings the images of a batch to the device, and keeps them if there is room.
  ///
  /// @param pixels   uint8 [B] on the host: those that the device lacks, one after the other.
  /// @param indexes  the images' numbers in the data set.
  /// @param sources  of each image, where it begins in `pixels`, or -1 where it is kept; changed to where it begins in
  ///                 the result.
  /// @return uint8 [...] on the device, which holds all of the batch and maybe other images; later calls leave its
  ///         bytes alone.
  /// @throws Error when indexes and sources differ in number, when an image is neither in `pixels` nor kept, and when
  ///         the device is out of memory.
  Tensor bring(const Tensor& pixels, std::span<const int64_t> indexes, std::span<SourceImage> sources);

  /// Whether bring() may be given image `index` without its pixels.
  bool keeps(int64_t index) const { return places_.contains(index); }

 private:
  void reserve(int64_t pixels, int64_t images);

  Device device_;
  int64_t images_, most_;
  Tensor memory_;                                // uint8 [room], from the first images on
  int64_t used_ = 0;                             // bytes of it
  std::unordered_map<int64_t, int64_t> places_;  // where an image begins in it
};

}  // namespace bareseg
