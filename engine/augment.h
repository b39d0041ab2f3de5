// How images become the network's input, checked: the one door to Backend::augment and normalize_images.
#pragma once

#include <span>

#include "engine/augment_params.h"
#include "engine/tensor.h"

namespace bareseg {

/// Views of images of different sizes: of each a square, then coloured, shaped and normalised as
/// engine/augment_params.h says. Outside the graph.
///
/// @param pixels    uint8 [B]: the images one after the other.
/// @param sources   where the N images lie in it, and which square of each is taken.
/// @param square    S > 0, side of the squares.
/// @param params    a multiple of N: view m is made of image m modulo N. Windows lie inside [S, S].
/// @param side      T > 0.
/// @param dtype     float32 or bfloat16.
/// @param channels  C: 3, or 4 of which the last is 0. Networks are given Backend::image_channels().
/// @return          dtype [M, T, T, C] for M views, on the device of pixels.
/// @throws Error on any other argument, and when an image lies outside of pixels or a square outside of its image.
Tensor augment(const Tensor& pixels, std::span<const SourceImage> sources, int64_t square,
               std::span<const AugmentParams> params, int64_t side, DType dtype = kFloat32, int64_t channels = 3);
/// The same of squares, uint8 [N, S, S, 3] in RGB.
Tensor augment(const Tensor& images, std::span<const AugmentParams> params, int64_t side, DType dtype = kFloat32,
               int64_t channels = 3);

/// Pixels as the network's input, without any change of colour or shape: (value / 255 - mean) / std per channel.
/// Outside the graph.
///
/// @param images  uint8 [N, H, W, 3], RGB.
/// @param dtype, channels  as of augment().
/// @return        dtype [N, H, W, C] on the device of images.
/// @throws Error on any other argument.
Tensor normalize_images(const Tensor& images, DType dtype = kFloat32, int64_t channels = 3);

}  // namespace bareseg
