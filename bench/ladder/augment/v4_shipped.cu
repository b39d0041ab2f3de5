// Rung 4: the kernel of the program, cuda/kernels/augment.cu. A thread takes a run of pixels through the blur's three
// passes in registers, so that three barriers per direction become one, and 12 accesses of shared memory per value and
// direction become less than 2: rows are read and written in words, columns stored so.
#include "bench/ladder/augment/augment_ladder.h"

namespace bareseg::augment_ladder {

void v4_shipped(Stream stream, const ViewsCase& c) {
  for (const View& view : c.views) {
    if (view.plan->contrast()) augment_luma(stream, view.batch, view.parts);
    const std::optional<AugmentTile> tile = view.plan->tile();
    BS_CHECK(tile.has_value(), "the pictures' scale is beyond this rung");
    augment_tiles(stream, view.batch, *tile, view.y);
  }
}

}  // namespace bareseg::augment_ladder
