// Sums before and after the fused loss (cosine_loss.cu, cosine_loss_mma.cu). Weights depend on labels alone; a block
// adds up 4096 of them, a thread 16, all on the way at once. Bound by the launch: labels are 1 byte where features are
// 256.
#include "cuda/kernels/cosine_loss_parts.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256, kWeightsOfThread = 16;

struct Labels {
  LabelledRows of[kMaxCosineTargets];
};

// Block (p, t): part p of the sum of target t's weights.
__global__ void __launch_bounds__(kThreads) weights_kernel(const Labels labels, int64_t rows, double* weights) {
  BS_SHARED(double, scratch, kWarp);
  const LabelledRows own = labels.of[blockIdx.y];
  const int64_t first = int64_t{blockIdx.x} * (kThreads * kWeightsOfThread) + threadIdx.x;
  double sum = 0.0;
#pragma unroll
  for (int i = 0; i < kWeightsOfThread; ++i) {
    const int64_t row = first + i * kThreads;
    if (row < rows) sum += static_cast<double>(own.weight(row));
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) weights[int64_t{blockIdx.y} * gridDim.x + blockIdx.x] = sum;
}

// A warp per target.
__global__ void __launch_bounds__(kWarp)
    terms_kernel(const double* weights, int64_t parts, const double* losses, int64_t blocks, float* terms) {
  const int64_t t = blockIdx.x;
  const double weight = sum_parts(weights + t * parts, parts), loss = sum_parts(losses + t * blocks, blocks);
  if (lane_in_warp() == 0) terms[t] = weight == 0.0 ? 0.0f : static_cast<float>(loss / weight);
}

}  // namespace

int64_t weight_parts(int64_t rows) { return ceil_div(rows, kThreads * kWeightsOfThread); }

void add_weights(Stream stream, const CosineLoss& loss, double* weights) {
  Labels labels{};
  for (size_t t = 0; t < loss.targets.size(); ++t) labels.of[t] = loss.targets[t].labels;
  const dim3 blocks(static_cast<unsigned>(weight_parts(loss.rows)), static_cast<unsigned>(loss.targets.size()));
  launch(weights_kernel, {blocks, kThreads}, stream, labels, loss.rows, weights);
}

void make_terms(Stream stream, const CosineLoss& loss, const double* weights, const double* losses, int64_t blocks,
                float* terms) {
  launch(terms_kernel, {std::ssize(loss.targets), kWarp}, stream, weights, weight_parts(loss.rows), losses, blocks,
         terms);
}

}  // namespace bareseg
