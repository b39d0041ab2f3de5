#include "data/device_images.h"

#include <algorithm>

#include "engine/backend.h"
#include "engine/host_device.h"

namespace bareseg {

DeviceImages::DeviceImages(Device device, int64_t images, int64_t bytes)
    : device_(device), images_(images), most_(bytes) {}

// Room for all images if they have, but for a tenth, the size of these.
void DeviceImages::reserve(int64_t pixels, int64_t images) {
  const int64_t all = ceil_div(pixels, images) * images_ * 11 / 10;
  memory_ = Tensor::empty({std::min({most_, all, allocator(device_).available() / 3})}, kUInt8, device_);
}

Tensor DeviceImages::bring(const Tensor& pixels, std::span<const int64_t> indexes, std::span<SourceImage> sources) {
  BS_CHECK(indexes.size() == sources.size() && !indexes.empty(), "DeviceImages: expected a source for each of the ",
           indexes.size(), " images, got ", sources.size());
  if (!memory_.defined()) reserve(pixels.count(), std::ssize(indexes));
  const bool stay = used_ + pixels.count() <= memory_.count();
  int64_t bytes = pixels.count();
  for (const SourceImage& s : sources) bytes += s.offset < 0 ? 3 * s.height * s.width : 0;
  Tensor all = stay ? memory_ : Tensor::empty({bytes}, kUInt8, device_);
  const int64_t begin = stay ? used_ : 0;
  int64_t end = begin + pixels.count();
  Tensor fresh = all.rows(begin, end);
  backend(device_).copy_from_host(pixels.raw(), fresh);
  for (size_t i = 0; i < sources.size(); ++i) {
    SourceImage& s = sources[i];
    if (s.offset >= 0) {
      s.offset += begin;
      if (stay) places_[indexes[i]] = s.offset;
      continue;
    }
    BS_CHECK(keeps(indexes[i]), "DeviceImages: image ", indexes[i], " came without pixels, and none are kept");
    const int64_t place = places_.at(indexes[i]), size = 3 * s.height * s.width;
    s.offset = stay ? place : end;
    if (stay) continue;
    Tensor copy = all.rows(end, end + size);
    backend(device_).copy(memory_.rows(place, place + size), copy);
    end += size;
  }
  if (stay) used_ = end;
  return all;
}

}  // namespace bareseg
