// Element-wise primitives and whole-tensor sums. Memory bound: each reads its inputs and writes its output once.
#include <cmath>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/load_store.h"
#include "cpu/vectorize.h"
#include "engine/philox.h"

namespace bareseg {
namespace {

constexpr int64_t kBlock = 4096;  // elements per leaf call: fits L1, long enough for full vectors

// Calls leaf(begin, end) over blocks of [0, n) in parallel.
template <typename Leaf>
void for_blocks(int64_t n, const Leaf& leaf) {
#pragma omp parallel for
  for (int64_t b = 0; b < ceil_div(n, kBlock); ++b) leaf(b * kBlock, std::min(n, (b + 1) * kBlock));
}

// Sum of leaf(begin, end) over blocks, added up in order.
template <typename Leaf>
double sum_blocks(int64_t n, const Leaf& leaf) {
  std::vector<double> partial(static_cast<size_t>(ceil_div(n, kBlock)));
#pragma omp parallel for
  for (int64_t b = 0; b < static_cast<int64_t>(partial.size()); ++b) {
    partial[static_cast<size_t>(b)] = leaf(b * kBlock, std::min(n, (b + 1) * kBlock));
  }
  double total = 0.0;
  for (const double value : partial) total += value;
  return total;
}

void store_scalar(Tensor& y, double value) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    *y.data<T>() = T(static_cast<float>(value));
  });
}

float load_scalar(const Tensor& x) {
  return dispatch_float(x.dtype(), [&](auto type) { return static_cast<float>(*x.data<decltype(type)>()); });
}

}  // namespace

void CpuBackend::fill(Tensor& y, double value) {
  dispatch(y.dtype(), [&](auto type) {
    using T = decltype(type);
    T element;
    if constexpr (std::is_same_v<T, bfloat16>)
      element = T(static_cast<float>(value));
    else
      element = static_cast<T>(value);
    T* out = y.data<T>();
    for_blocks(y.count(), [=](int64_t begin, int64_t end) { std::fill(out + begin, out + end, element); });
  });
}

void CpuBackend::cast(const Tensor& x, Tensor& y) {
  dispatch_float(x.dtype(), [&](auto from) {
    dispatch_float(y.dtype(), [&](auto to) {
      const auto* in = x.data<decltype(from)>();
      auto* out = y.data<decltype(to)>();
      for_blocks(x.count(), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) store(out + i, load(in + i));
      });
    });
  });
}

void CpuBackend::add(const Tensor& a, const Tensor& b, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T *left = a.data<T>(), *right = b.data<T>();
    T* out = y.data<T>();
    for_blocks(y.count(), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) store(out + i, load(left + i) + load(right + i));
    });
  });
}

void CpuBackend::relu(const Tensor& x, Tensor& y) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for_blocks(y.count(), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float value = load(in + i);
        store(out + i, value < 0.0f ? 0.0f : value);  // NaN passes, as torch lets it
      }
    });
  });
}

void CpuBackend::relu_backward(const Tensor& dy, const Tensor& y, Tensor& dx) {
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T *grad = dy.data<T>(), *value = y.data<T>();
    T* out = dx.data<T>();
    for_blocks(y.count(), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) store(out + i, load(value + i) > 0.0f ? load(grad + i) : 0.0f);
    });
  });
}

void CpuBackend::multiply(const Tensor& x, const Tensor& factor, float scale, Tensor& y) {
  const float by = load_scalar(factor) * scale;
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for_blocks(y.count(), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) store(out + i, by * load(in + i));
    });
  });
}

void CpuBackend::spread(const Tensor& value, float scale, Tensor& y) { fill(y, load_scalar(value) * scale); }

void CpuBackend::sum(const Tensor& x, float scale, Tensor& y) {
  const double total = dispatch_float(x.dtype(), [&](auto type) {
    const auto* in = x.data<decltype(type)>();
    return sum_blocks(x.count(), [=](int64_t begin, int64_t end) {
      double part = 0.0;
      for (int64_t i = begin; i < end; ++i) part += load(in + i);
      return part;
    });
  });
  store_scalar(y, total * scale);
}

void CpuBackend::mse(const Tensor& x, const Tensor& target, Tensor& y) {
  const double total = dispatch_float(x.dtype(), [&](auto type) {
    const auto *a = x.data<decltype(type)>(), *b = target.data<decltype(type)>();
    return sum_blocks(x.count(), [=](int64_t begin, int64_t end) {
      double part = 0.0;
      for (int64_t i = begin; i < end; ++i) {
        const double difference = load(a + i) - load(b + i);
        part += difference * difference;
      }
      return part;
    });
  });
  store_scalar(y, total / static_cast<double>(x.count()));
}

void CpuBackend::mse_backward(const Tensor& dy, const Tensor& x, const Tensor& target, Tensor& dx) {
  const float by = load_scalar(dy) * 2.0f / static_cast<float>(x.count());
  dispatch_float(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T *a = x.data<T>(), *b = target.data<T>();
    T* out = dx.data<T>();
    for_blocks(x.count(), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) store(out + i, by * (load(a + i) - load(b + i)));
    });
  });
}

void CpuBackend::dropout(const Tensor& x, float p, const Tensor& draw, Tensor& y) {
  const auto seed = static_cast<uint64_t>(draw.data<int64_t>()[0]);
  const auto subsequence = static_cast<uint64_t>(draw.data<int64_t>()[1]);
  const float scale = 1.0f / (1.0f - p);
  dispatch_float(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for_blocks(y.count(), [=](int64_t begin, int64_t end) {  // blocks begin at multiples of 4
      for (int64_t i = begin; i < end; i += 4) {
        const Philox4 words = philox(seed, subsequence, static_cast<uint64_t>(i / 4));
        const uint32_t word[4] = {words.x, words.y, words.z, words.w};
        for (int64_t k = i; k < std::min(i + 4, end); ++k) {
          store(out + k, unit_float(word[k - i]) >= p ? scale * load(in + k) : 0.0f);
        }
      }
    });
  });
}

bool CpuBackend::all_finite(const Tensor& x) {
  return dispatch_float(x.dtype(), [&](auto type) {
    const auto* in = x.data<decltype(type)>();
    return sum_blocks(x.count(), [=](int64_t begin, int64_t end) {
             int64_t bad = 0;
             for (int64_t i = begin; i < end; ++i) bad += !std::isfinite(load(in + i));
             return static_cast<double>(bad);
           }) == 0.0;
  });
}

}  // namespace bareseg
