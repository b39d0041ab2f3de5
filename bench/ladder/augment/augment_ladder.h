// The ladder of the augmentation. The task of every rung: PiCIE's two views of a batch of images, coloured and blurred
// as drawn for each image; view 1 is a window of the picture, bilinear, view 2 the whole picture by Pillow's resize;
// normalised bfloat16. All rungs must give the CPU's bits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/augment.h"
#include "engine/dtype.h"

namespace bareseg::augment_ladder {

inline constexpr int kViews = 2;

/// One view; all pointers are to the device's memory.
struct View {
  const AugmentPlan* plan;
  AugmentBatch batch;        // its luma_parts is `parts` below
  int64_t* parts;            // [count, kLumaParts]
  uint8_t *scratch, *other;  // augment_scratch_bytes() each
  bfloat16* y;               // [count, T, T, 3]
};
struct ViewsCase {
  View views[kViews];
};

using Rung = void (*)(Stream, const ViewsCase&);
void v1_naive(Stream stream, const ViewsCase& c);
void v2_steps(Stream stream, const ViewsCase& c);
void v3_tiles(Stream stream, const ViewsCase& c);
void v4_shipped(Stream stream, const ViewsCase& c);

struct NamedRung {
  const char* name;
  Rung run;
};
inline constexpr NamedRung kRungs[] = {
    {"v1 naive", v1_naive}, {"v2 steps", v2_steps}, {"v3 tiles", v3_tiles}, {"v4 shipped", v4_shipped}};

/// `count` pictures of side `side` to views of side `out_side`, the same each time, in arrays that live until the
/// process ends or the next call.
const ViewsCase& make_case(int64_t count, int64_t side, int64_t out_side);
/// Runs the rung on make_case() and compares with engine/pillow.h, image by image: what is wrong, empty when nothing
/// is.
std::string check(Rung rung, int64_t count, int64_t side, int64_t out_side);

}  // namespace bareseg::augment_ladder
