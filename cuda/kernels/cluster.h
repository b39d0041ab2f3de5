// Labels and their counts. Label is uint8_t or int32_t, T float or bfloat16.
#pragma once

#include "cuda/launch.h"

namespace bareseg {

/// y[row] = column of the maximum of x [rows, cols], the first of equals; NaN counts only in column 0, where it wins.
template <typename T, typename Label>
void argmax_rows(Stream stream, const T* x, int64_t rows, int64_t cols, Label* y);

/// counts[k] += how many of n labels, each in [0, clusters), are k.
template <typename Label>
void count_labels(Stream stream, const Label* labels, int64_t n, int64_t clusters, int64_t* counts);

/// matrix[t * clusters + p] += how many i have truth t < classes and prediction p, each in [0, clusters).
template <typename Label>
void count_pairs(Stream stream, const uint8_t* truth, const Label* predicted, int64_t n, int64_t classes,
                 int64_t clusters, int64_t* matrix);

}  // namespace bareseg
