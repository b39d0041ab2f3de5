// Channels of maps [rows, width, channels], moved from map to map. T is float or bfloat16.
#pragma once

#include "cuda/launch.h"
#include "engine/dtype.h"

namespace bareseg {

/// `channels` of the in_channels of one map, and of the out_channels of the other.
struct ChannelsShape {
  int64_t rows, width, channels, in_channels, out_channels;
};

/// The first `channels` channels of each pixel of x become those of y; x and y may begin inside a pixel.
template <typename T>
void copy_channels(Stream stream, const T* x, T* y, const ChannelsShape& shape);

}  // namespace bareseg
