// Labels and their counts. Integer totals do not depend on the order of adding.
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/vectorize.h"

namespace bareseg {
namespace {

constexpr int64_t kLanes = 16;  // rows whose maxima are sought side by side
constexpr int64_t kMaxParts = 64;
constexpr int64_t kPartLabels = 65536;

int64_t parts_for(int64_t labels) { return std::clamp<int64_t>(labels / kPartLabels, 1, kMaxParts); }

// Column of the maximum of each of `rows` <= kLanes rows of x, which are transposed on the way.
template <typename T>
void argmax_rows(const T* x, int64_t rows, int64_t cols, int32_t* index) {
  float best[kLanes];
  for (int64_t r = 0; r < kLanes; ++r) {
    best[r] = static_cast<float>(x[r < rows ? r * cols : 0]);
    index[r] = 0;
  }
  float column[kLanes] = {};
  for (int64_t c = 1; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) column[r] = static_cast<float>(x[r * cols + c]);
    for (int64_t r = 0; r < kLanes; ++r) {
      const bool more = column[r] > best[r];
      best[r] = more ? column[r] : best[r];
      index[r] = more ? static_cast<int32_t>(c) : index[r];
    }
  }
}

template <typename T, typename Label>
void argmax_all(const T* x, int64_t rows, int64_t cols, Label* y) {
#pragma omp parallel for
  for (int64_t block = 0; block < ceil_div(rows, kLanes); ++block) {
    const int64_t first = block * kLanes, count = std::min(kLanes, rows - first);
    int32_t index[kLanes];
    argmax_rows(x + first * cols, count, cols, index);
    for (int64_t r = 0; r < count; ++r) y[first + r] = static_cast<Label>(index[r]);
  }
}

// Calls f with a pointer to the labels, uint8 or int32.
template <typename F>
void with_labels(const Tensor& labels, F f) {
  if (labels.dtype() == kUInt8)
    f(labels.data<uint8_t>());
  else
    f(labels.data<int32_t>());
}

// total[i] += sum over parts of what add(range, bins) counted in bins of its own.
template <typename Add>
void count_in_parts(int64_t n, int64_t* total, int64_t bins, Add add) {
  const int64_t parts = parts_for(n);
  std::vector<int64_t> all(static_cast<size_t>(parts * bins));
#pragma omp parallel for
  for (int64_t part = 0; part < parts; ++part) add(part_of(n, part, parts), all.data() + part * bins);
  for (int64_t part = 0; part < parts; ++part)
    for (int64_t i = 0; i < bins; ++i) total[i] += all[static_cast<size_t>(part * bins + i)];
}

}  // namespace

void CpuBackend::argmax(const Tensor& x, Tensor& y) {
  const int64_t cols = x.dim(-1), rows = x.count() / cols;
  dispatch_float(x.dtype(), [&](auto type) {
    const auto* in = x.data<decltype(type)>();
    with_labels(y, [&](auto* label) { argmax_all(in, rows, cols, label); });
  });
}

void CpuBackend::count_labels(const Tensor& labels, Tensor& counts) {
  with_labels(labels, [&](const auto* label) {
    count_in_parts(labels.count(), counts.data<int64_t>(), counts.count(), [=](Range range, int64_t* bins) {
      for (int64_t i = range.begin; i < range.end; ++i) ++bins[label[i]];
    });
  });
}

void CpuBackend::confusion(const Tensor& truth, const Tensor& predicted, Tensor& matrix) {
  const int64_t classes = matrix.dim(0), clusters = matrix.dim(1);
  const uint8_t* t = truth.data<uint8_t>();
  with_labels(predicted, [&](const auto* p) {
    count_in_parts(truth.count(), matrix.data<int64_t>(), matrix.count(), [=](Range range, int64_t* bins) {
      for (int64_t i = range.begin; i < range.end; ++i)
        if (t[i] < classes) ++bins[t[i] * clusters + p[i]];
    });
  });
}

}  // namespace bareseg
