#include "cpu/dnn.h"

#include <omp.h>

namespace bareseg {
namespace {

using Memory = dnnl::memory;
using Tag = Memory::format_tag;

Memory::data_type type_of(DType dtype) { return dtype == kFloat32 ? Memory::data_type::f32 : Memory::data_type::bf16; }

// oneDNN names dimensions N, C, H, W whatever the memory order.
Memory::desc activations(const Shape& s, DType dtype) {
  return {{s.dim(0), s.dim(3), s.dim(1), s.dim(2)}, type_of(dtype), Tag::nhwc};
}

Memory::desc weights(const Shape& w, int64_t groups, DType dtype, bool ours) {
  const int64_t o = w.dim(0), kh = w.dim(1), kw = w.dim(2), i = w.dim(3);
  if (groups == 1) return {{o, i, kh, kw}, type_of(dtype), ours ? Tag::ohwi : Tag::any};
  return {{groups, o / groups, i, kh, kw}, type_of(dtype), ours ? Tag::gohwi : Tag::any};
}

struct ConvDescs {
  Memory::desc x, w, bias, y;
  Memory::dims strides, dilation, padding;
  dnnl::primitive_attr after;
};

dnnl::primitive_attr attributes(const CpuBackend::Dnn::After& after) {
  dnnl::post_ops ops;
  if (after.residual) ops.append_sum();
  if (after.relu) ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  return attributes;
}

ConvDescs describe(const Shape& x, const Shape& w, const Shape& y, const CpuBackend::Dnn::After& after,
                   const ConvOptions& o, DType dtype) {
  return {activations(x, dtype),
          weights(w, o.groups, dtype, false),
          after.bias ? Memory::desc({w.dim(0)}, Memory::data_type::f32, Tag::x) : Memory::desc(),
          activations(y, dtype),
          {o.stride, o.stride},
          {o.dilation - 1, o.dilation - 1},
          {o.padding, o.padding},
          attributes(after)};
}

dnnl::convolution_forward::primitive_desc forward_desc(const ConvDescs& d, const dnnl::engine& engine) {
  return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, d.x, d.w, d.bias, d.y, d.strides,
           d.dilation, d.padding, d.padding},
          d.after,
          engine};
}

// A handle without memory of its own; the buffer is set before each run.
Memory handle(const Memory::desc& desc, const dnnl::engine& engine) { return {desc, engine, nullptr}; }

DnnConv make_conv(CpuBackend::Dnn::Pass pass, const ConvDescs& d, const Memory::desc& ours,
                  const dnnl::engine& engine) {
  const auto forward = forward_desc(d, engine);
  DnnConv conv;
  conv.x = handle(d.x, engine);
  conv.y = handle(d.y, engine);
  conv.w = handle(ours, engine);
  if (d.bias) conv.bias = handle(d.bias, engine);
  switch (pass) {
    case CpuBackend::Dnn::Pass::forward:
      conv.primitive = dnnl::convolution_forward(forward);
      conv.packed_w = handle(forward.weights_desc(), engine);
      break;
    case CpuBackend::Dnn::Pass::backward_data: {
      const dnnl::convolution_backward_data::primitive_desc desc(
          {dnnl::algorithm::convolution_direct, d.x, d.w, d.y, d.strides, d.dilation, d.padding, d.padding}, engine,
          forward);
      conv.primitive = dnnl::convolution_backward_data(desc);
      conv.packed_w = handle(desc.weights_desc(), engine);
      break;
    }
    case CpuBackend::Dnn::Pass::backward_weight: {
      Memory::desc w = d.w;
      w.data.data_type = dnnl_f32;  // gradients of float32 master weights are float32
      const dnnl::convolution_backward_weights::primitive_desc desc(
          {dnnl::algorithm::convolution_direct, d.x, w, d.y, d.strides, d.dilation, d.padding, d.padding}, engine,
          forward);
      conv.primitive = dnnl::convolution_backward_weights(desc);
      conv.packed_w = handle(desc.diff_weights_desc(), engine);
      conv.reorder = dnnl::reorder(conv.packed_w, conv.w);
      return conv;
    }
  }
  conv.reorder = dnnl::reorder(conv.w, conv.packed_w);
  return conv;
}

CpuBackend::Dnn::Key key_of(std::initializer_list<int64_t> numbers) {
  CpuBackend::Dnn::Key key{};
  std::copy(numbers.begin(), numbers.end(), key.begin());
  key.back() = omp_get_max_threads();  // a primitive plans for the thread count it was made under
  return key;
}

}  // namespace

CpuBackend::Dnn::Dnn()
    : bf16_(static_cast<int>(dnnl::get_effective_cpu_isa()) >= static_cast<int>(dnnl::cpu_isa::avx512_core)) {}

DnnConv& CpuBackend::Dnn::conv(Pass pass, const Shape& x, const Shape& w, const Shape& y, const After& after,
                               const ConvOptions& o, DType dtype) {
  const Key key = key_of({static_cast<int64_t>(pass), x.dim(0), x.dim(1), x.dim(2), x.dim(3), w.dim(0), w.dim(1),
                          w.dim(2), o.stride, o.padding, o.dilation, o.groups, after.bias, static_cast<int64_t>(dtype),
                          after.residual, after.relu});
  const auto found = convs_.find(key);
  if (found != convs_.end()) return with_memory(found->second);
  try {
    const DType ours = pass == Pass::backward_weight ? kFloat32 : dtype;
    DnnConv conv = make_conv(pass, describe(x, w, y, after, o, dtype), weights(w, o.groups, ours, true), engine);
    return with_memory(convs_.emplace(key, std::move(conv)).first->second);
  } catch (const dnnl::error& error) {
    fail_at(__FILE__, __LINE__, "conv2d: oneDNN refuses ", dtype, " x ", x, " with w ", w, ": ", error.what());
  }
}

DnnConv& CpuBackend::Dnn::with_memory(DnnConv& conv) {
  const auto bytes = static_cast<int64_t>(conv.packed_w.get_desc().get_size());
  if (!packed_.defined() || packed_.count() < bytes) packed_ = Tensor::empty({bytes}, kUInt8);
  conv.packed_w.set_data_handle(packed_.raw());
  return conv;
}

DnnMatmul& CpuBackend::Dnn::matmul(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, bool bias,
                                   DType dtype) {
  const Key key = key_of({m, n, k, transpose_a, transpose_b, bias, static_cast<int64_t>(dtype)});
  const auto found = matmuls_.find(key);
  if (found != matmuls_.end()) return found->second;
  const Memory::desc a({m, k}, type_of(dtype), transpose_a ? Tag::ba : Tag::ab);
  const Memory::desc b({k, n}, type_of(dtype), transpose_b ? Tag::ba : Tag::ab);
  const Memory::desc y({m, n}, type_of(dtype), Tag::ab);
  const Memory::desc offset = bias ? Memory::desc({1, n}, type_of(kFloat32), Tag::ab) : Memory::desc();
  try {
    DnnMatmul made{dnnl::matmul(bias ? dnnl::matmul::primitive_desc({a, b, offset, y}, engine)
                                     : dnnl::matmul::primitive_desc({a, b, y}, engine)),
                   handle(a, engine), handle(b, engine), bias ? handle(offset, engine) : Memory(), handle(y, engine)};
    return matmuls_.emplace(key, std::move(made)).first->second;
  } catch (const dnnl::error& error) {
    fail_at(__FILE__, __LINE__, "matmul: oneDNN refuses ", dtype, " [", m, ", ", k, "] x [", k, ", ", n,
            "]: ", error.what());
  }
}

}  // namespace bareseg
