// Softmax losses over rows of class scores. Loss sums are double, added up part by part in order.
#include <cmath>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/softmax.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kPartElements = 16384;
constexpr int64_t kMaxParts = 128;

int64_t parts_of(int64_t elements) { return std::clamp(elements / kPartElements, int64_t{1}, kMaxParts); }

// Calls leaf(part, rows) for every part of [0, rows) in parallel.
template <typename Leaf>
void for_parts(int64_t rows, int64_t parts, const Leaf& leaf) {
#pragma omp parallel for
  for (int64_t p = 0; p < parts; ++p) leaf(p, part_of(rows, p, parts));
}

struct Softmax {
  float highest, sum;  // probability of k: e^(z[k] - highest) / sum
};

template <typename T>
[[gnu::always_inline]] inline Softmax softmax_of(const T* __restrict z, int64_t classes) {
  float highest = load(z), sum = 0.0f;
#pragma omp simd reduction(max : highest)
  for (int64_t k = 0; k < classes; ++k) highest = load(z + k) > highest ? load(z + k) : highest;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < classes; ++k) sum += exp_negative(load(z + k) - highest);
  return {highest, sum};
}

template <typename T>
BS_CLONES void log_softmax_rows(const T* __restrict x, int64_t rows, int64_t classes, T* __restrict y) {
  for (int64_t r = 0; r < rows; ++r, x += classes, y += classes) {
    const Softmax s = softmax_of(x, classes);
    const float log_sum = std::log(s.sum);
#pragma omp simd
    for (int64_t k = 0; k < classes; ++k) store(y + k, (load(x + k) - s.highest) - log_sum);
  }
}

// dx = dy - softmax sum(dy).
template <typename T>
BS_CLONES void log_softmax_rows_backward(const T* __restrict dy, const T* __restrict y, int64_t rows, int64_t classes,
                                         T* __restrict dx) {
  for (int64_t r = 0; r < rows; ++r, dy += classes, y += classes, dx += classes) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < classes; ++k) sum += load(dy + k);
#pragma omp simd
    for (int64_t k = 0; k < classes; ++k) store(dx + k, load(dy + k) - exp_negative(load(y + k)) * sum);
  }
}

struct Partial {
  double loss = 0.0, weight = 0.0;
};

template <typename T>
BS_CLONES void entropy_rows(const T* __restrict logits, const LabelledRows& labels, Range rows, Partial& partial) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float weight = labels.weight(r);
    partial.weight += static_cast<double>(weight);
    if (weight == 0.0f) continue;
    const T* z = logits + r * labels.classes;
    const Softmax s = softmax_of(z, labels.classes);
    const double minus_log =
        std::log(static_cast<double>(s.sum)) - static_cast<double>(load(z + labels.label(r)) - s.highest);
    partial.loss += static_cast<double>(weight) * minus_log;
  }
}

// dlogits = factor w[label] (softmax - one-hot).
template <typename T>
BS_CLONES void entropy_rows_backward(const T* __restrict logits, const LabelledRows& labels, float factor, Range rows,
                                     T* __restrict dlogits) {
  const int64_t classes = labels.classes;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const T* __restrict z = logits + r * classes;
    T* __restrict out = dlogits + r * classes;
    const float weight = labels.weight(r);
    if (weight == 0.0f) {
      std::fill(out, out + classes, T{});
      continue;
    }
    const Softmax s = softmax_of(z, classes);
    const float by = factor * weight, scale = by / s.sum;
#pragma omp simd
    for (int64_t k = 0; k < classes; ++k) store(out + k, exp_negative(load(z + k) - s.highest) * scale);
    const int64_t hit = labels.label(r);
    store(out + hit, exp_negative(load(z + hit) - s.highest) * scale - by);
  }
}

}  // namespace

double sum_of_weights(const LabelledRows& labels, int64_t rows) {
  const int64_t parts = parts_of(rows);
  std::vector<double> partial(static_cast<size_t>(parts));
  for_parts(rows, parts, [&](int64_t p, Range range) {
    double sum = 0.0;
    for (int64_t r = range.begin; r < range.end; ++r) sum += static_cast<double>(labels.weight(r));
    partial[static_cast<size_t>(p)] = sum;
  });
  double total = 0.0;
  for (const double part : partial) total += part;
  return total;
}

void CpuBackend::log_softmax(const Tensor& x, Tensor& y) {
  const int64_t classes = x.dim(-1), rows = x.count() / classes;
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for_parts(rows, parts_of(x.count()), [=](int64_t, Range range) {
      log_softmax_rows(in + range.begin * classes, range.end - range.begin, classes, out + range.begin * classes);
    });
  });
}

void CpuBackend::log_softmax_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  const int64_t classes = y.dim(-1), rows = y.count() / classes;
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T *grad = dy.data<T>(), *value = y.data<T>();
    T* out = dx.data<T>();
    for_parts(rows, parts_of(y.count()), [=](int64_t, Range range) {
      const int64_t at = range.begin * classes;
      log_softmax_rows_backward(grad + at, value + at, range.end - range.begin, classes, out + at);
    });
  });
}

void CpuBackend::cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& class_weights, int64_t ignore,
                               Tensor& loss, Tensor& weight_sum) {
  const int64_t classes = logits.dim(-1), rows = logits.count() / classes, parts = parts_of(logits.count());
  const LabelledRows labelled = labelled_rows(labels, class_weights, classes, ignore);
  std::vector<Partial> partial(static_cast<size_t>(parts));
  dispatch_float(logits.dtype(), [&](auto type) {
    const auto* z = logits.data<decltype(type)>();
    for_parts(rows, parts,
              [&](int64_t p, Range range) { entropy_rows(z, labelled, range, partial[static_cast<size_t>(p)]); });
  });
  Partial total;
  for (const Partial& part : partial) {
    total.loss += part.loss;
    total.weight += part.weight;
  }
  *loss.data<float>() = total.weight == 0.0 ? 0.0f : static_cast<float>(total.loss / total.weight);
  *weight_sum.data<float>() = static_cast<float>(total.weight);
}

void CpuBackend::cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& labels,
                                        const Tensor& class_weights, int64_t ignore, const Tensor& weight_sum,
                                        Tensor& dlogits) {
  const int64_t classes = logits.dim(-1), rows = logits.count() / classes;
  const LabelledRows labelled = labelled_rows(labels, class_weights, classes, ignore);
  const float sum = *weight_sum.data<float>(), factor = sum == 0.0f ? 0.0f : *dloss.data<float>() / sum;
  dispatch_float(logits.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* z = logits.data<T>();
    T* out = dlogits.data<T>();
    for_parts(rows, parts_of(logits.count()),
              [&](int64_t, Range range) { entropy_rows_backward(z, labelled, factor, range, out); });
  });
}

}  // namespace bareseg
