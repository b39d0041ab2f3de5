#include "apps/bench_cases.h"

namespace bareseg {
namespace {

void add_kmeans(std::vector<BenchKernel>& list, int64_t clusters) {
  // Unit length, as PiCIE's features.
  const auto points_of = [](const BenchSetup& s) {
    const Tensor x = s.normal({s.pixels(), kBenchDims});
    Tensor points = s.empty(x.shape()), inv_norm = s.empty({s.pixels()}, kFloat32);
    s.on().l2_normalize(x, points, inv_norm, 1e-12f);
    return points;
  };
  // Some of the points, far apart in memory.
  const auto centroids_of = [=](const BenchSetup& s, const Tensor& points) {
    std::vector<int64_t> rows;
    for (int64_t k = 0; k < clusters; ++k) rows.push_back(k * 5 % points.dim(0));
    Tensor some = s.empty({clusters, kBenchDims}), centroids = s.empty(some.shape(), kFloat32);
    s.on().gather_rows(points, rows, some);
    s.on().cast(some, centroids);
    return centroids;
  };
  const auto flops = [=](const Tensor& points) {
    return 2.0 * static_cast<double>(points.count()) * static_cast<double>(clusters);
  };
  list.push_back({concat("kmeans_assign/", clusters), kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    const Tensor points = points_of(s), centroids = centroids_of(s, points);
                    Tensor labels = s.empty({s.pixels()}, kInt32);
                    return {concat(points.shape()), points.bytes() + labels.bytes(), flops(points),
                            [=]() mutable { s.on().kmeans_assign(points, centroids, Metric::euclidean, labels); }};
                  }});
  list.push_back({concat("kmeans_accumulate/", clusters), kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
                    const Tensor points = points_of(s), centroids = centroids_of(s, points);
                    Tensor labels = s.empty({s.pixels()}, kInt32), sums = s.empty(centroids.shape(), kFloat32);
                    Tensor counts = s.empty({clusters}, kInt64), inertia = s.empty({1}, kFloat32);
                    return {concat(points.shape()), points.bytes() + labels.bytes(), flops(points), [=]() mutable {
                              s.on().kmeans_accumulate(points, centroids, Metric::euclidean, labels, sums, counts,
                                                       inertia);
                            }};
                  }});
  // The whole of Lloyd's iteration: as it goes on from its own centroids, these are copied back each time.
  list.push_back(
      {concat("kmeans_iteration/", clusters), kBenchFloats, [=](const BenchSetup& s) -> BenchCase {
         const Tensor points = points_of(s), first = centroids_of(s, points);
         Tensor labels, centroids = s.empty(first.shape(), kFloat32), sums = s.empty(first.shape(), kFloat32);
         Tensor counts = s.empty({clusters}, kInt64), inertia = s.empty({1}, kFloat32);
         Tensor repaired = s.empty({1}, kInt64);
         return {concat(points.shape()), points.bytes(), flops(points), [=]() mutable {
                   s.on().copy(first, centroids);
                   s.on().kmeans_accumulate(points, centroids, Metric::euclidean, labels, sums, counts, inertia);
                   s.on().kmeans_update(sums, counts, points.dim(0), centroids, repaired);
                 }};
       }});
}

void add_losses(std::vector<BenchKernel>& list) {
  list.push_back({"cosine_cluster_loss/2", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor features = s.normal({s.pixels(), kBenchDims});
                    std::vector<ClusterTarget> targets;
                    for (int i = 0; i < 2; ++i) {
                      targets.push_back({.centroids = s.normal({kBenchClasses, kBenchDims}, kFloat32),
                                         .labels = s.labels(s.pixels(), kBenchClasses, kUInt8),
                                         .class_weights = Tensor::full({kBenchClasses}, 0.7, kFloat32, s.device)});
                    }
                    Tensor terms = s.empty({2}, kFloat32), dfeatures = s.empty(features.shape());
                    const double products = 2.0 * 2.0 * kBenchClasses * static_cast<double>(features.count());
                    return {concat(features.shape()), 2 * features.bytes() + 2 * s.pixels(), 2.0 * products,
                            [=]() mutable { s.on().cosine_cluster_loss(features, targets, 1e-12f, terms, dfeatures); }};
                  }});
  list.push_back({"cross_entropy", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor logits = s.normal({s.pixels(), kBenchClasses});
                    const Tensor labels = s.labels(s.pixels(), kBenchClasses, kUInt8);
                    Tensor loss = s.empty({1}, kFloat32), weight_sum = s.empty({1}, kFloat32);
                    return {concat(logits.shape()), logits.bytes() + labels.bytes(), 0.0,
                            [=]() mutable { s.on().cross_entropy(logits, labels, {}, -1, loss, weight_sum); }};
                  }});
  list.push_back({"cross_entropy_backward", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor logits = s.normal({s.pixels(), kBenchClasses});
                    const Tensor labels = s.labels(s.pixels(), kBenchClasses, kUInt8);
                    const Tensor dloss = s.normal({1}, kFloat32);
                    const Tensor weight_sum = Tensor::full({1}, static_cast<double>(s.pixels()), kFloat32, s.device);
                    Tensor dlogits = s.empty(logits.shape());
                    return {concat(logits.shape()), 2 * logits.bytes() + labels.bytes(), 0.0, [=]() mutable {
                              s.on().cross_entropy_backward(dloss, logits, labels, {}, -1, weight_sum, dlogits);
                            }};
                  }});
}

void add_labels(std::vector<BenchKernel>& list) {
  list.push_back({"argmax", kBenchFloats, [](const BenchSetup& s) -> BenchCase {
                    const Tensor x = s.normal({s.pixels(), kBenchClasses});
                    Tensor y = s.empty({s.pixels()}, kUInt8);
                    return {concat(x.shape()), x.bytes() + y.bytes(), 0.0, [=]() mutable { s.on().argmax(x, y); }};
                  }});
  list.push_back(
      {"count_labels", {kFloat32}, [](const BenchSetup& s) -> BenchCase {
         const Tensor labels = s.labels(s.pixels(), kBenchClasses, kUInt8);
         Tensor counts = Tensor::zeros({kBenchClasses}, kInt64, s.device);
         return {concat(labels.shape()), labels.bytes(), 0.0, [=]() mutable { s.on().count_labels(labels, counts); }};
       }});
  list.push_back({"confusion", {kFloat32}, [](const BenchSetup& s) -> BenchCase {
                    const int64_t pixels = s.batch * 320 * 320;
                    const Tensor truth = s.labels(pixels, kBenchClasses, kUInt8);
                    const Tensor predicted = s.labels(pixels, kBenchClasses, kUInt8);
                    Tensor matrix = Tensor::zeros({kBenchClasses, kBenchClasses}, kInt64, s.device);
                    return {concat(truth.shape()), truth.bytes() + predicted.bytes(), 0.0,
                            [=]() mutable { s.on().confusion(truth, predicted, matrix); }};
                  }});
}

}  // namespace

void add_cluster_cases(std::vector<BenchKernel>& list) {
  for (const int64_t clusters : {kBenchClasses, int64_t{1000}}) add_kmeans(list, clusters);
  add_losses(list);
  add_labels(list);
}

}  // namespace bareseg
