// Rung 4: the kernel of the program for float features, cuda/kernels/cosine_loss.cu. A thread has 8 x 7 logits or 8 x 8
// elements of the gradient in registers, so that one 16-byte read of shared memory serves 15 to 16 multiply-adds, and
// rows pass through shared memory, so that they are read coalesced. Bound by the multiply-adds.
#include "bench/ladder/cosine_loss/cosine_loss.h"
#include "bench/ladder/cosine_loss/targets.h"

namespace bareseg::cosine_ladder {

void v4_shipped_float(Stream stream, const LossCase& c) {
  const Targets targets(c);
  cosine_loss(stream, {.targets = targets.each, .rows = c.rows, .dims = kDims, .eps = kEps}, c.features, c.scratch,
              c.terms, c.dfeatures);
}

}  // namespace bareseg::cosine_ladder
