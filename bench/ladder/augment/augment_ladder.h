// The ladder of the augmentation. The task of every rung: PiCIE's two views of a batch of images as decoded. Pillow's
// resize makes squares of them, coloured and blurred as drawn for each image and view; view 1 is a window of the
// square, bilinear, view 2 the whole by Pillow's resize; normalised bfloat16. All rungs must give the CPU's bits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/augment.h"
#include "engine/dtype.h"

namespace bareseg::augment_ladder {

inline constexpr int kViews = 2;

/// All pointers are to the device's memory.
struct ViewsCase {
  const AugmentPlan* plan;
  AugmentBatch batch;
  int64_t height;            // of the pictures
  uint8_t *scratch, *other;  // augment_scratch_bytes() each
  bfloat16* y;               // [kViews count, T, T, 3]
};

using Rung = void (*)(Stream, const ViewsCase&);
void v1_naive(Stream stream, const ViewsCase& c);
void v2_steps(Stream stream, const ViewsCase& c);
void v3_tiles(Stream stream, const ViewsCase& c);
void v4_squares(Stream stream, const ViewsCase& c);
void v5_shipped(Stream stream, const ViewsCase& c);

/// The squares by two kernels with memory between them, a thread per pixel; the sums of luma by another.
void naive_squares(Stream stream, const ViewsCase& c);
void naive_luma(Stream stream, const ViewsCase& c);
/// The squares and sums of the program.
void shipped_squares(Stream stream, const ViewsCase& c);
/// From the squares to the views in tiles, with the plain blur.
void plain_tiles(Stream stream, const ViewsCase& c);

struct NamedRung {
  const char* name;
  Rung run;
};
inline constexpr NamedRung kRungs[] = {{"v1 naive", v1_naive},
                                       {"v2 steps", v2_steps},
                                       {"v3 tiles", v3_tiles},
                                       {"v4 squares", v4_squares},
                                       {"v5 shipped", v5_shipped}};

/// `count` pictures, a third wider than high, whose squares have side `side`, to views of side `out_side`, the same
/// each time, in arrays that live until the process ends or the next call.
const ViewsCase& make_case(int64_t count, int64_t side, int64_t out_side);
/// Runs the rung on make_case() and compares with engine/pillow.h, image by image: what is wrong, empty when nothing
/// is.
std::string check(Rung rung, int64_t count, int64_t side, int64_t out_side);

}  // namespace bareseg::augment_ladder
