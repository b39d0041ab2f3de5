// Every differentiable op, declared and documented here and only here.
//
// Float tensors are float32 or bfloat16; inputs of one op share dtype and device unless said otherwise. Results are new
// tensors with the inputs' dtype and device. All functions throw Error on wrong shapes, dtypes, devices or options.
#pragma once

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace bareseg {

// ---- pointwise (ops_pointwise.cpp) ----

/// a + b, same shape.
Tensor add(const Tensor& a, const Tensor& b);
/// max(x, 0).
Tensor relu(const Tensor& x);
/// x * factor.
Tensor scale(const Tensor& x, float factor);
/// Sum and mean of all elements: [1]. mean of no element throws.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
/// mean((x - target)^2): [1]. Differentiable in both.
Tensor mse_loss(const Tensor& x, const Tensor& target);
/// The same values as float32 or bfloat16 (rounded to nearest even).
Tensor cast(const Tensor& x, DType dtype);
/// Each element 0 with probability p, else divided by 1 - p (torch.nn.functional.dropout in training). draw int64 [2]
/// on x's device names a stream by its seed and subsequence: element i is kept where the i-th word of it makes a number
/// of at least p. The numbers are copied: draw may change before backward().
Tensor dropout(const Tensor& x, float p, const Tensor& draw);
/// The same elements under another shape; at most one size may be -1 and is worked out. Shares memory.
Tensor reshape(const Tensor& x, std::initializer_list<int64_t> shape);

// ---- convolution (ops_conv.cpp) ----

/// Cross-correlation with zero padding, torch.nn.functional.conv2d in NHWC.
///
/// @param x     float [N, H, W, I]. Images may have 4 channels where w has 3: the last weighs 0.
/// @param w     float32 [O, K, K, I / groups], converted to x's dtype for the product.
/// @param bias  float32 [O], or undefined.
/// @return      [N, OH, OW, O], OH = (H + 2 padding - dilation (K - 1) - 1) / stride + 1, dtype of x;
///              differentiable in x, w and bias, whose gradients are float32 for w and bias.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& options = {});
/// The same for inference with what follows in one pass: relu(conv2d(x, w, bias) + residual). Not differentiable.
///
/// @param w         dtype of x.
/// @param epilogue  bias, residual and ReLU, each where wanted.
Tensor conv2d_fused(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue, const ConvOptions& options = {});
/// Maximum of each window; padding never wins. x [N, H, W, C], kernel^2 <= 256, padding <= kernel / 2.
Tensor max_pool2d(const Tensor& x, const PoolOptions& options);

// ---- channels (ops_channels.cpp) ----

/// The maps [N, H, W, C_i], at least one, side by side: [N, H, W, sum of C_i] in their order.
Tensor concat_channels(const std::vector<Tensor>& maps);
/// The mean over all pixels of each sample, torch's adaptive_avg_pool2d to 1: x [N, H, W, C] -> [N, 1, 1, C].
Tensor global_avg_pool(const Tensor& x);

// ---- normalisation (ops_norm.cpp) ----

/// y = (x - mean) / sqrt(var + eps) * weight + bias, then + residual, then ReLU where asked (Ioffe & Szegedy 2015).
/// Training: biased batch statistics over all dimensions but the last; running_mean and running_var (unbiased) are
/// updated in place, also under NoGrad. Otherwise the running statistics are used and left alone.
///
/// @param x         float [..., C], in training with more than one value per channel.
/// @param weight, bias, running_mean, running_var  float32 [C].
/// @param residual  shape and dtype of x, or undefined.
/// @return          shape and dtype of x; differentiable in x, weight, bias and residual.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean, Tensor running_var,
                  const BatchNormOptions& options, const Tensor& residual = {});

/// Weights and bias of one convolution, for conv2d_fused, that is conv2d(x, w) and then batch norm with running
/// statistics. Outside the graph.
///
/// @param w  float32 [O, K, K, I]; the others float32 [O].
struct FoldedConv {
  Tensor w;     // `dtype`, shape of w
  Tensor bias;  // float32 [O]
};
FoldedConv fold_batch_norm(const Tensor& w, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                           const Tensor& running_var, float eps, DType dtype);

/// Scales each channel vector to unit length: y = x / max(|x|, eps), |x| the 2-norm over C.
///
/// @param x    float [..., C] with C > 0.
/// @param eps  floor of the norm, > 0; below it y = x / eps, so zero stays zero.
/// @return     shape, dtype and device of x; differentiable in x.
Tensor l2_normalize(const Tensor& x, float eps = 1e-12f);

// ---- matrix product (ops_matmul.cpp) ----

/// a [M, K] times b [K, N]: [M, N].
Tensor matmul(const Tensor& a, const Tensor& b);
/// x [..., K] times the transpose of w [N, K], of one dtype, plus bias float32 [N] where it is defined: [..., N]
/// (torch.nn.functional.linear).
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias = {});

// ---- resampling (ops_resample.cpp) ----

/// Bilinear resize of x [N, H, W, C] to [N, height, width, C], align_corners = false, no antialias
/// (torch.nn.functional.interpolate). Where addend [N, height, width, C] is defined it is added to the result.
Tensor resize_bilinear(const Tensor& x, int64_t height, int64_t width, const Tensor& addend = {});
/// Per sample n: the window windows[n] of x [N, H, W, C], resized bilinearly to [side, side], then flipped:
/// PiCIE's equivariance transform of feature maps (section 5.6). windows.size() is N; each lies inside [H, W].
Tensor crop_resize_flip(const Tensor& x, const std::vector<CropWindow>& windows, int64_t side);
/// The same with the windows on the device of x already, as window_table() made them for maps of x's height and width.
Tensor crop_resize_flip(const Tensor& x, const Tensor& windows, int64_t side);
/// int32 [N, 6] on `device`. Each window must lie inside [height, width].
Tensor window_table(const std::vector<CropWindow>& windows, int64_t height, int64_t width, Device device);

// ---- losses (ops_loss.cpp) ----

/// log(softmax(x)) over the last dimension of x [..., K].
Tensor log_softmax(const Tensor& x);
/// Weighted cross-entropy: sum_i w[y_i] (-log softmax(z_i)[y_i]) / sum_i w[y_i], torch.nn.functional.cross_entropy.
/// A batch in which nothing counts gives 0. A label that is neither in [0, K) nor `ignore` gives NaN.
///
/// @param logits         float [..., K].
/// @param labels         uint8 or int32, one per row of logits.
/// @param class_weights  float32 [K] or undefined for ones.
/// @return               float32 [1]; differentiable in logits.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& class_weights = {}, int64_t ignore = -1);
/// PiCIE's loss on one view (section 8): the mean over `targets` of the weighted cross-entropy of the logits
/// z = centroids f / max(|f|, 1e-12), in one pass over the features, which also computes the gradient. With bfloat16
/// features a device may round the centroids, too, to bfloat16 for the products.
///
/// @param features  float [..., D].
/// @param targets   at least one; labels one per feature vector.
/// @param terms     where given, receives float32 [T], the cross-entropy of each target, outside the graph.
/// @return          float32 [1]; differentiable in features.
Tensor cosine_cluster_loss(const Tensor& features, const std::vector<ClusterTarget>& targets, Tensor* terms = nullptr);

}  // namespace bareseg
