// Launchers of rows.cu: whole rows of any type, by number.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// y[i] = x[rows[i]] for i < count; rows of `bytes` bytes each.
void gather_rows(Stream stream, const uint8_t* x, const int64_t* rows, int64_t count, int64_t bytes, uint8_t* y);
/// y[rows[i]] = x[i]; the rows differ.
void scatter_rows(Stream stream, const uint8_t* x, const int64_t* rows, int64_t count, int64_t bytes, uint8_t* y);

}  // namespace bareseg
