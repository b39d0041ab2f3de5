// oneDNN's state: the engine, and primitives made once for each shape.
#pragma once

#include <array>
#include <map>
#include <memory>

#include <oneapi/dnnl/dnnl.hpp>

#include "cpu/cpu_backend.h"

namespace bareseg {

/// One convolution primitive. The activations are plain NHWC; the weights have the layout that oneDNN likes best, into
/// or from which `reorder` brings ours, [O, K, K, I / groups].
struct DnnConv {
  dnnl::primitive primitive;
  dnnl::reorder reorder;
  dnnl::memory x, w, packed_w, bias, y;  // handles are set before each run, packed_w's by Dnn::conv()
};

struct DnnMatmul {
  dnnl::matmul primitive;
  dnnl::memory a, b, bias, y;
};

struct CpuBackend::Dnn {
  enum class Pass : int64_t { forward, backward_data, backward_weight };
  /// What follows in a forward pass.
  struct After {
    bool bias = false, residual = false, relu = false;
  };
  using Key = std::array<int64_t, 18>;

  Dnn();
  /// The primitive of one pass, made on first use. Shapes are NHWC, weights' [O, K, K, I / groups]. Its packed_w lies
  /// in memory that all primitives share, since each run packs anew.
  DnnConv& conv(Pass pass, const Shape& x, const Shape& w, const Shape& y, const After& after, const ConvOptions& o,
                DType dtype);
  DnnMatmul& matmul(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, bool bias, DType dtype);
  /// True when oneDNN computes in `dtype` on this processor; bfloat16 needs AVX-512. Elsewhere callers convert.
  bool computes(DType dtype) const { return dtype == kFloat32 || bf16_; }

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};

 private:
  DnnConv& with_memory(DnnConv& conv);

  bool bf16_;
  Tensor packed_;
  std::map<Key, DnnConv> convs_;
  std::map<Key, DnnMatmul> matmuls_;
};

}  // namespace bareseg
