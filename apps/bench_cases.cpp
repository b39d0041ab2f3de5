#include "apps/bench_cases.h"

#include "engine/random.h"

namespace bareseg {
namespace {

constexpr int64_t kDrawn = 100'003;  // numbers that are drawn; a prime, so that no two rows of a repetition are equal

}  // namespace

Tensor BenchSetup::repeated(const Tensor& few, int64_t rows) const {
  const int64_t size = few.count() / few.dim(0);
  Tensor all = Tensor::empty({rows, size}, few.dtype(), device);
  for (int64_t done = 0; done < rows;) {
    const int64_t more = std::min(done == 0 ? few.dim(0) : done, rows - done);
    const Tensor from = done == 0 ? few.view({few.dim(0), size}) : all;
    Tensor to = all.rows(done, done + more);
    backend(device).copy(from.rows(0, more), to);
    done += more;
  }
  return all;
}

Tensor BenchSetup::normal(const Shape& shape, DType type) const {
  const int64_t drawn = std::min(kDrawn, shape.count());
  const Tensor few = random_normal({drawn}, Random(1, Draws::test), type, device);
  return repeated(few, shape.count()).view(shape);
}

Tensor BenchSetup::labels(int64_t count, int64_t classes, DType type) const {
  std::vector<int32_t> wide(static_cast<size_t>(std::min(count, kDrawn)));
  Random random(1, Draws::test, 1);
  for (int32_t& label : wide) label = static_cast<int32_t>(random.below(static_cast<uint64_t>(classes)));
  const auto drawn = static_cast<int64_t>(wide.size());
  const Tensor few = type == kInt32 ? Tensor::from(wide, {drawn}, device)
                                    : Tensor::from(std::vector<uint8_t>(wide.begin(), wide.end()), {drawn}, device);
  return repeated(few, count).view({count});
}

std::vector<BenchKernel> bench_kernel_list() {
  std::vector<BenchKernel> list;
  add_cluster_cases(list);
  add_augment_cases(list);
  add_layer_cases(list);
  add_pointwise_cases(list);
  return list;
}

}  // namespace bareseg
