#include "engine/ops.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

void check_rows(const char* op, const char* name, const Tensor& x) {
  BS_CHECK(x.rank() >= 1 && is_float(x.dtype()) && x.dim(-1) > 0, op, ": ", name,
           " must be float with a last dimension > 0, got ", x.dtype(), " ", x.shape());
}

void check_labels(const char* op, const Tensor& labels, int64_t rows) {
  BS_CHECK(labels.defined() && (labels.dtype() == kUInt8 || labels.dtype() == kInt32) && labels.count() == rows, op,
           ": labels must be uint8 or int32 and ", rows, " in number, got ",
           labels.defined() ? concat(labels.dtype(), " ", labels.shape()) : "an undefined tensor");
}

void check_weights(const char* op, const Tensor& weights, int64_t classes) {
  BS_CHECK(!weights.defined() || (weights.dtype() == kFloat32 && weights.shape() == Shape{classes}), op,
           ": class_weights must be float32 [", classes, "], got ",
           weights.defined() ? concat(weights.dtype(), " ", weights.shape()) : "");
}

}  // namespace

Tensor log_softmax(const Tensor& x) {
  const TraceRange range("log_softmax");
  check_rows("log_softmax", "x", x);
  Tensor y = Tensor::empty_like(x);
  backend(x.device()).log_softmax(x, y);
  return record("log_softmax", {x}, y, [=](const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(dy);
    backend(dy.device()).log_softmax_backward(dy, y, dx);
    return {dx};
  });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& class_weights, int64_t ignore) {
  const TraceRange range("cross_entropy");
  check_rows("cross_entropy", "logits", logits);
  check_labels("cross_entropy", labels, logits.count() / logits.dim(-1));
  check_weights("cross_entropy", class_weights, logits.dim(-1));
  check_device("cross_entropy", logits, {&labels, &class_weights});
  Tensor loss = Tensor::empty({1}, kFloat32, logits.device()), weight_sum = Tensor::empty_like(loss);
  backend(logits.device()).cross_entropy(logits, labels, class_weights, ignore, loss, weight_sum);
  return record("cross_entropy", {logits}, loss,
                [logits = logits.detach(), labels, class_weights, ignore, weight_sum](const Tensor& dloss) -> Grads {
                  Tensor dlogits = Tensor::empty_like(logits);
                  backend(dloss.device())
                      .cross_entropy_backward(dloss, logits, labels, class_weights, ignore, weight_sum, dlogits);
                  return {dlogits};
                });
}

Tensor cosine_cluster_loss(const Tensor& features, const std::vector<ClusterTarget>& targets, Tensor* terms) {
  constexpr const char* kOp = "cosine_cluster_loss";
  const TraceRange range(kOp);
  constexpr float kEps = 1e-12f;
  check_rows(kOp, "features", features);
  const int64_t depth = features.dim(-1), rows = features.count() / depth;
  BS_CHECK(!targets.empty(), kOp, ": expected at least one target");
  for (const ClusterTarget& target : targets) {
    BS_CHECK(
        target.centroids.defined() && target.centroids.dtype() == kFloat32 && target.centroids.rank() == 2 &&
            target.centroids.dim(0) > 0 && target.centroids.dim(1) == depth,
        kOp, ": centroids must be float32 [K, ", depth, "], got ",
        target.centroids.defined() ? concat(target.centroids.dtype(), " ", target.centroids.shape()) : "undefined");
    check_labels(kOp, target.labels, rows);
    check_weights(kOp, target.class_weights, target.centroids.dim(0));
    check_device(kOp, features, {&target.centroids, &target.labels, &target.class_weights});
  }
  Tensor each = Tensor::empty({static_cast<int64_t>(targets.size())}, kFloat32, features.device());
  Tensor loss = Tensor::empty({1}, kFloat32, features.device());
  Tensor dfeatures = needs_graph({features}) ? Tensor::empty_like(features) : Tensor();
  Backend& device = backend(features.device());
  device.cosine_cluster_loss(features, targets, kEps, each, dfeatures);
  device.sum(each, 1.0f / static_cast<float>(targets.size()), loss);
  if (terms != nullptr) *terms = each;
  return record(kOp, {features}, loss, [dfeatures](const Tensor& dloss) -> Grads {
    Tensor dx = Tensor::empty_like(dfeatures);
    backend(dloss.device()).multiply(dfeatures, dloss, 1.0f, dx);
    return {dx};
  });
}

}  // namespace bareseg
