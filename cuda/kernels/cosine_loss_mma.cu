// The fused loss of cosine_loss.cu for bfloat16 features, its products by tensor cores:
//
//   z = C f / max(|f|, eps);  loss = sum w[label] (-log softmax(z)[label]) / sum w[label] for each target
//   df = (C^T G - <G, z> x) / |f|, x = f / |f|, G = d mean(losses) / d z
//
// A warp takes 16 rows and all 64 columns of logits, and needs no other warp: between the two products nothing leaves
// its registers. With g = lane / 4, t = lane % 4 a lane has rows g and g + 8 and of each
//   - the dimensions 8 t to 8 t + 7 of every 32: a pack of 16 bytes, loaded and stored as such;
//   - the logits 16 t to 16 t + 15: two targets have 32 columns each, one target all 64, so that a lane works for one
//     target, and 2 (4) lanes meet for a row's softmax.
// Operands of a product may come in any order that both sides share, so columns and dimensions are dealt to the cells
// of mma.cuh such that these are its operands as they lie: the features those of the first product, G, which the lane
// has made of its logits, those of the second, and its results the lane's own dimensions again. Centroids are bfloat16
// in shared memory, twice: by cluster for the first product and by dimension for the second, read 16 bytes at a time
// without conflicts of banks. The pull-back reads the features again, out of L1: 32 registers for them would spill.
//
// Bound by memory: 2 x 2 x dims bytes per row, on an H200 98 us for 819,200 rows of 128; beside it 27 GFLOP, 55 us at
// 490 TFLOP/s, and 1.7 GB of shared memory, 57 us at 128 bytes per clock and multiprocessor. Centroids and G are
// rounded to bfloat16, like the features; sums and softmax are float32, the loss's sum double, in a fixed order.
// Ladder: bench/ladder/cosine_loss.
#include "cuda/device/async.cuh"
#include "cuda/device/mma.cuh"
#include "cuda/device/rows.cuh"
#include "cuda/kernels/cosine_loss_parts.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;
constexpr int kResident = 3;  // blocks that share the registers of a multiprocessor
constexpr int kRows = 16;     // of a warp's tile
constexpr int kColumns = 64;  // of logits
constexpr int kColumnsOfLane = 16;
constexpr int kTargetColumns = 32;  // where there are two targets
constexpr int kStep = 32, kDimsOfLane = 8;
constexpr int kSteps = 4;  // of a chunk of dimensions, whose features are in registers
constexpr int kChunk = kSteps * kStep, kMaxDims = 2 * kChunk;
constexpr float kFarBelow = -1e30f;

struct Arguments {
  CosineTarget targets[2];
  int count, weight_parts, dims;
  float inverse_eps;
  int64_t rows;
  const bfloat16* features;
  bfloat16* dfeatures;
  double* weights;  // [count][weight_parts]
  double* losses;   // [count][blocks]
};

// What a block keeps in shared memory, for so many chunks of dimensions.
template <int kChunks>
struct Shared {
  static constexpr int kLength = kChunks * kChunk;
  Rows<bfloat16> clusters;             // [kColumns][kLength]
  SharedArray<bfloat16> by_dimension;  // [kLength][kPitch]
  SharedArray<double> loss;            // [2][kWarps]
  SharedArray<float> scale;            // of a gradient of weight 1, for each target

  static constexpr int kPitch = kColumns + 8;  // neighbouring dimensions begin in other banks
  static constexpr size_t kMatrix = sizeof(bfloat16) * kColumns * kLength;
  static constexpr size_t kLoss = kMatrix + sizeof(bfloat16) * kPitch * kLength;
  static constexpr size_t kScale = kLoss + sizeof(double) * 2 * kWarps, kBytes = kScale + sizeof(float) * 2;

  __device__ __forceinline__ Shared()
      : clusters{dynamic_shared<bfloat16>(0, kMatrix), kLength},
        by_dimension(dynamic_shared<bfloat16>(kMatrix, kLoss)),
        loss(dynamic_shared<double>(kLoss, kScale)),
        scale(dynamic_shared<float>(kScale)) {}

  __device__ __forceinline__ SharedArray<bfloat16> at(int dim, int column) const {
    return by_dimension + (dim * kPitch + column);
  }
};

// Rounded, and 0 where there is no cluster or dimension.
template <int kChunks>
__device__ __forceinline__ void load_centroids(const Arguments& a, const Shared<kChunks>& s) {
  constexpr int kLength = Shared<kChunks>::kLength;
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kLength; i += kThreads) {
    const int column = i / kLength, dim = i % kLength;
    const int target = a.count > 1 ? column / kTargetColumns : 0, cluster = column - target * kTargetColumns;
    float value = 0.0f;
    if (cluster < a.targets[target].labels.classes && dim < a.dims) {
      value = a.targets[target].centroids[cluster * a.dims + dim];
    }
    *s.clusters.at(column, dim) = from_float<bfloat16>(value);
    *s.at(dim, column) = from_float<bfloat16>(value);
  }
}

// The place of a lane in its warp.
struct Place {
  int g, t;
  int target, first;  // whose logits it has, and the cluster of the first
  bool meets_half;    // in a row's softmax, the lanes of the other half too
};

// Rows g and g + 8: the lane's four words, 8 dimensions, of each step of a chunk; 0 past the end of either.
using Features = uint4[kSteps][2];
__device__ __forceinline__ void load_features(const Arguments& a, const Place& p, int64_t row, int first_dim,
                                              Features& f) {
#pragma unroll
  for (int step = 0; step < kSteps; ++step)
#pragma unroll
    for (int q = 0; q < 2; ++q) {
      const int dim = first_dim + step * kStep + kDimsOfLane * p.t;
      f[step][q] = uint4{0, 0, 0, 0};
      if (row + 8 * q < a.rows && dim < a.dims) {
        f[step][q] = std::bit_cast<uint4>(load_pack<8>(a.features + (row + 8 * q) * a.dims + dim));
      }
    }
}

__device__ __forceinline__ uint32_t word_of(const uint4& v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// z[j] += sixteen rows times the centroids of tile j, over a chunk of dimensions.
template <int kChunks>
__device__ __forceinline__ void multiply_features(const Features& f, const Shared<kChunks>& s, const Place& p,
                                                  int first_dim, int dims, float (&z)[8][4]) {
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const int dim = first_dim + step * kStep;
    if (dim >= dims) break;
    const uint4 &low = f[step][0], &high = f[step][1];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const int column = p.g / 2 * kColumnsOfLane + 2 * j + p.g % 2;
      const uint4 c = std::bit_cast<uint4>(load_pack<8>(s.clusters.at(column, dim + kDimsOfLane * p.t)));
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        multiply_add(
            z[j],
            {word_of(low, 2 * half), word_of(high, 2 * half), word_of(low, 2 * half + 1), word_of(high, 2 * half + 1)},
            {word_of(c, 2 * half), word_of(c, 2 * half + 1)});
      }
    }
  }
}

__device__ __forceinline__ float square_of(const uint4& v) {
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float low = low_of(word_of(v, i)), high = high_of(word_of(v, i));
    sum += low * low + high * high;
  }
  return sum;
}

// Adds or takes the maximum of what the lanes of a row have.
__device__ __forceinline__ float add_lanes(float value) {
  value += warp_shuffle_xor(value, 1);
  return value + warp_shuffle_xor(value, 2);
}
__device__ __forceinline__ float add_target(const Place& p, float value) {
  value += warp_shuffle_xor(value, 1);
  const float other = warp_shuffle_xor(value, 2);
  return p.meets_half ? value + other : value;
}
__device__ __forceinline__ float highest_of_target(const Place& p, float value) {
  value = fmaxf(value, warp_shuffle_xor(value, 1));
  const float other = warp_shuffle_xor(value, 2);
  return p.meets_half ? fmaxf(value, other) : value;
}

// A row's logits, products with the feature itself, become the gradient by z; 0 past the last cluster. Returns the
// weighted entropy and sets `along` to <gradient, z> over all targets.
__device__ __forceinline__ float entropy_row(const Place& p, int classes, int label, float weight, float inverse,
                                             float scale, float (&z)[kColumnsOfLane], float& along) {
  float highest = kFarBelow, sum = 0.0f, weighted = 0.0f, hit = 0.0f;
#pragma unroll
  for (int i = 0; i < kColumnsOfLane; ++i) highest = fmaxf(highest, p.first + i < classes ? z[i] : kFarBelow);
  highest = highest_of_target(p, highest);
#pragma unroll
  for (int i = 0; i < kColumnsOfLane; ++i) {
    const float below = p.first + i < classes ? (z[i] - highest) * inverse : kFarBelow;
    z[i] = expf(below);
    sum += z[i];
    weighted += z[i] * below;
    hit += p.first + i == label ? below : 0.0f;
  }
  sum = add_target(p, sum);
  weighted = add_target(p, weighted);
  hit = add_target(p, hit);
  const float own_scale = weight * scale, factor = __fdividef(own_scale, sum);
#pragma unroll
  for (int i = 0; i < kColumnsOfLane; ++i) z[i] = z[i] * factor - (p.first + i == label ? own_scale : 0.0f);
  const float of_target = weighted * factor - hit * own_scale, other = warp_shuffle_xor(of_target, 2);
  along = p.meets_half ? of_target : of_target + other;
  return weight * (logf(sum) - hit);
}

// The G of sixteen rows as the first operand of the second product: [sixteen clusters][register].
using Gradient = uint32_t[4][4];

// Weights and labels of a lane's rows for its target, read ahead of the product; 0 past the end.
struct RowTargets {
  float weight[2];
  int label[2];
};
__device__ __forceinline__ RowTargets load_targets(const Arguments& a, const Place& p, int64_t row) {
  const LabelledRows& labels = a.targets[p.target].labels;
  RowTargets t{};
#pragma unroll
  for (int q = 0; q < 2; ++q) {
    if (row + 8 * q >= a.rows) continue;
    t.weight[q] = labels.weight(row + 8 * q);
    t.label[q] = static_cast<int>(labels.label(row + 8 * q));
  }
  return t;
}

// What is known of a lane's row after its softmax: 1 / max(|f|, eps) and <G, z>.
struct Known {
  float inverse, along;
};

// Logits of sixteen rows to `gradient`. The entropies are added to `loss`.
__device__ __forceinline__ void entropies(const Arguments& a, const Place& p, const RowTargets& targets, float scale,
                                          const float (&z)[8][4], const float (&square)[2], Known (&known)[2],
                                          double& loss, Gradient& gradient) {
  const auto classes = static_cast<int>(a.targets[p.target].labels.classes);
  const bool counts = p.t % (p.meets_half ? 4 : 2) == 0;  // one lane for each row and target
#pragma unroll
  for (int q = 0; q < 2; ++q) {
    const float inverse = fminf(rsqrtf(add_lanes(square[q])), a.inverse_eps);
    float own[kColumnsOfLane], along;
#pragma unroll
    for (int i = 0; i < kColumnsOfLane; ++i) own[i] = z[i / 2][q * 2 + i % 2];
    const float entropy = entropy_row(p, classes, targets.label[q], targets.weight[q], inverse, scale, own, along);
    if (counts) loss += static_cast<double>(entropy);
    known[q] = {inverse, inverse >= a.inverse_eps ? 0.0f : along};  // below the floor the norm is a constant
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      gradient[i][q] = pack_pair(own[4 * i], own[4 * i + 1]);
      gradient[i][q + 2] = pack_pair(own[4 * i + 2], own[4 * i + 3]);
    }
  }
}

// df of a row of the lane and its eight dimensions, from their part of G C: sum[j][column].
__device__ __forceinline__ void pull_back(const uint4& f, const float (&sum)[4][4], int column, const Known& known,
                                          bfloat16* to) {
  const float back = known.along * known.inverse;
  uint32_t words[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const uint32_t pair = word_of(f, j);
    words[j] = pack_pair((sum[j][column] - back * low_of(pair)) * known.inverse,
                         (sum[j][column + 1] - back * high_of(pair)) * known.inverse);
  }
  store_pack<8>(to, std::bit_cast<Pack<bfloat16, 8>>(uint4{words[0], words[1], words[2], words[3]}));
}

// df of the lane's rows and its dimensions of one step, which begins at `dim`.
template <int kChunks>
__device__ __forceinline__ void gradient_step(const Arguments& a, const Shared<kChunks>& s, const Place& p, int64_t row,
                                              int dim, const uint4 (&f)[2], const Gradient& gradient,
                                              const Known (&known)[2]) {
  float sum[4][4] = {};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int own = dim + p.g / 2 * kDimsOfLane + 2 * j + p.g % 2;
    const uint4 low = std::bit_cast<uint4>(load_pack<8>(s.at(own, kColumnsOfLane * p.t)));
    const uint4 high = std::bit_cast<uint4>(load_pack<8>(s.at(own, kColumnsOfLane * p.t + 8)));
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint4& c = i < 2 ? low : high;
      multiply_add(sum[j], gradient[i], {word_of(c, i % 2 * 2), word_of(c, i % 2 * 2 + 1)});
    }
  }
  dim += kDimsOfLane * p.t;
#pragma unroll
  for (int q = 0; q < 2; ++q) {
    if (row + 8 * q < a.rows && dim < a.dims) {
      pull_back(f[q], sum, 2 * q, known[q], a.dfeatures + (row + 8 * q) * a.dims + dim);
    }
  }
}

// Sixteen rows, of which `row` is the lane's first.
template <int kChunks>
__device__ __forceinline__ void run_tile(const Arguments& a, const Shared<kChunks>& s, const Place& p, int64_t row,
                                         float scale, double& loss) {
  const RowTargets targets = load_targets(a, p, row);
  float z[8][4] = {}, square[2] = {};
#pragma unroll 1
  for (int dim = 0; dim < a.dims; dim += kChunk) {
    Features f;
    load_features(a, p, row, dim, f);
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
#pragma unroll
      for (int q = 0; q < 2; ++q) square[q] += square_of(f[step][q]);
    multiply_features(f, s, p, dim, a.dims, z);
  }
  Known known[2];
  Gradient gradient;
  entropies(a, p, targets, scale, z, square, known, loss, gradient);
  if (a.dfeatures == nullptr) return;
#pragma unroll 1
  for (int dim = 0; dim < a.dims; dim += kChunk) {
    Features f;
    load_features(a, p, row, dim, f);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (dim + step * kStep < a.dims) gradient_step(a, s, p, row, dim + step * kStep, f[step], gradient, known);
    }
  }
}

template <int kChunks>
__global__ void __launch_bounds__(kThreads, kResident) cosine_mma_kernel(const Arguments a) {
  const Shared<kChunks> s;
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = lane_in_warp();
  for (int t = warp; t < a.count; t += kWarps) {
    const double weight = sum_parts(a.weights + int64_t{t} * a.weight_parts, a.weight_parts) * a.count;
    if (lane == 0) s.scale[t] = weight == 0.0 ? 0.0f : static_cast<float>(1.0 / weight);
  }
  load_centroids(a, s);
  __syncthreads();
  const bool two = a.count > 1;
  const Place p{lane / 4, lane % 4, two ? lane % 4 / 2 : 0, kColumnsOfLane * (two ? lane % 2 : lane % 4), !two};
  const float scale = s.scale[p.target];
  double loss = 0.0;
  const int64_t step = int64_t{gridDim.x} * (kWarps * kRows);
  for (int64_t first = int64_t{blockIdx.x} * kWarps * kRows; first + warp * kRows < a.rows; first += step) {
    const int64_t next = min(a.rows - first - step, int64_t{kWarps * kRows});  // rows of the block's next tiles
    prefetch_to_l2(a.features + (first + step) * a.dims, next * a.dims * int64_t{sizeof(bfloat16)});
    run_tile(a, s, p, first + warp * kRows + p.g, scale, loss);
  }
  for (int t = 0; t < a.count; ++t) {
    const double sum = warp_sum(p.target == t ? loss : 0.0);
    if (lane == 0) s.loss[t * kWarps + warp] = sum;
  }
  __syncthreads();
  const int t = static_cast<int>(threadIdx.x);
  if (t >= a.count) return;
  double sum = 0.0;
  for (int w = 0; w < kWarps; ++w) sum += s.loss[t * kWarps + w];
  a.losses[int64_t{t} * gridDim.x + blockIdx.x] = sum;
}

int64_t blocks_of(const CosineLoss& loss) {
  const size_t bytes = loss.dims <= kChunk ? Shared<1>::kBytes : Shared<2>::kBytes;
  return resident_blocks(ceil_div(loss.rows, kWarps * kRows), bytes, kResident);
}

}  // namespace

bool fits_tensor_cores(const CosineLoss& loss, const bfloat16* features, const bfloat16* dfeatures) {
  const auto count = loss.targets.size();
  if (count > 2 || loss.dims > kMaxDims || loss.dims % kPack<bfloat16> != 0) return false;
  const int64_t most = count == 2 ? kTargetColumns : kColumns;
  for (const CosineTarget& target : loss.targets) {
    if (target.labels.classes > most) return false;
  }
  return aligned_for_packs(features, dfeatures);
}

int64_t tensor_core_scratch(const CosineLoss& loss) {
  if (loss.dims > kMaxDims) return 0;
  return std::ssize(loss.targets) * (weight_parts(loss.rows) + blocks_of(loss)) * static_cast<int64_t>(sizeof(double));
}

void cosine_loss_by_tensor_cores(Stream stream, const CosineLoss& loss, const bfloat16* features, void* scratch,
                                 float* terms, bfloat16* dfeatures) {
  const int64_t parts = weight_parts(loss.rows), blocks = blocks_of(loss);
  Arguments a{};
  for (const CosineTarget& target : loss.targets) a.targets[a.count++] = target;
  a.weight_parts = static_cast<int>(parts);
  a.dims = static_cast<int>(loss.dims);
  a.inverse_eps = 1.0f / loss.eps;
  a.rows = loss.rows;
  a.features = features;
  a.dfeatures = dfeatures;
  a.weights = static_cast<double*>(scratch);
  a.losses = a.weights + a.count * parts;
  add_weights(stream, loss, a.weights);
  if (loss.dims <= kChunk)
    launch(cosine_mma_kernel<1>, {blocks, kThreads, Shared<1>::kBytes}, stream, a);
  else
    launch(cosine_mma_kernel<2>, {blocks, kThreads, Shared<2>::kBytes}, stream, a);
  make_terms(stream, loss, a.weights, a.losses, blocks, terms);
}

}  // namespace bareseg
