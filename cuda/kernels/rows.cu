// Rows copied to or from places given by number: y[i] = x[rows[i]] and y[rows[i]] = x[i].
//
// Map: blockIdx.x is the row, blockIdx.y and threads run over its packs of 16 bytes, or its bytes where rows are not
// whole packs. Memory bound: each row is read and written once, its number read once per pack from the cache.
#include "cuda/kernels/rows.h"

#include "cuda/device/pack.cuh"

namespace bareseg {
namespace {

constexpr int kThreads = 256;

template <int N, bool kGather>
__global__ void __launch_bounds__(kThreads)
    rows_kernel(const uint8_t* x, const int64_t* rows, int64_t bytes, uint8_t* y) {
  const int64_t at = (int64_t{blockIdx.y} * kThreads + threadIdx.x) * N;
  if (at >= bytes) return;
  const int64_t numbered = rows[blockIdx.x] * bytes + at, in_order = int64_t{blockIdx.x} * bytes + at;
  store_pack<N>(y + (kGather ? in_order : numbered), load_pack<N>(x + (kGather ? numbered : in_order)));
}

template <int N, bool kGather>
void start(Stream stream, const uint8_t* x, const int64_t* rows, int64_t count, int64_t bytes, uint8_t* y) {
  const int64_t pieces = ceil_div(ceil_div(bytes, N), kThreads);
  BS_CHECK(count <= INT32_MAX && pieces <= INT32_MAX, "rows: ", count, " rows of ", bytes, " bytes are too many");
  const dim3 blocks(static_cast<unsigned>(count), static_cast<unsigned>(pieces));
  launch(rows_kernel<N, kGather>, {blocks, kThreads}, stream, x, rows, bytes, y);
}

template <bool kGather>
void move(Stream stream, const uint8_t* x, const int64_t* rows, int64_t count, int64_t bytes, uint8_t* y) {
  if (bytes % 16 == 0 && aligned_for_packs(x, y))
    start<16, kGather>(stream, x, rows, count, bytes, y);
  else
    start<1, kGather>(stream, x, rows, count, bytes, y);
}

}  // namespace

void gather_rows(Stream stream, const uint8_t* x, const int64_t* rows, int64_t count, int64_t bytes, uint8_t* y) {
  move<true>(stream, x, rows, count, bytes, y);
}

void scatter_rows(Stream stream, const uint8_t* x, const int64_t* rows, int64_t count, int64_t bytes, uint8_t* y) {
  move<false>(stream, x, rows, count, bytes, y);
}

}  // namespace bareseg
