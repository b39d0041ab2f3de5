// Rung 5: the kernel of the program for bfloat16 features, cuda/kernels/cosine_loss_mma.cu. Both products by tensor
// cores; logits and gradient by the logits stay in registers, where a product's result has the form of the next one's
// operand, so that a warp needs neither barriers nor shared memory but for the centroids. Half the bytes of a float
// row.
#include "bench/ladder/cosine_loss/targets.h"

namespace bareseg::cosine_ladder {

void v5_shipped_bfloat16(Stream stream, const LossCase& c) {
  const Targets targets(c);
  cosine_loss(stream, {.targets = targets.each, .rows = c.rows, .dims = kDims, .eps = kEps}, c.narrow_features,
              c.scratch, c.terms, c.narrow_dfeatures);
}

}  // namespace bareseg::cosine_ladder
