#include "engine/state_dict.h"

#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/backend.h"
#include "engine/file.h"
#include "engine/safetensors.h"
#include "engine/torch_file.h"

namespace bareseg {
namespace {

constexpr std::string_view kWrapperPrefix = "module.";

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  uint64_t header_bytes = 0;
  if (bytes.size() <= sizeof header_bytes) return false;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  return bytes[sizeof header_bytes] == std::byte{'{'} && header_bytes <= bytes.size() - sizeof header_bytes;
}

// y[a, b, c] = x[a, c, b]
template <typename T>
void swap_inner(const T* x, int64_t outer, int64_t rows, int64_t cols, T* y) {
  for (int64_t a = 0; a < outer; ++a) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) y[(a * cols + c) * rows + r] = x[(a * rows + r) * cols + c];
    }
  }
}

Tensor swap_inner(const Tensor& x, const Shape& shape, int64_t rows, int64_t cols) {
  Tensor y = Tensor::empty(shape, x.dtype());
  dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    swap_inner(x.data<T>(), x.dim(0), rows, cols, y.data<T>());
  });
  return y;
}

Shape disk_shape(const StateEntry& entry) {
  const Shape& shape = entry.tensor.shape();
  if (entry.layout == Layout::plain) return shape;
  BS_CHECK(shape.rank() == 4, "weight \"", entry.name, "\": expected [O, K, K, I], got ", shape);
  return {shape.dim(0), shape.dim(3), shape.dim(1), shape.dim(2)};
}

// x with elements of `dtype`; floats are rounded, integers must fit.
Tensor converted(const Tensor& x, DType dtype, const std::string& name) {
  if (x.dtype() == dtype) return x;
  BS_CHECK(is_float(x.dtype()) == is_float(dtype), "tensor \"", name, "\": expected ", dtype, ", got ", x.dtype());
  Tensor y = Tensor::empty(x.shape(), dtype);
  if (is_float(dtype)) {
    dispatch_float(dtype, [&](auto to) {
      dispatch_float(x.dtype(), [&](auto from) {
        const auto* in = x.data<decltype(from)>();
        auto* out = y.data<decltype(to)>();
        for (int64_t i = 0; i < x.count(); ++i) out[i] = decltype(to)(static_cast<float>(in[i]));
      });
    });
    return y;
  }
  const auto convert = [&](auto from, auto to) {
    const auto* in = x.data<decltype(from)>();
    auto* out = y.data<decltype(to)>();
    for (int64_t i = 0; i < x.count(); ++i) {
      BS_CHECK(std::in_range<decltype(to)>(in[i]), "tensor \"", name, "\": the value ", int64_t{in[i]},
               " does not fit into ", dtype);
      out[i] = static_cast<decltype(to)>(in[i]);
    }
  };
  const auto convert_to = [&](auto from) {
    if (dtype == kInt64) return convert(from, int64_t{});
    if (dtype == kInt32) return convert(from, int32_t{});
    convert(from, uint8_t{});
  };
  if (x.dtype() == kInt64) convert_to(int64_t{});
  if (x.dtype() == kInt32) convert_to(int32_t{});
  if (x.dtype() == kUInt8) convert_to(uint8_t{});
  return y;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

void copy_values(const Tensor& host, Tensor target) {
  if (target.device() == Device{}) {
    if (host.bytes() > 0) std::memmove(target.raw(), host.raw(), static_cast<size_t>(host.bytes()));
  } else {
    backend(target.device()).copy_from_host(host.raw(), target);
  }
  target.elements_changed();
}

}  // namespace

void strip_wrapper_prefix(NamedTensors& tensors) {
  for (const NamedTensor& entry : tensors) {
    if (!entry.name.starts_with(kWrapperPrefix)) return;
  }
  for (NamedTensor& entry : tensors) entry.name.erase(0, kWrapperPrefix.size());
}

NamedTensors read_weights(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  NamedTensors tensors;
  if (looks_like_safetensors(bytes)) {
    tensors = parse_safetensors(bytes, path.string()).tensors;
  } else if (looks_like_torch_file(bytes)) {
    tensors = find_state_dict(parse_torch_file(bytes, path.string()));
  } else {
    fail_at(__FILE__, __LINE__, path.string(), ": expected weights as safetensors or a PyTorch file, got neither");
  }
  strip_wrapper_prefix(tensors);
  return tensors;
}

LoadReport load_into(const StateDict& target, const NamedTensors& source, bool strict) {
  std::unordered_map<std::string_view, const Tensor*> values;
  for (const NamedTensor& entry : source) {
    BS_CHECK(values.emplace(entry.name, &entry.tensor).second, "the name \"", entry.name, "\" occurs twice");
  }
  LoadReport report;
  std::unordered_set<std::string_view> wanted;
  for (const StateEntry& entry : target) {
    BS_CHECK(wanted.insert(entry.name).second, "the name \"", entry.name, "\" occurs twice");
    if (!values.contains(entry.name)) report.missing.push_back(entry.name);
  }
  for (const NamedTensor& entry : source) {
    if (!wanted.contains(entry.name)) report.unexpected.push_back(entry.name);
  }
  BS_CHECK(!strict || (report.missing.empty() && report.unexpected.empty()),
           "the weights do not belong to this model; missing: ", listed(report.missing),
           "; unexpected: ", listed(report.unexpected));

  // Everything that can fail comes before the first copy.
  std::vector<std::pair<const StateEntry*, Tensor>> copies;
  for (const StateEntry& entry : target) {
    const auto found = values.find(entry.name);
    if (found == values.end()) continue;
    const Tensor& value = *found->second;
    const Shape expected = disk_shape(entry);
    BS_CHECK(value.shape() == expected, "tensor \"", entry.name, "\": expected shape ", expected, ", got ",
             value.shape());
    const Tensor host = converted(value, entry.tensor.dtype(), entry.name);
    copies.emplace_back(&entry, entry.layout == Layout::ohwi ? oihw_to_ohwi(host) : host);
  }
  for (const auto& [entry, value] : copies) copy_values(value, entry->tensor);
  return report;
}

NamedTensors to_disk(const StateDict& state) {
  NamedTensors tensors;
  for (const StateEntry& entry : state) {
    const Tensor host = entry.tensor.to(Device{});
    tensors.push_back({entry.name, entry.layout == Layout::ohwi ? ohwi_to_oihw(host) : host});
  }
  return tensors;
}

Tensor oihw_to_ohwi(const Tensor& x) {
  BS_CHECK(x.rank() == 4, "oihw_to_ohwi: x must be [O, I, H, W], got ", x.shape());
  return swap_inner(x, {x.dim(0), x.dim(2), x.dim(3), x.dim(1)}, x.dim(1), x.dim(2) * x.dim(3));
}

Tensor ohwi_to_oihw(const Tensor& x) {
  BS_CHECK(x.rank() == 4, "ohwi_to_oihw: x must be [O, H, W, I], got ", x.shape());
  return swap_inner(x, {x.dim(0), x.dim(3), x.dim(1), x.dim(2)}, x.dim(1) * x.dim(2), x.dim(3));
}

}  // namespace bareseg
