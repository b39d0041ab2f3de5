// The functions of oneDNN that dnnl.hpp calls inline, each of them a door to the library, which is opened at the first
// call: the program starts where it is absent. A function that is missing here does not link.
#include "cpu/dnn_library.h"

#include <oneapi/dnnl/dnnl.h>

#include "engine/error.h"
#include "engine/shared_library.h"

namespace bareseg {
namespace {

const SharedLibrary& library() {
  static const SharedLibrary opened({.title = concat("oneDNN ", DNNL_VERSION_MAJOR),
                                     .files = {concat("libdnnl.so.", DNNL_VERSION_MAJOR)},
                                     .folders = {""},
                                     .advice = concat("Install it (package libdnnl", DNNL_VERSION_MAJOR, ").")});
  return opened;
}

template <typename F>
F* entry(const char* name) {
  return library().entry<F>(name);
}

}  // namespace

std::string dnn_library_text() {
  const dnnl_version_t& v = *dnnl_version();
  return concat(v.major, '.', v.minor, '.', v.patch, ", ", library().path().string());
}

}  // namespace bareseg

using bareseg::entry;

extern "C" {

dnnl_status_t dnnl_engine_create(dnnl_engine_t* engine, dnnl_engine_kind_t kind, size_t index) {
  static const auto call = entry<decltype(dnnl_engine_create)>("dnnl_engine_create");
  return call(engine, kind, index);
}

dnnl_status_t dnnl_engine_destroy(dnnl_engine_t engine) {
  static const auto call = entry<decltype(dnnl_engine_destroy)>("dnnl_engine_destroy");
  return call(engine);
}

dnnl_status_t dnnl_stream_create(dnnl_stream_t* stream, dnnl_engine_t engine, unsigned flags) {
  static const auto call = entry<decltype(dnnl_stream_create)>("dnnl_stream_create");
  return call(stream, engine, flags);
}

dnnl_status_t dnnl_stream_destroy(dnnl_stream_t stream) {
  static const auto call = entry<decltype(dnnl_stream_destroy)>("dnnl_stream_destroy");
  return call(stream);
}

dnnl_status_t dnnl_memory_desc_init_by_tag(dnnl_memory_desc_t* memory_desc, int ndims, const dnnl_dims_t dims,
                                           dnnl_data_type_t data_type, dnnl_format_tag_t tag) {
  static const auto call = entry<decltype(dnnl_memory_desc_init_by_tag)>("dnnl_memory_desc_init_by_tag");
  return call(memory_desc, ndims, dims, data_type, tag);
}

size_t dnnl_memory_desc_get_size(const dnnl_memory_desc_t* memory_desc) {
  static const auto call = entry<decltype(dnnl_memory_desc_get_size)>("dnnl_memory_desc_get_size");
  return call(memory_desc);
}

dnnl_status_t dnnl_memory_create(dnnl_memory_t* memory, const dnnl_memory_desc_t* memory_desc, dnnl_engine_t engine,
                                 void* handle) {
  static const auto call = entry<decltype(dnnl_memory_create)>("dnnl_memory_create");
  return call(memory, memory_desc, engine, handle);
}

dnnl_status_t dnnl_memory_destroy(dnnl_memory_t memory) {
  static const auto call = entry<decltype(dnnl_memory_destroy)>("dnnl_memory_destroy");
  return call(memory);
}

dnnl_status_t dnnl_memory_get_engine(const_dnnl_memory_t memory, dnnl_engine_t* engine) {
  static const auto call = entry<decltype(dnnl_memory_get_engine)>("dnnl_memory_get_engine");
  return call(memory, engine);
}

dnnl_status_t dnnl_memory_get_memory_desc(const_dnnl_memory_t memory, const dnnl_memory_desc_t** memory_desc) {
  static const auto call = entry<decltype(dnnl_memory_get_memory_desc)>("dnnl_memory_get_memory_desc");
  return call(memory, memory_desc);
}

dnnl_status_t dnnl_memory_set_data_handle_v2(dnnl_memory_t memory, void* handle, dnnl_stream_t stream) {
  static const auto call = entry<decltype(dnnl_memory_set_data_handle_v2)>("dnnl_memory_set_data_handle_v2");
  return call(memory, handle, stream);
}

dnnl_status_t dnnl_primitive_attr_create(dnnl_primitive_attr_t* attr) {
  static const auto call = entry<decltype(dnnl_primitive_attr_create)>("dnnl_primitive_attr_create");
  return call(attr);
}

dnnl_status_t dnnl_primitive_attr_destroy(dnnl_primitive_attr_t attr) {
  static const auto call = entry<decltype(dnnl_primitive_attr_destroy)>("dnnl_primitive_attr_destroy");
  return call(attr);
}

dnnl_status_t dnnl_primitive_attr_set_post_ops(dnnl_primitive_attr_t attr, const_dnnl_post_ops_t post_ops) {
  static const auto call = entry<decltype(dnnl_primitive_attr_set_post_ops)>("dnnl_primitive_attr_set_post_ops");
  return call(attr, post_ops);
}

dnnl_status_t dnnl_post_ops_create(dnnl_post_ops_t* post_ops) {
  static const auto call = entry<decltype(dnnl_post_ops_create)>("dnnl_post_ops_create");
  return call(post_ops);
}

dnnl_status_t dnnl_post_ops_destroy(dnnl_post_ops_t post_ops) {
  static const auto call = entry<decltype(dnnl_post_ops_destroy)>("dnnl_post_ops_destroy");
  return call(post_ops);
}

dnnl_status_t dnnl_post_ops_append_eltwise(dnnl_post_ops_t post_ops, float scale, dnnl_alg_kind_t alg_kind, float alpha,
                                           float beta) {
  static const auto call = entry<decltype(dnnl_post_ops_append_eltwise)>("dnnl_post_ops_append_eltwise");
  return call(post_ops, scale, alg_kind, alpha, beta);
}

dnnl_status_t dnnl_post_ops_append_sum(dnnl_post_ops_t post_ops, float scale) {
  static const auto call = entry<decltype(dnnl_post_ops_append_sum)>("dnnl_post_ops_append_sum");
  return call(post_ops, scale);
}

dnnl_status_t dnnl_post_ops_append_sum_v2(dnnl_post_ops_t post_ops, float scale, dnnl_data_type_t data_type) {
  static const auto call = entry<decltype(dnnl_post_ops_append_sum_v2)>("dnnl_post_ops_append_sum_v2");
  return call(post_ops, scale, data_type);
}

dnnl_status_t dnnl_primitive_desc_iterator_create(dnnl_primitive_desc_iterator_t* iterator,
                                                  const_dnnl_op_desc_t op_desc, const_dnnl_primitive_attr_t attr,
                                                  dnnl_engine_t engine,
                                                  const_dnnl_primitive_desc_t hint_forward_primitive_desc) {
  static const auto call = entry<decltype(dnnl_primitive_desc_iterator_create)>("dnnl_primitive_desc_iterator_create");
  return call(iterator, op_desc, attr, engine, hint_forward_primitive_desc);
}

dnnl_primitive_desc_t dnnl_primitive_desc_iterator_fetch(const_dnnl_primitive_desc_iterator_t iterator) {
  static const auto call = entry<decltype(dnnl_primitive_desc_iterator_fetch)>("dnnl_primitive_desc_iterator_fetch");
  return call(iterator);
}

dnnl_status_t dnnl_primitive_desc_iterator_destroy(dnnl_primitive_desc_iterator_t iterator) {
  static const auto call =
      entry<decltype(dnnl_primitive_desc_iterator_destroy)>("dnnl_primitive_desc_iterator_destroy");
  return call(iterator);
}

const dnnl_memory_desc_t* dnnl_primitive_desc_query_md(const_dnnl_primitive_desc_t primitive_desc, dnnl_query_t what,
                                                       int index) {
  static const auto call = entry<decltype(dnnl_primitive_desc_query_md)>("dnnl_primitive_desc_query_md");
  return call(primitive_desc, what, index);
}

dnnl_status_t dnnl_primitive_desc_destroy(dnnl_primitive_desc_t primitive_desc) {
  static const auto call = entry<decltype(dnnl_primitive_desc_destroy)>("dnnl_primitive_desc_destroy");
  return call(primitive_desc);
}

dnnl_status_t dnnl_primitive_create(dnnl_primitive_t* primitive, const_dnnl_primitive_desc_t primitive_desc) {
  static const auto call = entry<decltype(dnnl_primitive_create)>("dnnl_primitive_create");
  return call(primitive, primitive_desc);
}

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int nargs,
                                     const dnnl_exec_arg_t* args) {
  static const auto call = entry<decltype(dnnl_primitive_execute)>("dnnl_primitive_execute");
  return call(primitive, stream, nargs, args);
}

dnnl_status_t dnnl_primitive_destroy(dnnl_primitive_t primitive) {
  static const auto call = entry<decltype(dnnl_primitive_destroy)>("dnnl_primitive_destroy");
  return call(primitive);
}

dnnl_status_t dnnl_reorder_primitive_desc_create(dnnl_primitive_desc_t* reorder_primitive_desc,
                                                 const dnnl_memory_desc_t* src_desc, dnnl_engine_t src_engine,
                                                 const dnnl_memory_desc_t* dst_desc, dnnl_engine_t dst_engine,
                                                 const_dnnl_primitive_attr_t attr) {
  static const auto call = entry<decltype(dnnl_reorder_primitive_desc_create)>("dnnl_reorder_primitive_desc_create");
  return call(reorder_primitive_desc, src_desc, src_engine, dst_desc, dst_engine, attr);
}

dnnl_status_t dnnl_dilated_convolution_forward_desc_init(dnnl_convolution_desc_t* conv_desc, dnnl_prop_kind_t prop_kind,
                                                         dnnl_alg_kind_t alg_kind, const dnnl_memory_desc_t* src_desc,
                                                         const dnnl_memory_desc_t* weights_desc,
                                                         const dnnl_memory_desc_t* bias_desc,
                                                         const dnnl_memory_desc_t* dst_desc, const dnnl_dims_t strides,
                                                         const dnnl_dims_t dilates, const dnnl_dims_t padding_l,
                                                         const dnnl_dims_t padding_r) {
  static const auto call =
      entry<decltype(dnnl_dilated_convolution_forward_desc_init)>("dnnl_dilated_convolution_forward_desc_init");
  return call(conv_desc, prop_kind, alg_kind, src_desc, weights_desc, bias_desc, dst_desc, strides, dilates, padding_l,
              padding_r);
}

dnnl_status_t dnnl_dilated_convolution_backward_data_desc_init(
    dnnl_convolution_desc_t* conv_desc, dnnl_alg_kind_t alg_kind, const dnnl_memory_desc_t* diff_src_desc,
    const dnnl_memory_desc_t* weights_desc, const dnnl_memory_desc_t* diff_dst_desc, const dnnl_dims_t strides,
    const dnnl_dims_t dilates, const dnnl_dims_t padding_l, const dnnl_dims_t padding_r) {
  static const auto call = entry<decltype(dnnl_dilated_convolution_backward_data_desc_init)>(
      "dnnl_dilated_convolution_backward_data_desc_init");
  return call(conv_desc, alg_kind, diff_src_desc, weights_desc, diff_dst_desc, strides, dilates, padding_l, padding_r);
}

dnnl_status_t dnnl_dilated_convolution_backward_weights_desc_init(
    dnnl_convolution_desc_t* conv_desc, dnnl_alg_kind_t alg_kind, const dnnl_memory_desc_t* src_desc,
    const dnnl_memory_desc_t* diff_weights_desc, const dnnl_memory_desc_t* diff_bias_desc,
    const dnnl_memory_desc_t* diff_dst_desc, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r) {
  static const auto call = entry<decltype(dnnl_dilated_convolution_backward_weights_desc_init)>(
      "dnnl_dilated_convolution_backward_weights_desc_init");
  return call(conv_desc, alg_kind, src_desc, diff_weights_desc, diff_bias_desc, diff_dst_desc, strides, dilates,
              padding_l, padding_r);
}

dnnl_status_t dnnl_matmul_desc_init(dnnl_matmul_desc_t* matmul_desc, const dnnl_memory_desc_t* src_desc,
                                    const dnnl_memory_desc_t* weights_desc, const dnnl_memory_desc_t* bias_desc,
                                    const dnnl_memory_desc_t* dst_desc) {
  static const auto call = entry<decltype(dnnl_matmul_desc_init)>("dnnl_matmul_desc_init");
  return call(matmul_desc, src_desc, weights_desc, bias_desc, dst_desc);
}

dnnl_cpu_isa_t dnnl_get_effective_cpu_isa() {
  static const auto call = entry<decltype(dnnl_get_effective_cpu_isa)>("dnnl_get_effective_cpu_isa");
  return call();
}

const dnnl_version_t* dnnl_version() {
  static const auto call = entry<decltype(dnnl_version)>("dnnl_version");
  return call();
}

}  // extern "C"
