// Channels of maps: y[pixel, c] = x[pixel, c] for c < channels, where the pixels of x and y have channels of their own
// besides.
//
// Thread map: cuda/device/map.cuh, over the channels that move. Memory bound: they are read and written once.
#include "cuda/kernels/channels.h"

#include "cuda/device/map.cuh"

namespace bareseg {
namespace {

template <typename T, int N>
__global__ void __launch_bounds__(kMapThreads, kMapResident)
    copy_channels_kernel(const T* __restrict__ x, int width, int channels, int in_channels, int out_channels,
                         T* __restrict__ y) {
  MapPlace p;
  if (!find_place<N>(1, width, channels, p)) return;
  const int64_t pixel = int64_t{blockIdx.x} * width + p.col;
  store_pack<N>(y + (pixel * out_channels + p.channel), load_pack<N>(x + (pixel * in_channels + p.channel)));
}

}  // namespace

template <typename T>
void copy_channels(Stream stream, const T* x, T* y, const ChannelsShape& s) {
  const bool whole_packs = s.in_channels % kPack<T> == 0 && s.out_channels % kPack<T> == 0;
  with_pack<T>(s.channels, whole_packs && aligned_for_packs(x, y), [&](auto pack) {
    launch(copy_channels_kernel<T, pack()>, map_grid(s.rows, s.width * s.channels / pack()), stream, x,
           map_size(s.width), map_size(s.channels), map_size(s.in_channels), map_size(s.out_channels), y);
  });
}

template void copy_channels(Stream, const float*, float*, const ChannelsShape&);
template void copy_channels(Stream, const bfloat16*, bfloat16*, const ChannelsShape&);

}  // namespace bareseg
