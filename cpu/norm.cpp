// Batch norm and unit-length normalisation of rows. Memory bound: batch norm reads x twice forward (statistics, apply),
// and dy and x twice backward (sums, apply).
#include <cmath>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kMaxParts = 128;        // parts of a reduction over rows; each has double sums of its own
constexpr int64_t kPartElements = 16384;  // least worth a part
constexpr int64_t kBlockRows = 64;        // rows summed in float before the sums move to double
constexpr int64_t kTile = 512;            // channels whose float sums stay in the L1 cache
constexpr int64_t kApplyElements = 8192;  // elements per leaf call of a pass that sums nothing

int64_t reduction_parts(int64_t rows, int64_t cols) {
  return std::clamp(std::min(rows / 32, rows * cols / kPartElements), int64_t{1}, kMaxParts);
}

// Calls leaf(begin, end) over blocks of rows in parallel.
template <typename Leaf>
void for_row_blocks(int64_t rows, int64_t cols, const Leaf& leaf) {
  const int64_t step = std::max(kApplyElements / cols, int64_t{1});
#pragma omp parallel for
  for (int64_t b = 0; b < ceil_div(rows, step); ++b) leaf(b * step, std::min(rows, (b + 1) * step));
}

// Calls leaf(part, row, row end, channel, channel end) over the blocks of every part, parts in parallel and the blocks
// of one part in order.
template <typename Leaf>
void for_reduction_blocks(int64_t rows, int64_t cols, int64_t parts, const Leaf& leaf) {
#pragma omp parallel for
  for (int64_t p = 0; p < parts; ++p) {
    const Range range = part_of(rows, p, parts);
    for (int64_t c = 0; c < cols; c += kTile) {
      for (int64_t r = range.begin; r < range.end; r += kBlockRows) {
        leaf(p, r, std::min(range.end, r + kBlockRows), c, std::min(cols, c + kTile));
      }
    }
  }
}

// Adds n values with the given mean and sum of squared deviations to the statistics of `count` values (Chan et al.).
BS_CLONES void merge_moments(int64_t n, const double* __restrict part_mean, const double* __restrict part_square,
                             int64_t cols, int64_t count, double* __restrict mean, double* __restrict square) {
  const double share = static_cast<double>(n) / static_cast<double>(count + n);
  const double cross = share * static_cast<double>(count);
  for (int64_t c = 0; c < cols; ++c) {
    const double delta = part_mean[c] - mean[c];
    mean[c] += share * delta;
    square[c] += part_square[c] + cross * delta * delta;
  }
}

// Mean and sum of squared deviations of each column of a block. Float sums of deviations from the first row: exact
// enough for any mean, as the first row is one of the values.
template <typename T>
BS_CLONES void block_moments(const T* __restrict x, int64_t stride, int64_t rows, int64_t cols, double* __restrict mean,
                             double* __restrict square) {
  float sum[kTile], sum_square[kTile];
  std::fill(sum, sum + cols, 0.0f);
  std::fill(sum_square, sum_square + cols, 0.0f);
  const T* row = x;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, row += 4 * stride) {
    for (int64_t c = 0; c < cols; ++c) {
      const float origin = load(x + c);
      const float d0 = load(row + c) - origin, d1 = load(row + stride + c) - origin;
      const float d2 = load(row + 2 * stride + c) - origin, d3 = load(row + 3 * stride + c) - origin;
      sum[c] += (d0 + d1) + (d2 + d3);
      sum_square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }
  for (; r < rows; ++r, row += stride) {
    for (int64_t c = 0; c < cols; ++c) {
      const float d = load(row + c) - load(x + c);
      sum[c] += d;
      sum_square[c] += d * d;
    }
  }
  const double inverse = 1.0 / static_cast<double>(rows);
  for (int64_t c = 0; c < cols; ++c) {
    const double total = static_cast<double>(sum[c]);
    mean[c] = static_cast<double>(load(x + c)) + total * inverse;
    square[c] = std::max(static_cast<double>(sum_square[c]) - total * total * inverse, 0.0);
  }
}

struct Moments {
  std::vector<double> mean, square;  // [C]; square: sum of squared deviations
};

template <typename T>
Moments channel_moments(const T* x, int64_t rows, int64_t cols) {
  const int64_t parts = reduction_parts(rows, cols);
  Moments all{std::vector<double>(static_cast<size_t>(parts * cols)),
              std::vector<double>(static_cast<size_t>(parts * cols))};
  for_reduction_blocks(rows, cols, parts, [&](int64_t p, int64_t r, int64_t r_end, int64_t c, int64_t c_end) {
    double mean[kTile], square[kTile];
    block_moments(x + r * cols + c, cols, r_end - r, c_end - c, mean, square);
    merge_moments(r_end - r, mean, square, c_end - c, r - part_of(rows, p, parts).begin, &all.mean[p * cols + c],
                  &all.square[p * cols + c]);
  });
  for (int64_t p = 1; p < parts; ++p) {
    const Range range = part_of(rows, p, parts);
    merge_moments(range.end - range.begin, &all.mean[p * cols], &all.square[p * cols], cols, range.begin,
                  all.mean.data(), all.square.data());
  }
  return all;
}

// y = (x - mean) scale + shift, + residual, ReLU.
template <bool kResidual, bool kRelu, typename T>
BS_CLONES void normalize_rows(const T* __restrict x, const T* __restrict residual, int64_t rows, int64_t cols,
                              const float* __restrict mean, const float* __restrict scale,
                              const float* __restrict shift, T* __restrict y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      float value = (load(x + r * cols + c) - mean[c]) * scale[c] + shift[c];
      if constexpr (kResidual) value += load(residual + r * cols + c);
      if constexpr (kRelu) value = value < 0.0f ? 0.0f : value;  // NaN passes, as torch lets it
      store(y + r * cols + c, value);
    }
  }
}

template <typename T>
void normalize_channels(const T* x, const T* residual, bool relu, int64_t rows, int64_t cols, const float* mean,
                        const float* scale, const float* shift, T* y) {
  const auto leaf = residual != nullptr ? (relu ? normalize_rows<true, true, T> : normalize_rows<true, false, T>)
                                        : (relu ? normalize_rows<false, true, T> : normalize_rows<false, false, T>);
  for_row_blocks(rows, cols, [=](int64_t r, int64_t end) {
    leaf(x + r * cols, residual != nullptr ? residual + r * cols : nullptr, end - r, cols, mean, scale, shift,
         y + r * cols);
  });
}

template <typename T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

// Gradient before the ReLU. Both are read first, so that the choice is no branch.
template <bool kMask, typename T>
[[gnu::always_inline]] inline float masked(const T* dy, const T* y) {
  const float gradient = load(dy), value = kMask ? load(y) : 1.0f;
  return value > 0.0f ? gradient : 0.0f;
}

// Adds the sums over rows of g and g (x - mean), g the gradient before the ReLU.
template <bool kMask, typename T>
BS_CLONES void block_gradients(const T* __restrict dy, const T* __restrict x, const T* __restrict y, int64_t stride,
                               int64_t rows, int64_t cols, const float* __restrict mean, double* __restrict total,
                               double* __restrict total_dot) {
  float sum[kTile], dot[kTile];
  std::fill(sum, sum + cols, 0.0f);
  std::fill(dot, dot + cols, 0.0f);
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2, dy += 2 * stride, x += 2 * stride, y += 2 * stride) {
    for (int64_t c = 0; c < cols; ++c) {
      const float g0 = masked<kMask>(dy + c, y + c), g1 = masked<kMask>(dy + stride + c, y + stride + c);
      sum[c] += g0 + g1;
      dot[c] += g0 * (load(x + c) - mean[c]) + g1 * (load(x + stride + c) - mean[c]);
    }
  }
  for (; r < rows; ++r, dy += stride, x += stride, y += stride) {
    for (int64_t c = 0; c < cols; ++c) {
      const float g = masked<kMask>(dy + c, y + c);
      sum[c] += g;
      dot[c] += g * (load(x + c) - mean[c]);
    }
  }
  for (int64_t c = 0; c < cols; ++c) total[c] += static_cast<double>(sum[c]);
  for (int64_t c = 0; c < cols; ++c) total_dot[c] += static_cast<double>(dot[c]);
}

template <bool kMask, typename T>
BS_CLONES void mask_rows(const T* __restrict dy, const T* __restrict y, int64_t stride, int64_t rows, int64_t cols,
                         T* __restrict out) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c)
      store(out + r * stride + c, masked<kMask>(dy + r * stride + c, y + r * stride + c));
  }
}

// dx = scale (g + from_x (x - mean) + constant).
template <bool kMask, typename T>
BS_CLONES void input_gradient(const T* __restrict dy, const T* __restrict x, const T* __restrict y, int64_t rows,
                              int64_t cols, const float* __restrict mean, const float* __restrict scale,
                              const float* __restrict from_x, const float* __restrict constant, T* __restrict dx) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const int64_t i = r * cols + c;
      const float g = masked<kMask>(dy + i, y + i);
      store(dx + i, scale[c] * (g + (from_x[c] * (load(x + i) - mean[c]) + constant[c])));
    }
  }
}

// Sums over rows of g and g (x - mean) in sum[C] and dot[C]; writes g to dresidual where that is not null.
template <bool kMask, typename T>
void channel_gradients(const T* dy, const T* x, const T* y, T* dresidual, int64_t rows, int64_t cols, const float* mean,
                       std::vector<double>& sum, std::vector<double>& dot) {
  const int64_t parts = reduction_parts(rows, cols);
  sum.assign(static_cast<size_t>(parts * cols), 0.0);
  dot.assign(static_cast<size_t>(parts * cols), 0.0);
  for_reduction_blocks(rows, cols, parts, [&](int64_t p, int64_t r, int64_t r_end, int64_t c, int64_t c_end) {
    const int64_t at = r * cols + c;
    block_gradients<kMask>(dy + at, x + at, y + at, cols, r_end - r, c_end - c, mean + c, &sum[p * cols + c],
                           &dot[p * cols + c]);
    if (dresidual != nullptr) mask_rows<kMask>(dy + at, y + at, cols, r_end - r, c_end - c, dresidual + at);
  });
  for (int64_t p = 1; p < parts; ++p) {
    for (int64_t c = 0; c < cols; ++c) {
      sum[c] += sum[p * cols + c];
      dot[c] += dot[p * cols + c];
    }
  }
}

template <typename T>
BS_CLONES void unit_rows(const T* __restrict x, int64_t rows, int64_t cols, float eps, T* __restrict y,
                         float* __restrict inv_norm) {
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    float square = 0.0f;
#pragma omp simd reduction(+ : square)
    for (int64_t c = 0; c < cols; ++c) square += load(x + c) * load(x + c);
    const float inverse = 1.0f / std::max(std::sqrt(square), eps);
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) store(y + c, load(x + c) * inverse);
    inv_norm[r] = inverse;
  }
}

// dx = (dy - <dy, y> y) / |x|; below eps y is x / eps and dx = dy / eps.
template <typename T>
BS_CLONES void unit_rows_backward(const T* __restrict dy, const T* __restrict y, const float* __restrict inv_norm,
                                  int64_t rows, int64_t cols, float eps, T* __restrict dx) {
  for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
    float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
    for (int64_t c = 0; c < cols; ++c) dot += load(dy + c) * load(y + c);
    if (inv_norm[r] >= 1.0f / eps) dot = 0.0f;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) store(dx + c, (load(dy + c) - dot * load(y + c)) * inv_norm[r]);
  }
}

}  // namespace

void CpuBackend::batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                                  const BatchNormOptions& o, Tensor& running_mean, Tensor& running_var, Tensor& mean,
                                  Tensor& inv_std, Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const Moments moments = channel_moments(x.data<T>(), rows, cols);
    std::vector<float> scale(static_cast<size_t>(cols)), shift(static_cast<size_t>(cols));
    for (int64_t c = 0; c < cols; ++c) {
      const double var = moments.square[c] / static_cast<double>(rows), exact_mean = moments.mean[c];
      const double inverse = 1.0 / std::sqrt(var + static_cast<double>(o.eps));
      const float rounded_mean = static_cast<float>(exact_mean);
      mean.data<float>()[c] = rounded_mean;
      inv_std.data<float>()[c] = static_cast<float>(inverse);
      const double exact_scale = inverse * static_cast<double>(weight.data<float>()[c]);
      scale[c] = static_cast<float>(exact_scale);
      shift[c] = static_cast<float>(static_cast<double>(bias.data<float>()[c]) -
                                    (exact_mean - static_cast<double>(rounded_mean)) * exact_scale);
      const double momentum = static_cast<double>(o.momentum),
                   unbiased = moments.square[c] / static_cast<double>(rows - 1);
      float &old_mean = running_mean.data<float>()[c], &old_var = running_var.data<float>()[c];
      old_mean = static_cast<float>((1.0 - momentum) * static_cast<double>(old_mean) + momentum * exact_mean);
      old_var = static_cast<float>((1.0 - momentum) * static_cast<double>(old_var) + momentum * unbiased);
    }
    normalize_channels(x.data<T>(), data_or_null<T>(residual), o.relu, rows, cols, mean.data<float>(), scale.data(),
                       shift.data(), y.data<T>());
  });
}

void CpuBackend::batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                                 const BatchNormOptions& o, const Tensor& running_mean, const Tensor& running_var,
                                 Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  std::vector<float> scale(static_cast<size_t>(cols));
  for (int64_t c = 0; c < cols; ++c) {
    scale[c] = weight.data<float>()[c] / std::sqrt(running_var.data<float>()[c] + o.eps);
  }
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    normalize_channels(x.data<T>(), data_or_null<T>(residual), o.relu, rows, cols, running_mean.data<float>(),
                       scale.data(), bias.data<float>(), y.data<T>());
  });
}

// With g = dy where y > 0 and h = (x - mean) inv_std: dbias = sum g, dweight = sum g h, and in training
// dx = weight inv_std (g - dbias / R - h dweight / R); with constant statistics dx = weight inv_std g.
void CpuBackend::fold_batch_norm(const Tensor& w, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                                 const Tensor& var, float eps, Tensor& folded, Tensor& offset) {
  const int64_t outputs = w.dim(0), inner = w.count() / std::max<int64_t>(outputs, 1);
  dispatch_float(folded.dtype(), [&](auto type) {
    using T = decltype(type);
#pragma omp parallel for
    for (int64_t o = 0; o < outputs; ++o) {
      const float scale = weight.data<float>()[o] / std::sqrt(var.data<float>()[o] + eps);
      const float* in = w.data<float>() + o * inner;
      T* out = folded.data<T>() + o * inner;
      for (int64_t i = 0; i < inner; ++i) store(out + i, in[i] * scale);
      offset.data<float>()[o] = bias.data<float>()[o] - mean.data<float>()[o] * scale;
    }
  });
}

void CpuBackend::batch_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& y, const Tensor& weight,
                                     const Tensor& mean, const Tensor& inv_std, const BatchNormOptions& o, Tensor& dx,
                                     Tensor& dweight, Tensor& dbias, Tensor& dresidual) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  const size_t channels = static_cast<size_t>(cols);
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    T* masked_gradient = dresidual.defined() ? dresidual.data<T>() : nullptr;
    std::vector<double> sum, dot;
    const auto reduce = o.relu ? channel_gradients<true, T> : channel_gradients<false, T>;
    reduce(dy.data<T>(), x.data<T>(), y.data<T>(), masked_gradient, rows, cols, mean.data<float>(), sum, dot);
    std::vector<float> scale(channels), from_x(channels, 0.0f), constant(channels, 0.0f);
    for (size_t c = 0; c < channels; ++c) {
      const double inverse = static_cast<double>(inv_std.data<float>()[c]);
      dbias.data<float>()[c] = static_cast<float>(sum[c]);
      dweight.data<float>()[c] = static_cast<float>(dot[c] * inverse);
      scale[c] = weight.data<float>()[c] * inv_std.data<float>()[c];
      if (!o.training) continue;
      from_x[c] = static_cast<float>(-dot[c] * inverse * inverse / static_cast<double>(rows));
      constant[c] = static_cast<float>(-sum[c] / static_cast<double>(rows));
    }
    // Where the masked gradient was written it is read back, which saves reading y again.
    const bool mask = o.relu && masked_gradient == nullptr;
    const auto leaf = mask ? input_gradient<true, T> : input_gradient<false, T>;
    const T *g = masked_gradient != nullptr ? masked_gradient : dy.data<T>(), *in = x.data<T>(), *out = y.data<T>();
    T* result = dx.data<T>();
    for_row_blocks(rows, cols, [&](int64_t r, int64_t end) {
      const int64_t at = r * cols;
      leaf(g + at, in + at, out + at, end - r, cols, mean.data<float>(), scale.data(), from_x.data(), constant.data(),
           result + at);
    });
  });
}

void CpuBackend::l2_normalize(const Tensor& x, Tensor& y, Tensor& inv_norm, float eps) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    float* inverse = inv_norm.data<float>();
    for_row_blocks(rows, cols, [=](int64_t r, int64_t end) {
      unit_rows(in + r * cols, end - r, cols, eps, out + r * cols, inverse + r);
    });
  });
}

void CpuBackend::l2_normalize_backward(const Tensor& dy, const Tensor& y, const Tensor& inv_norm, float eps,
                                       Tensor& dx) {
  const int64_t cols = y.dim(-1), rows = y.count() / cols;
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T *grad = dy.data<T>(), *unit = y.data<T>();
    T* out = dx.data<T>();
    const float* inverse = inv_norm.data<float>();
    for_row_blocks(rows, cols, [=](int64_t r, int64_t end) {
      unit_rows_backward(grad + r * cols, unit + r * cols, inverse + r, end - r, cols, eps, out + r * cols);
    });
  });
}

}  // namespace bareseg
