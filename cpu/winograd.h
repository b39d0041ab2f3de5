// Convolutions of 3x3 kernels with a quarter of the multiplications: Winograd's F(4x4, 3x3), docs/winograd.md.
#pragma once

#include "engine/backend.h"

namespace bareseg {

/// True when the functions below compute this convolution, and do so faster than oneDNN: float32, 3x3, stride 1,
/// no dilation, one group, and shapes for which it pays. x and y are the shapes of the forward pass.
bool winograd_pays(const Shape& x, const Shape& w, const Shape& y, const ConvOptions& o, DType dtype);

/// Backend::conv2d_fused and the gradients of conv2d, on which winograd_pays() must be true. Bits do not depend on the
/// thread count.
void winograd_conv(const Tensor& x, const Tensor& w, const ConvEpilogue& e, int64_t padding, Tensor& y);
void winograd_backward_data(const Tensor& dy, const Tensor& w, int64_t padding, Tensor& dx);
void winograd_backward_weight(const Tensor& dy, const Tensor& x, int64_t padding, Tensor& dw);

}  // namespace bareseg
