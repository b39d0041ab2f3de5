// Optimizer steps over many tensors in one launch.
#pragma once

#include <span>

#include "cuda/launch.h"
#include "engine/dtype.h"
#include "engine/optim_step.h"

namespace bareseg {

/// One parameter of `count` elements with its gradient, float or bfloat16, its state and its bfloat16 copy. m and v are
/// null where the optimizer has none: SGD has no v, and without momentum no m. narrow may be null.
struct OptimTensor {
  float* param;
  const void* grad;
  float *m, *v;
  bfloat16* narrow;
  int64_t count;
  DType grad_type;
};

/// The numbers of the step are in device memory.
void sgd_step(Stream stream, std::span<const OptimTensor> tensors, const SgdStep* step);
void adam_step(Stream stream, std::span<const OptimTensor> tensors, const AdamFactors* factors);

}  // namespace bareseg
