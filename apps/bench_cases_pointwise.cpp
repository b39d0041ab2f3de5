#include "apps/bench_cases.h"
#include "layers/fpn.h"

namespace bareseg {
namespace {

// Two maps of features (b undefined where one is read), a number, and the result.
struct Maps {
  Tensor a, b, one, draw;
  mutable Tensor y;
  Backend& on() const { return backend(y.device()); }
};
enum class Result { map, other_type, channels, number };

Tensor result_of(const BenchSetup& s, const Shape& shape, Result result) {
  switch (result) {
    case Result::map:
      return s.empty(shape);
    case Result::other_type:
      return s.empty(shape, s.dtype == kFloat32 ? kBFloat16 : kFloat32);
    case Result::channels:
      return s.empty({shape.dim(-1)}, kFloat32);
    default:
      return s.empty({1});
  }
}

void add_map(std::vector<BenchKernel>& list, const char* name, int inputs, Result result, void (*call)(const Maps&)) {
  list.push_back({name, kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    const Shape shape = {s.pixels(), kBenchDims};
                    Maps m{.a = {},
                           .b = {},
                           .one = s.normal({1}),
                           .draw = Tensor::from<int64_t>({1, 2}, {2}, s.device),
                           .y = result_of(s, shape, result)};
                    if (inputs > 0) m.a = s.normal(shape);
                    if (inputs > 1) m.b = s.normal(shape);
                    const int64_t read = inputs > 0 ? inputs * m.a.bytes() : 0;
                    return {concat(shape), read + m.y.bytes(), 0.0, [=] { call(m); }};
                  }});
}

void add_maps(std::vector<BenchKernel>& list) {
  const auto map = [&](const char* name, int inputs, Result result, void (*call)(const Maps&)) {
    add_map(list, name, inputs, result, call);
  };
  map("fill", 0, Result::map, [](const Maps& m) { m.on().fill(m.y, 1.0); });
  map("cast", 1, Result::other_type, [](const Maps& m) { m.on().cast(m.a, m.y); });
  map("add", 2, Result::map, [](const Maps& m) { m.on().add(m.a, m.b, m.y); });
  map("relu", 1, Result::map, [](const Maps& m) { m.on().relu(m.a, m.y); });
  map("relu_backward", 2, Result::map, [](const Maps& m) { m.on().relu_backward(m.a, m.b, m.y); });
  map("multiply", 1, Result::map, [](const Maps& m) { m.on().multiply(m.a, m.one, 0.5f, m.y); });
  map("spread", 0, Result::map, [](const Maps& m) { m.on().spread(m.one, 0.5f, m.y); });
  map("dropout", 1, Result::map, [](const Maps& m) { m.on().dropout(m.a, 0.5f, m.draw, m.y); });
  map("sum", 1, Result::number, [](const Maps& m) { m.on().sum(m.a, 1.0f, m.y); });
  map("sum_rows", 1, Result::channels, [](const Maps& m) { m.on().sum_rows(m.a, m.y); });
  map("mse", 2, Result::number, [](const Maps& m) { m.on().mse(m.a, m.b, m.y); });
  map("mse_backward", 2, Result::map, [](const Maps& m) { m.on().mse_backward(m.one, m.a, m.b, m.y); });
  map("all_finite", 1, Result::number, [](const Maps& m) { m.on().all_finite(m.a); });
}

void add_rows(std::vector<BenchKernel>& list) {
  list.push_back({"l2_normalize", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor x = s.normal({s.pixels(), kBenchDims});
                    Tensor y = s.empty(x.shape()), inv_norm = s.empty({s.pixels()}, kFloat32);
                    return {concat(x.shape()), 2 * x.bytes() + inv_norm.bytes(), 0.0,
                            [=]() mutable { s.on().l2_normalize(x, y, inv_norm, 1e-12f); }};
                  }});
  list.push_back({"l2_normalize_backward", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor dy = s.normal({s.pixels(), kBenchDims}), y = s.normal(dy.shape());
                    const Tensor inv_norm = s.normal({s.pixels()}, kFloat32);
                    Tensor dx = s.empty(dy.shape());
                    return {concat(y.shape()), 3 * y.bytes() + inv_norm.bytes(), 0.0,
                            [=]() mutable { s.on().l2_normalize_backward(dy, y, inv_norm, 1e-12f, dx); }};
                  }});
  list.push_back({"log_softmax", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor x = s.normal({s.pixels(), kBenchClasses});
                    Tensor y = s.empty(x.shape());
                    return {concat(x.shape()), 2 * x.bytes(), 0.0, [=]() mutable { s.on().log_softmax(x, y); }};
                  }});
  list.push_back(
      {"log_softmax_backward", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
         const Tensor dy = s.normal({s.pixels(), kBenchClasses}), y = s.normal(dy.shape());
         Tensor dx = s.empty(dy.shape());
         return {concat(y.shape()), 3 * y.bytes(), 0.0, [=]() mutable { s.on().log_softmax_backward(dy, y, dx); }};
       }});
  // Label maps of a batch, out of those of a data set and back.
  for (const bool gather : {true, false}) {
    list.push_back({gather ? "gather_rows" : "scatter_rows", {kFloat32}, [=](const BenchSetup& s) -> BenchCase {
                      const int64_t images = 16 * s.batch, side = 80 * 80;
                      Tensor all = s.labels(images * side, kBenchClasses, kUInt8).view({images, side});
                      Tensor some = s.labels(s.batch * side, kBenchClasses, kUInt8).view({s.batch, side});
                      std::vector<int64_t> rows;
                      for (int64_t i = 0; i < s.batch; ++i) rows.push_back((16 * i + 7) % images);
                      return {concat(some.shape()), 2 * some.bytes(), 0.0, [=]() mutable {
                                gather ? s.on().gather_rows(all, rows, some) : s.on().scatter_rows(some, rows, all);
                              }};
                    }});
  }
}

// A step over the parameters of a ResNet-50-FPN, with bfloat16 gradients also of the bfloat16 weights.
BenchCase optimizer_case(const BenchSetup& s, bool adam) {
  const ResNetFpn network({.depth = 50}, {.device = s.device});
  std::vector<OptimSlot> slots;
  int64_t count = 0;
  for (const Tensor& p : network.parameters()) {
    const auto zeros = [&] { return Tensor::zeros(p.shape(), kFloat32, s.device); };
    slots.push_back({.param = p.detach(), .grad = s.normal(p.shape()), .m = zeros(), .v = {}});
    if (adam) slots.back().v = zeros();
    if (s.dtype == kBFloat16) slots.back().narrow = s.empty(p.shape());
    count += p.count();
  }
  const int64_t states = adam ? 2 : 1, copies = s.dtype == kBFloat16 ? 1 : 0;
  const int64_t bytes = count * ((2 + 2 * states) * 4 + (1 + copies) * size_of(s.dtype));
  const Tensor step = adam ? optim_numbers(adam_factors({.lr = 1e-4f, .step = 1}), s.device)
                           : optim_numbers(SgdStep{.lr = 1e-4f, .momentum = 0.9f}, s.device);
  return {concat(count, " in ", slots.size()), bytes, 0.0,
          [=] { adam ? s.on().adam(slots, step) : s.on().sgd(slots, step); }};
}

}  // namespace

void add_pointwise_cases(std::vector<BenchKernel>& list) {
  add_maps(list);
  add_rows(list);
  list.push_back({"sgd", kBenchFloats, [](const BenchSetup& s) { return optimizer_case(s, false); }});
  list.push_back({"adam", kBenchFloats, [](const BenchSetup& s) { return optimizer_case(s, true); }});
}

}  // namespace bareseg
