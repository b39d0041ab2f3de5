// How kernels that go down the columns of [rows, cols] are spread over blocks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/launch.h"

namespace bareseg {

/// Blocks of kThreads: blockIdx.x is a tile of columns, blockIdx.y a part of `step` rows. Up to 32 threads, each with a
/// pack of columns, stand side by side, the rest below each other, so that a warp reads whole rows.
struct RowSplit {
  static constexpr int kThreads = 256;
  int lanes = 1;  // threads side by side
  int64_t tiles, parts, step;

  /// Of about `blocks` blocks, and fewer where a thread would not have `rows_per_thread` rows.
  RowSplit(int64_t rows, int64_t cols, int pack, int64_t rows_per_thread, int64_t blocks) {
    const int64_t packs = ceil_div(cols, pack);
    while (lanes < 32 && lanes < packs) lanes *= 2;
    tiles = ceil_div(packs, lanes);
    const int64_t worth = rows / (kThreads / lanes * rows_per_thread);
    step = ceil_div(std::max<int64_t>(rows, 1), std::clamp<int64_t>(worth, 1, std::max<int64_t>(blocks / tiles, 1)));
    parts = ceil_div(rows, step);
  }
  Grid grid(const char* from = __builtin_FILE(), int line = __builtin_LINE()) const {
    return {dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(parts)),
            dim3(static_cast<unsigned>(lanes), static_cast<unsigned>(kThreads / lanes)), 0, from, line};
  }
};

}  // namespace bareseg
