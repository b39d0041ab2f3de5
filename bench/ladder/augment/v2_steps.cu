// Rung 2: the program's own way through device memory, cuda/kernels/augment.cu, which serves what no tile holds. All
// colours in one kernel, four pixels per thread, brightness and contrast by a table of 256 bytes, hue by one of 510
// words; the resize along columns writes the network's input. The colours move a picture through memory once instead of
// five times; the blur's six passes and the squares are as they were.
#include "bench/ladder/augment/augment_ladder.h"

namespace bareseg::augment_ladder {

void v2_steps(Stream stream, const ViewsCase& c) {
  naive_squares(stream, c);
  naive_luma(stream, c);
  augment_steps(stream, c.batch, c.plan->blur(), c.plan->resizes(), c.scratch, c.other, c.y);
}

}  // namespace bareseg::augment_ladder
