// Rung 4: the squares by the program's kernel, cuda/kernels/augment_squares.cu. A block resizes the rows under its
// 32 x 64 pixels into shared memory, then along columns, and adds up the luma of both views while it has the pixels in
// registers: the rows between and two more readings of the squares stay out of device memory.
#include "bench/ladder/augment/augment_ladder.h"

namespace bareseg::augment_ladder {
namespace {

// In the program the views come anew with every batch, their sums 0.
__global__ void __launch_bounds__(kViews * 32) clear_kernel(AugmentBatch b) {
  for (int64_t i = threadIdx.x; i < b.count; i += kViews * 32) b.views[i].luma = 0;
}

}  // namespace

void shipped_squares(Stream stream, const ViewsCase& c) {
  launch(clear_kernel, {1, kViews * 32}, stream, c.batch);
  augment_squares(stream, c.batch);
}

void v4_squares(Stream stream, const ViewsCase& c) {
  shipped_squares(stream, c);
  plain_tiles(stream, c);
}

}  // namespace bareseg::augment_ladder
