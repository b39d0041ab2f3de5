// Rung 5: the kernels of the program, cuda/kernels/augment_squares.cu and augment.cu. A thread takes a run of pixels
// through the blur's three passes in registers, so that three barriers per direction become one, and 12 accesses of
// shared memory per value and direction become less than 2: rows are read and written in words, columns stored so.
#include "bench/ladder/augment/augment_ladder.h"

namespace bareseg::augment_ladder {

void v5_shipped(Stream stream, const ViewsCase& c) {
  shipped_squares(stream, c);
  const std::optional<AugmentTile> tile = c.plan->tile();
  BS_CHECK(tile.has_value(), "the pictures' scale is beyond this rung");
  augment_tiles(stream, c.batch, *tile, c.y);
}

}  // namespace bareseg::augment_ladder
