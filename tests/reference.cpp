#include "tests/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bareseg::reference {
namespace {

size_t at(int64_t i) { return static_cast<size_t>(i); }

/// Offset of [n, h, w, c].
int64_t offset(const Shape& s, int64_t n, int64_t h, int64_t w, int64_t c) {
  return ((n * s.dim(1) + h) * s.dim(2) + w) * s.dim(3) + c;
}

/// Calls f(n, h, w, c) for every element of a map.
template <typename F>
void for_each(const Shape& s, F f) {
  for (int64_t n = 0; n < s.dim(0); ++n)
    for (int64_t h = 0; h < s.dim(1); ++h)
      for (int64_t w = 0; w < s.dim(2); ++w)
        for (int64_t c = 0; c < s.dim(3); ++c) f(n, h, w, c);
}

/// Where output position i of `out` reads an input of size `in`: low + weight (high - low).
struct Tap {
  int64_t low = 0, high = 0;
  double weight = 0.0;
};
Tap tap(int64_t i, int64_t in, int64_t out) {
  const double source =
      std::max(0.0, static_cast<double>(in) / static_cast<double>(out) * (static_cast<double>(i) + 0.5) - 0.5);
  const int64_t low = std::min(static_cast<int64_t>(std::floor(source)), in - 1);
  return {low, std::min(low + 1, in - 1), source - static_cast<double>(low)};
}

/// Channel c of sample n, sampled in the window at (row, col) with the two taps.
double sample(const Array& x, int64_t n, int64_t row, int64_t col, const Tap& h, const Tap& w, int64_t c) {
  const auto value = [&](int64_t i, int64_t j) { return x[offset(x.shape, n, row + i, col + j, c)]; };
  const double top = value(h.low, w.low) + w.weight * (value(h.low, w.high) - value(h.low, w.low));
  const double bottom = value(h.high, w.low) + w.weight * (value(h.high, w.high) - value(h.high, w.low));
  return top + h.weight * (bottom - top);
}

}  // namespace

Array zeros(const Shape& shape) { return {shape, std::vector<double>(at(shape.count()), 0.0)}; }

Array from(const Tensor& x) {
  if (!x.defined()) return {};
  return dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    Array y = zeros(x.shape());
    const std::vector<T> values = x.to_vector<T>();
    std::transform(values.begin(), values.end(), y.values.begin(), [](T value) {
      if constexpr (std::is_same_v<T, bfloat16>)
        return static_cast<double>(static_cast<float>(value));
      else
        return static_cast<double>(value);
    });
    return y;
  });
}

Array add(const Array& a, const Array& b) {
  Array y = a;
  for (int64_t i = 0; i < a.shape.count(); ++i) y[i] += b[i];
  return y;
}

Array relu(const Array& x) {
  Array y = x;
  for (double& value : y.values) value = std::max(value, 0.0);
  return y;
}

Array scale(const Array& x, double factor) {
  Array y = x;
  for (double& value : y.values) value *= factor;
  return y;
}

Array sum(const Array& x) {
  Array y = zeros({1});
  for (const double value : x.values) y[0] += value;
  return y;
}

Array mean(const Array& x) { return scale(sum(x), 1.0 / static_cast<double>(x.shape.count())); }

Array mse_loss(const Array& x, const Array& target) {
  Array square = x;
  for (int64_t i = 0; i < x.shape.count(); ++i) square[i] = (x[i] - target[i]) * (x[i] - target[i]);
  return mean(square);
}

Array dropout(const Array& x, double p, const std::vector<float>& uniforms) {
  Array y = x;
  for (int64_t i = 0; i < x.shape.count(); ++i)
    y[i] = static_cast<double>(uniforms[at(i)]) >= p ? x[i] / (1.0 - p) : 0.0;
  return y;
}

Array cast(const Array& x, DType dtype) {
  Array y = x;
  for (double& value : y.values) {
    if (value == 0.0 || !std::isfinite(value)) continue;
    const int mantissa_bits = dtype == kBFloat16 ? 8 : 24;  // with the leading one
    int exponent = 0;
    std::frexp(value, &exponent);
    const double unit = std::ldexp(1.0, std::max(exponent, -125) - mantissa_bits);
    value = std::nearbyint(value / unit) * unit;  // ties to even
  }
  return y;
}

Array conv2d(const Array& x, const Array& w, const Array& bias, const ConvOptions& o) {
  const int64_t kernel = w.shape.dim(1), inputs = w.shape.dim(3), outputs = w.shape.dim(0);
  const int64_t reach = o.dilation * (kernel - 1) + 1;
  Array y = zeros({x.shape.dim(0), (x.shape.dim(1) + 2 * o.padding - reach) / o.stride + 1,
                   (x.shape.dim(2) + 2 * o.padding - reach) / o.stride + 1, outputs});
  for_each(y.shape, [&](int64_t n, int64_t h, int64_t v, int64_t out) {
    const int64_t group = out / (outputs / o.groups);
    double sum = bias.defined() ? bias[out] : 0.0;
    for (int64_t i = 0; i < kernel; ++i) {
      for (int64_t j = 0; j < kernel; ++j) {
        const int64_t row = h * o.stride - o.padding + i * o.dilation;
        const int64_t col = v * o.stride - o.padding + j * o.dilation;
        if (row < 0 || row >= x.shape.dim(1) || col < 0 || col >= x.shape.dim(2)) continue;
        for (int64_t c = 0; c < inputs; ++c) {
          sum += x[offset(x.shape, n, row, col, group * inputs + c)] * w[offset(w.shape, out, i, j, c)];
        }
      }
    }
    y[offset(y.shape, n, h, v, out)] = sum;
  });
  return y;
}

Array max_pool2d(const Array& x, const PoolOptions& o) {
  Array y = zeros({x.shape.dim(0), (x.shape.dim(1) + 2 * o.padding - o.kernel) / o.stride + 1,
                   (x.shape.dim(2) + 2 * o.padding - o.kernel) / o.stride + 1, x.shape.dim(3)});
  for_each(y.shape, [&](int64_t n, int64_t h, int64_t v, int64_t c) {
    double best = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < o.kernel; ++i) {
      for (int64_t j = 0; j < o.kernel; ++j) {
        const int64_t row = h * o.stride - o.padding + i, col = v * o.stride - o.padding + j;
        if (row < 0 || row >= x.shape.dim(1) || col < 0 || col >= x.shape.dim(2)) continue;
        best = std::max(best, x[offset(x.shape, n, row, col, c)]);
      }
    }
    y[offset(y.shape, n, h, v, c)] = best;
  });
  return y;
}

Array concat_channels(const std::vector<Array>& maps) {
  int64_t channels = 0;
  for (const Array& x : maps) channels += x.shape.dim(3);
  Array y = zeros({maps[0].shape.dim(0), maps[0].shape.dim(1), maps[0].shape.dim(2), channels});
  int64_t first = 0;
  for (const Array& x : maps) {
    for_each(x.shape, [&](int64_t n, int64_t h, int64_t w, int64_t c) {
      y[offset(y.shape, n, h, w, first + c)] = x[offset(x.shape, n, h, w, c)];
    });
    first += x.shape.dim(3);
  }
  return y;
}

Array global_avg_pool(const Array& x) {
  Array y = zeros({x.shape.dim(0), 1, 1, x.shape.dim(3)});
  const double pixels = static_cast<double>(x.shape.dim(1) * x.shape.dim(2));
  for_each(x.shape, [&](int64_t n, int64_t h, int64_t w, int64_t c) {
    y[offset(y.shape, n, 0, 0, c)] += x[offset(x.shape, n, h, w, c)] / pixels;
  });
  return y;
}

Array batch_norm(const Array& x, const Array& weight, const Array& bias, Array& running_mean, Array& running_var,
                 const BatchNormOptions& o, const Array& residual) {
  const int64_t channels = x.shape.dim(-1), rows = x.shape.count() / channels;
  const double momentum = static_cast<double>(o.momentum), eps = static_cast<double>(o.eps);
  Array y = zeros(x.shape);
  for (int64_t c = 0; c < channels; ++c) {
    double mean = running_mean[c], var = running_var[c];
    if (o.training) {
      mean = var = 0.0;
      for (int64_t r = 0; r < rows; ++r) mean += x[r * channels + c] / static_cast<double>(rows);
      for (int64_t r = 0; r < rows; ++r) {
        var += (x[r * channels + c] - mean) * (x[r * channels + c] - mean) / static_cast<double>(rows);
      }
      const double unbiased = var * static_cast<double>(rows) / static_cast<double>(rows - 1);
      running_mean[c] = (1.0 - momentum) * running_mean[c] + momentum * mean;
      running_var[c] = (1.0 - momentum) * running_var[c] + momentum * unbiased;
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t i = r * channels + c;
      y[i] = (x[i] - mean) / std::sqrt(var + eps) * weight[c] + bias[c];
      if (residual.defined()) y[i] += residual[i];
      if (o.relu) y[i] = std::max(y[i], 0.0);
    }
  }
  return y;
}

Array l2_normalize(const Array& x, double eps) {
  const int64_t channels = x.shape.dim(-1);
  Array y = x;
  for (int64_t r = 0; r < x.shape.count() / channels; ++r) {
    double square = 0.0;
    for (int64_t c = 0; c < channels; ++c) square += x[r * channels + c] * x[r * channels + c];
    for (int64_t c = 0; c < channels; ++c) y[r * channels + c] /= std::max(std::sqrt(square), eps);
  }
  return y;
}

Array matmul(const Array& a, const Array& b) {
  const int64_t rows = a.shape.dim(0), inner = a.shape.dim(1), cols = b.shape.dim(1);
  Array y = zeros({rows, cols});
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < cols; ++n)
      for (int64_t k = 0; k < inner; ++k) y[m * cols + n] += a[m * inner + k] * b[k * cols + n];
  return y;
}

Array linear(const Array& x, const Array& w, const Array& bias) {
  const int64_t rows = x.shape.dim(0), inner = x.shape.dim(1), cols = w.shape.dim(0);
  Array y = zeros({rows, cols});
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < cols; ++n) {
      y[m * cols + n] = bias[n];
      for (int64_t k = 0; k < inner; ++k) y[m * cols + n] += x[m * inner + k] * w[n * inner + k];
    }
  return y;
}

Array resize_bilinear(const Array& x, int64_t height, int64_t width, const Array& addend) {
  Array y = zeros({x.shape.dim(0), height, width, x.shape.dim(3)});
  for_each(y.shape, [&](int64_t n, int64_t h, int64_t w, int64_t c) {
    const int64_t i = offset(y.shape, n, h, w, c);
    y[i] = sample(x, n, 0, 0, tap(h, x.shape.dim(1), height), tap(w, x.shape.dim(2), width), c);
    if (addend.defined()) y[i] += addend[i];
  });
  return y;
}

Array crop_resize_flip(const Array& x, const std::vector<CropWindow>& windows, int64_t side) {
  Array y = zeros({x.shape.dim(0), side, side, x.shape.dim(3)});
  for_each(y.shape, [&](int64_t n, int64_t h, int64_t w, int64_t c) {
    const CropWindow& window = windows[at(n)];
    const int64_t from_h = window.flip_vertical ? side - 1 - h : h;
    const int64_t from_w = window.flip_horizontal ? side - 1 - w : w;
    y[offset(y.shape, n, h, w, c)] =
        sample(x, n, window.row, window.col, tap(from_h, window.height, side), tap(from_w, window.width, side), c);
  });
  return y;
}

Array log_softmax(const Array& x) {
  const int64_t classes = x.shape.dim(-1);
  Array y = x;
  for (int64_t r = 0; r < x.shape.count() / classes; ++r) {
    double highest = x[r * classes], sum = 0.0;
    for (int64_t k = 0; k < classes; ++k) highest = std::max(highest, x[r * classes + k]);
    for (int64_t k = 0; k < classes; ++k) sum += std::exp(x[r * classes + k] - highest);
    for (int64_t k = 0; k < classes; ++k) y[r * classes + k] -= highest + std::log(sum);
  }
  return y;
}

Array cross_entropy(const Array& logits, const std::vector<int64_t>& labels, const Array& class_weights,
                    int64_t ignore) {
  const int64_t classes = logits.shape.dim(-1);
  const Array log_probability = log_softmax(logits);
  Array loss = zeros({1});
  double weight_sum = 0.0;
  for (size_t r = 0; r < labels.size(); ++r) {
    if (labels[r] == ignore) continue;
    if (labels[r] < 0 || labels[r] >= classes) return {{1}, {std::numeric_limits<double>::quiet_NaN()}};
    const double weight = class_weights.defined() ? class_weights[labels[r]] : 1.0;
    loss[0] -= weight * log_probability[static_cast<int64_t>(r) * classes + labels[r]];
    weight_sum += weight;
  }
  if (weight_sum > 0.0) loss[0] /= weight_sum;
  return loss;
}

Array cosine_cluster_terms(const Array& features, const std::vector<Target>& targets) {
  const int64_t dims = features.shape.dim(-1);
  Array rows = l2_normalize(features);
  rows.shape = {features.shape.count() / dims, dims};
  Array terms = zeros({static_cast<int64_t>(targets.size())});
  for (size_t t = 0; t < targets.size(); ++t) {
    const Array logits = linear(rows, targets[t].centroids, zeros({targets[t].centroids.shape.dim(0)}));
    terms.values[t] = cross_entropy(logits, targets[t].labels, targets[t].class_weights)[0];
  }
  return terms;
}

Array cosine_cluster_loss(const Array& features, const std::vector<Target>& targets) {
  return mean(cosine_cluster_terms(features, targets));
}

void sgd(Slot& slot, const Array& grad, const SgdStep& step) {
  const double lr = static_cast<double>(step.lr), momentum = static_cast<double>(step.momentum);
  for (int64_t i = 0; i < grad.shape.count(); ++i) {
    double g = grad[i] + static_cast<double>(step.weight_decay) * slot.param[i];
    if (slot.m.defined()) {
      slot.m[i] = step.first ? g : momentum * slot.m[i] + g;
      g = step.nesterov ? g + momentum * slot.m[i] : slot.m[i];
    }
    slot.param[i] -= lr * g;
  }
}

void adam(Slot& slot, const Array& grad, const AdamStep& step) {
  const double lr = static_cast<double>(step.lr), decay = static_cast<double>(step.weight_decay);
  const double beta1 = static_cast<double>(step.beta1), beta2 = static_cast<double>(step.beta2);
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(step.step));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(step.step));
  for (int64_t i = 0; i < grad.shape.count(); ++i) {
    if (step.decoupled) slot.param[i] *= 1.0 - lr * decay;
    const double g = grad[i] + (step.decoupled ? 0.0 : decay * slot.param[i]);
    slot.m[i] = beta1 * slot.m[i] + (1.0 - beta1) * g;
    slot.v[i] = beta2 * slot.v[i] + (1.0 - beta2) * g * g;
    const double denominator = std::sqrt(slot.v[i] / correction2) + static_cast<double>(step.eps);
    slot.param[i] -= lr * slot.m[i] / correction1 / denominator;
  }
}

}  // namespace bareseg::reference
