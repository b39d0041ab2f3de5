#include "apps/clusterer.h"

#include "apps/run.h"
#include "apps/training.h"
#include "cluster/kmeans.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace bareseg {

Tensor cluster_features(SegmentationNetwork& network, Loader& loader, int64_t images, const FeatureClustering& how,
                        DType dtype) {
  const NoGrad no_grad;
  const ModeGuard mode(network, how.batch_statistics);
  loader.start(Random(how.seed, Draws::kmeans).permutation(images));
  std::unique_ptr<MiniBatchKMeans> kmeans;
  Progress progress("clustering", images);
  int64_t done = 0;
  for (Batch batch; loader.next(batch);) {
    const Tensor f = l2_normalize(plain_features(network, batch.images, dtype));
    const int64_t rows = f.count() / f.dim(-1);
    if (kmeans == nullptr) {
      kmeans = std::make_unique<MiniBatchKMeans>(
          MiniBatchKMeansOptions{.kmeans = {.clusters = how.clusters, .iterations = how.iterations, .seed = how.seed},
                                 .init_batches = how.init_batches,
                                 .num_batches = how.num_batches,
                                 .batch_rows = rows / batch.size() * loader.batch()},
          (images + loader.batch() - 1) / loader.batch());
    }
    kmeans->add(f.view({rows, f.dim(-1)}));
    progress.update(done += batch.size());
    stop_when_asked();
  }
  BS_CHECK(kmeans != nullptr, "clustering: no image could be read");
  kmeans->finish();
  return kmeans->centroids();
}

}  // namespace bareseg
