// The inner steps of a Winograd convolution, in the widest vectors of the processor at hand.
#pragma once

#include <cstdint>

namespace bareseg {

constexpr int64_t kWinogradOutput = 4;                                // side of a tile of outputs
constexpr int64_t kWinogradInput = 6;                                 // side of the inputs that it reads
constexpr int64_t kWinogradPoints = kWinogradInput * kWinogradInput;  // products in place of 16 x 9

/// Every function works on all 36 points of one tile or of one panel of weights. A tile is given by pointers to its
/// pixels, row by row, so that pixels outside the map can be memory of zeros. Point i of a result is at out + i * slab.
/// Channels come in panels; their number must be a multiple of 32.
struct WinogradKernels {
  int64_t panel;  // channels that `product` computes together: 16 or 32
  int64_t rows;   // and tiles

  /// B^T x B. Panel p of the channels of each point goes to out + p * panel_stride.
  void (*input)(const float* const* x, int64_t channels, float* out, int64_t slab, int64_t panel_stride);
  /// y = A^T m A of all channels, m as `product` leaves it, point i at in + i * slab. Then, where not nullptr or false,
  /// y + bias, y + residual, max(y, 0).
  void (*output)(const float* in, int64_t slab, int64_t channels, const float* bias, const float* const* residual,
                 bool relu, float* const* y);
  /// A dy A^T, the transpose of `output`.
  void (*output_gradient)(const float* const* dy, int64_t channels, float* out, int64_t slab);
  /// G w G^T of one panel, whose 9 taps are at w[0..8].
  void (*weight)(const float* const* w, float* out, int64_t slab);
  /// G^T p G, the transpose of `weight`.
  void (*weight_gradient)(const float* in, int64_t slab, float* const* dw);
  /// out[r][0..panel) = (add ? out[r] : 0) + sum over k < depth of a[r * a_row + k * a_step] b[k * panel ..], for
  /// `rows` rows r, which are out_row apart.
  void (*product)(const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t depth, bool add, float* out,
                  int64_t out_row);
};

const WinogradKernels& winograd_kernels();

}  // namespace bareseg
