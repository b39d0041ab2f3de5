#include "apps/bench_cases.h"

namespace bareseg {
namespace {

// Arguments of batch norm over a map after which `relu` and, where asked, a residual follow.
struct NormArguments {
  Tensor x, residual, weight, bias;
  Tensor running_mean, running_var, mean, inv_std, y;
};

NormArguments norm_arguments(const BenchSetup& s, bool residual) {
  // The first of ResNet's, and those of its first stage, the largest after it.
  const int64_t side = residual ? 80 : 160, channels = 64;
  const auto channel = [&](double value) { return Tensor::full({channels}, value, kFloat32, s.device); };
  NormArguments a;
  a.x = s.normal({s.batch, side, side, channels});
  if (residual) a.residual = s.normal(a.x.shape());
  a.weight = channel(1.0);
  a.bias = channel(0.0);
  a.running_mean = channel(0.0);
  a.running_var = channel(1.0);
  a.mean = channel(0.0);
  a.inv_std = channel(1.0);
  a.y = s.normal(a.x.shape());
  return a;
}

void add_norm(std::vector<BenchKernel>& list, bool residual) {
  const std::string more = residual ? "/add_relu" : "/relu";
  const BatchNormOptions train{.relu = true}, eval{.training = false, .relu = true};
  list.push_back({"batch_norm_train" + more, kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    NormArguments a = norm_arguments(s, residual);
                    return {concat(a.x.shape()), (residual ? 4 : 3) * a.x.bytes(), 0.0, [=]() mutable {
                              s.on().batch_norm_train(a.x, a.weight, a.bias, a.residual, train, a.running_mean,
                                                      a.running_var, a.mean, a.inv_std, a.y);
                            }};
                  }});
  list.push_back({"batch_norm_eval" + more, kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    NormArguments a = norm_arguments(s, residual);
                    return {concat(a.x.shape()), (residual ? 3 : 2) * a.x.bytes(), 0.0, [=]() mutable {
                              s.on().batch_norm_eval(a.x, a.weight, a.bias, a.residual, eval, a.running_mean,
                                                     a.running_var, a.y);
                            }};
                  }});
  list.push_back({"batch_norm_backward" + more, kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    const NormArguments a = norm_arguments(s, residual);
                    const Tensor dy = s.normal(a.x.shape());
                    Tensor dx = s.empty(dy.shape()), dresidual = residual ? s.empty(dy.shape()) : Tensor();
                    Tensor dweight = s.empty({64}, kFloat32), dbias = s.empty({64}, kFloat32);
                    // Sums read dy, x and y. The gradient reads x and either what the sums wrote for the residual or
                    // dy and y again.
                    return {concat(a.x.shape()), 7 * dy.bytes(), 0.0, [=]() mutable {
                              s.on().batch_norm_backward(dy, a.x, a.y, a.weight, a.mean, a.inv_std, train, dx, dweight,
                                                         dbias, dresidual);
                            }};
                  }});
}

// The largest convolution of a ResNet-18.
void add_fold(std::vector<BenchKernel>& list) {
  list.push_back(
      {"fold_batch_norm", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
         const Tensor w = s.normal({512, 3, 3, 512}, kFloat32), one = Tensor::full({512}, 1.0, kFloat32, s.device);
         Tensor folded = s.empty(w.shape()), offset = s.empty({512}, kFloat32);
         return {concat(w.shape()), w.bytes() + folded.bytes(), 0.0,
                 [=]() mutable { s.on().fold_batch_norm(w, one, one, one, one, 1e-5f, folded, offset); }};
       }});
}

// The first convolution, forward and its weights' gradient, of images of three channels and of four.
void add_stem(std::vector<BenchKernel>& list) {
  constexpr ConvOptions kStem{.stride = 2, .padding = 3};
  for (const int64_t channels : {3, 4}) {
    list.push_back({concat("stem/", channels), kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                      const Tensor x = s.normal({s.batch, 320, 320, channels}), w = s.normal({64, 7, 7, channels});
                      const Tensor dy = s.normal({s.batch, 160, 160, 64});
                      Tensor y = s.empty(dy.shape()), dw = s.empty(w.shape(), kFloat32);
                      const double products = 7.0 * 7.0 * 3.0 * static_cast<double>(y.count());
                      return {concat(x.shape()), 2 * x.bytes() + y.bytes() + dy.bytes(), 2.0 * 2.0 * products,
                              [=]() mutable {
                                s.on().conv2d(x, w, {}, kStem, y);
                                s.on().conv2d_backward_weight(dy, x, kStem, dw);
                              }};
                    }});
  }
}

void add_pool(std::vector<BenchKernel>& list) {
  constexpr PoolOptions kPool{.kernel = 3, .stride = 2, .padding = 1};
  list.push_back({"max_pool", kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    const Tensor x = s.normal({s.batch, 160, 160, 64});
                    Tensor y = s.empty({s.batch, 80, 80, 64}), place = s.empty(y.shape(), kUInt8);
                    return {concat(x.shape()), x.bytes() + y.bytes() + place.bytes(), 0.0,
                            [=]() mutable { s.on().max_pool(x, kPool, y, place); }};
                  }});
  list.push_back({"max_pool_backward", kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    const Tensor dy = s.normal({s.batch, 80, 80, 64});
                    Tensor dx = s.normal({s.batch, 160, 160, 64}), y = s.empty(dy.shape());
                    Tensor place = s.empty(dy.shape(), kUInt8);
                    s.on().max_pool(dx, kPool, y, place);
                    return {concat(dx.shape()), dx.bytes() + dy.bytes() + place.bytes(), 0.0,
                            [=]() mutable { s.on().max_pool_backward(dy, place, kPool, dx); }};
                  }});
}

void add_channels(std::vector<BenchKernel>& list) {
  // Half of the channels of a U-Net's first stage up.
  list.push_back(
      {"copy_channels", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
         const Tensor x = s.normal({s.batch, 160, 160, 64});
         Tensor y = s.empty({s.batch, 160, 160, 128});
         return {concat(x.shape()), 2 * x.bytes(), 0.0, [=]() mutable { s.on().copy_channels(x, 0, 64, y, 64); }};
       }});
}

void add_resize(std::vector<BenchKernel>& list) {
  // The decoder's last step up.
  list.push_back({"resize_bilinear/add", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor x = s.normal({s.batch, 40, 40, kBenchDims});
                    const Tensor addend = s.normal({s.batch, 80, 80, kBenchDims});
                    Tensor y = s.empty(addend.shape());
                    return {concat(y.shape()), x.bytes() + 2 * y.bytes(), 0.0,
                            [=]() mutable { s.on().resize_bilinear(x, addend, y); }};
                  }});
  list.push_back({"resize_bilinear_backward", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor dy = s.normal({s.batch, 80, 80, kBenchDims});
                    Tensor dx = s.empty({s.batch, 40, 40, kBenchDims});
                    return {concat(dy.shape()), dx.bytes() + dy.bytes(), 0.0,
                            [=]() mutable { s.on().resize_bilinear_backward(dy, dx); }};
                  }});
}

// Of every map the middle three quarters of either side, every other one mirrored.
Tensor middle_windows(const BenchSetup& s) {
  std::vector<int32_t> windows;
  for (int32_t i = 0; i < s.batch; ++i) windows.insert(windows.end(), {10, 10, 60, 60, i % 2, 0});
  return Tensor::from(windows, {s.batch, 6}, s.device);
}

void add_crop(std::vector<BenchKernel>& list) {
  constexpr int64_t kUsed = 60 * 60, kAll = 80 * 80;
  list.push_back({"crop_resize_flip", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor x = s.normal({s.batch, 80, 80, kBenchDims}), windows = middle_windows(s);
                    Tensor y = s.empty(x.shape());
                    return {concat(y.shape()), y.bytes() + x.bytes() / kAll * kUsed, 0.0,
                            [=]() mutable { s.on().crop_resize_flip(x, windows, y); }};
                  }});
  list.push_back({"crop_resize_flip_backward", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor dy = s.normal({s.batch, 80, 80, kBenchDims}), windows = middle_windows(s);
                    Tensor dx = s.empty(dy.shape());
                    return {concat(dy.shape()), 2 * dy.bytes(), 0.0,
                            [=]() mutable { s.on().crop_resize_flip_backward(dy, windows, dx); }};
                  }});
}

}  // namespace

void add_layer_cases(std::vector<BenchKernel>& list) {
  for (const bool residual : {false, true}) add_norm(list, residual);
  add_fold(list);
  add_stem(list);
  add_pool(list);
  add_channels(list);
  add_resize(list);
  add_crop(list);
}

}  // namespace bareseg
