// The first centroids of k-means; kmeans() is the caller.
#pragma once

#include "cluster/kmeans.h"

namespace bareseg {

/// float32 [K, D] on the points' device, each row one of the points. Arguments are checked by the caller.
/// @throws Error when points are not finite (plus_plus only).
Tensor start_centroids(const Tensor& points, const KMeansOptions& options);

}  // namespace bareseg
