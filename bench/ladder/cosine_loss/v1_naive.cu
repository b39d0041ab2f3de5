// Rung 1: what a framework does. One kernel per operation, one thread per element of its result (per row where it
// reduces), and every intermediate result in global memory: unit features, logits, their gradient, the gradient by the
// unit features. Moves six times the bytes that the task needs, and threads that walk along rows share no sector.
#include <algorithm>

#include "bench/ladder/cosine_loss/sums.cuh"

namespace bareseg::cosine_ladder {
namespace {

constexpr int kThreads = 256;

struct Intermediate {
  float* inverse;   // [rows]
  float* unit;      // [rows, kDims]
  float* logits;    // [rows, kColumns]; then their gradient
  float* gradient;  // [rows, kDims], by the unit features
};

__device__ __forceinline__ int64_t global_thread() { return int64_t{blockIdx.x} * kThreads + threadIdx.x; }

__global__ void __launch_bounds__(kThreads) norm_kernel(const LossCase c, const Intermediate m) {
  const int64_t row = global_thread();
  if (row >= c.rows) return;
  float square = 0.0f;
  for (int d = 0; d < kDims; ++d) square += c.features[row * kDims + d] * c.features[row * kDims + d];
  m.inverse[row] = 1.0f / fmaxf(sqrtf(square), kEps);
}

__global__ void __launch_bounds__(kThreads) unit_kernel(const LossCase c, const Intermediate m) {
  const int64_t i = global_thread();
  if (i < c.rows * kDims) m.unit[i] = c.features[i] * m.inverse[i / kDims];
}

__global__ void __launch_bounds__(kThreads) logits_kernel(const LossCase c, const Intermediate m) {
  const int64_t i = global_thread();
  if (i >= c.rows * kColumns) return;
  const float *unit = m.unit + i / kColumns * kDims, *centroid = c.centroids + i % kColumns * kDims;
  float sum = 0.0f;
  for (int d = 0; d < kDims; ++d) sum += unit[d] * centroid[d];
  m.logits[i] = sum;
}

// Block (b, t): rows b, b + blocks, ... of 256 for target t.
__global__ void __launch_bounds__(kThreads)
    entropy_kernel(const LossCase c, const Intermediate m, const double* weights, double* losses) {
  BS_SHARED(double, scratch, kWarp);
  const int target = static_cast<int>(blockIdx.y);
  const float scale = scale_of(weights, target);
  double loss = 0.0;
  for (int64_t row = global_thread(); row < c.rows; row += int64_t{gridDim.x} * kThreads) {
    float* z = m.logits + row * kColumns + target * kClusters;
    const int label = c.labels[target * c.rows + row];
    const float weight = weight_of(c, target, row);
    float highest = z[0], sum = 0.0f;
    for (int k = 1; k < kClusters; ++k) highest = fmaxf(highest, z[k]);
    for (int k = 0; k < kClusters; ++k) sum += expf(z[k] - highest);
    loss += static_cast<double>(weight * (logf(sum) - (z[label] - highest)));
    for (int k = 0; k < kClusters; ++k) {
      z[k] = weight * scale * (expf(z[k] - highest) / sum - (k == label ? 1.0f : 0.0f));
    }
  }
  loss = block_sum(loss, scratch);
  if (threadIdx.x == 0) losses[target * kMaxBlocks + blockIdx.x] = loss;
}

__global__ void __launch_bounds__(kThreads) gradient_kernel(const LossCase c, const Intermediate m) {
  const int64_t i = global_thread();
  if (i >= c.rows * kDims) return;
  float sum = 0.0f;
  for (int k = 0; k < kColumns; ++k) sum += m.logits[i / kDims * kColumns + k] * c.centroids[k * kDims + i % kDims];
  m.gradient[i] = sum;
}

__global__ void __launch_bounds__(kThreads) pull_back_kernel(const LossCase c, const Intermediate m) {
  const int64_t row = global_thread();
  if (row >= c.rows) return;
  const float *unit = m.unit + row * kDims, *gradient = m.gradient + row * kDims;
  float along = 0.0f;
  for (int d = 0; d < kDims; ++d) along += gradient[d] * unit[d];
  for (int d = 0; d < kDims; ++d) {
    c.dfeatures[row * kDims + d] = (gradient[d] - along * unit[d]) * m.inverse[row];
  }
}

}  // namespace

void v1_naive(Stream stream, const LossCase& c) {
  const Scratch s(c);
  const Intermediate m{.inverse = s.rows,
                       .unit = s.rows + c.rows,
                       .logits = s.rows + c.rows * (1 + kDims),
                       .gradient = s.rows + c.rows * (1 + kDims + kColumns)};
  const int64_t row_blocks = ceil_div(c.rows, kThreads), dim_blocks = ceil_div(c.rows * kDims, kThreads);
  const int64_t loss_blocks = std::min<int64_t>(row_blocks, kMaxBlocks);
  launch(weights_kernel, {dim3(kParts, kTargets), 256}, stream, c, s.weights);
  launch(norm_kernel, {row_blocks, kThreads}, stream, c, m);
  launch(unit_kernel, {dim_blocks, kThreads}, stream, c, m);
  launch(logits_kernel, {ceil_div(c.rows * kColumns, kThreads), kThreads}, stream, c, m);
  launch(entropy_kernel, {dim3(static_cast<unsigned>(loss_blocks), kTargets), kThreads}, stream, c, m, s.weights,
         s.losses);
  launch(gradient_kernel, {dim_blocks, kThreads}, stream, c, m);
  launch(pull_back_kernel, {row_blocks, kThreads}, stream, c, m);
  launch(terms_kernel, {kTargets, kWarp}, stream, s.weights, s.losses, loss_blocks, c.terms);
}

}  // namespace bareseg::cosine_ladder
