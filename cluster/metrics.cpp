#include "cluster/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cluster/hungarian.h"
#include "engine/backend.h"
#include "engine/trace.h"

namespace bareseg {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double percent(int64_t part, int64_t whole) {
  return whole == 0 ? kNaN : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// Mean of values that are not NaN; NaN when there is none.
double mean_of_numbers(const std::vector<double>& values) {
  double sum = 0.0;
  int64_t count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? kNaN : sum / static_cast<double>(count);
}

// Pixels by true class [C] and the class predicted through the matching; column C takes clusters that have none.
struct Matched {
  int64_t classes;
  std::vector<int64_t> counts;  // [C, C + 1]

  int64_t at(int64_t truth, int64_t predicted) const {
    return counts[static_cast<size_t>(truth * (classes + 1) + predicted)];
  }
};

Matched apply(const Histogram& h, const std::vector<int64_t>& class_of) {
  BS_CHECK(static_cast<int64_t>(class_of.size()) == h.clusters, "score: expected the classes of ", h.clusters,
           " clusters, got ", class_of.size());
  Matched m{h.classes, std::vector<int64_t>(static_cast<size_t>(h.classes * (h.classes + 1)))};
  for (int64_t k = 0; k < h.clusters; ++k) {
    const int64_t named = class_of[static_cast<size_t>(k)];
    BS_CHECK(named >= -1 && named < h.classes, "score: cluster ", k, " must stand for a class in [-1, ", h.classes,
             "), got ", named);
    const int64_t column = named < 0 ? h.classes : named;
    for (int64_t t = 0; t < h.classes; ++t) m.counts[static_cast<size_t>(t * (h.classes + 1) + column)] += h.at(t, k);
  }
  return m;
}

// Rows and columns [begin, end) of a square matrix, where at(row, column) gives entries.
template <typename At>
GroupScores score_block(int64_t begin, int64_t end, At at) {
  int64_t right = 0, all = 0;
  std::vector<double> iou;
  for (int64_t i = begin; i < end; ++i) {
    int64_t row = 0, column = 0;
    for (int64_t j = begin; j < end; ++j) {
      row += at(i, j);
      column += at(j, i);
    }
    right += at(i, i);
    all += row;
    iou.push_back(percent(at(i, i), row + column - at(i, i)));
  }
  return {percent(right, all), mean_of_numbers(iou)};
}

template <typename At>
ThingStuff::Pair score_blocks(int64_t things, int64_t classes, At at) {
  return {score_block(0, things, at), score_block(things, classes, at)};
}

GroupScores score_group(const Histogram& h, const Matched& m, const Scores& scores, int64_t begin, int64_t end) {
  int64_t right = 0;
  for (int64_t t = begin; t < end; ++t) right += m.at(t, t);
  const auto first = h.counts.begin();
  const int64_t all = std::accumulate(first + begin * h.clusters, first + end * h.clusters, int64_t{0});
  return {percent(right, all), mean_of_numbers({scores.iou.begin() + begin, scores.iou.begin() + end})};
}

}  // namespace

int64_t Histogram::total() const { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

ConfusionMatrix::ConfusionMatrix(int64_t classes, int64_t clusters, Device device) {
  BS_CHECK(classes >= 1 && classes <= 255 && clusters >= 1,
           "ConfusionMatrix: expected 1 to 255 classes and at least one cluster, got ", classes, " and ", clusters);
  matrix_ = Tensor::zeros({classes, clusters}, kInt64, device);
}

void ConfusionMatrix::add(const Tensor& truth, const Tensor& predicted) {
  const TraceRange range("confusion");
  BS_CHECK(truth.dtype() == kUInt8 && (predicted.dtype() == kUInt8 || predicted.dtype() == kInt32),
           "ConfusionMatrix: truth must be uint8 and predictions uint8 or int32, got ", truth.dtype(), " and ",
           predicted.dtype());
  BS_CHECK(truth.count() == predicted.count(), "ConfusionMatrix: truth ", truth.shape(), " and predictions ",
           predicted.shape(), " differ in count");
  BS_CHECK(truth.device() == matrix_.device() && predicted.device() == matrix_.device(),
           "ConfusionMatrix: expected labels on ", matrix_.device(), ", got ", truth.device(), " and ",
           predicted.device());
  backend(matrix_.device()).confusion(truth, predicted, matrix_);
}

Histogram ConfusionMatrix::histogram() const { return {matrix_.dim(0), matrix_.dim(1), matrix_.to_vector<int64_t>()}; }

std::vector<int64_t> match_clusters(const Histogram& h, Matching matching) {
  std::vector<int64_t> class_of(static_cast<size_t>(h.clusters), -1);
  if (matching == Matching::identity) {
    std::iota(class_of.begin(), class_of.begin() + std::min(h.classes, h.clusters), int64_t{0});
    return class_of;
  }
  if (matching == Matching::hungarian) {
    const std::vector<int64_t> cluster_of =
        solve_assignment(std::span<const int64_t>(h.counts), h.classes, h.clusters, Goal::maximize);
    for (size_t t = 0; t < cluster_of.size(); ++t)
      if (cluster_of[t] >= 0) class_of[static_cast<size_t>(cluster_of[t])] = static_cast<int64_t>(t);
    return class_of;
  }
  for (int64_t k = 0; k < h.clusters; ++k) {
    int64_t best = 0;
    for (int64_t t = 1; t < h.classes; ++t)
      if (h.at(t, k) > h.at(best, k)) best = t;
    class_of[static_cast<size_t>(k)] = best;
  }
  return class_of;
}

Scores score(const Histogram& h, const std::vector<int64_t>& class_of) {
  const Matched m = apply(h, class_of);
  Scores scores;
  int64_t right = 0;
  for (int64_t t = 0; t < h.classes; ++t) {
    int64_t row = m.at(t, h.classes), column = 0;
    for (int64_t other = 0; other < h.classes; ++other) {
      row += m.at(t, other);
      column += m.at(other, t);
    }
    const int64_t hit = m.at(t, t);
    right += hit;
    scores.iou.push_back(percent(hit, row + column - hit));
    scores.recall.push_back(percent(hit, row));
  }
  scores.accuracy = percent(right, h.total());
  scores.mean_iou = mean_of_numbers(scores.iou);
  scores.mean_recall = mean_of_numbers(scores.recall);
  return scores;
}

ThingStuff thing_stuff(const Histogram& h, const std::vector<int64_t>& class_of, int64_t things) {
  BS_CHECK(things >= 0 && things <= h.classes, "thing_stuff: expected 0 to ", h.classes, " thing classes, got ",
           things);
  const Matched m = apply(h, class_of);
  const Scores scores = score(h, class_of);
  ThingStuff result;
  result.full = {score_group(h, m, scores, 0, things), score_group(h, m, scores, things, h.classes)};
  result.label_order = score_blocks(things, h.classes, [&](int64_t t, int64_t p) { return m.at(t, p); });

  std::vector<int64_t> sorted = class_of;
  std::sort(sorted.begin(), sorted.end());
  bool one_to_one = h.classes == h.clusters;
  for (size_t i = 0; i < sorted.size(); ++i) one_to_one &= sorted[i] == static_cast<int64_t>(i);
  if (one_to_one)
    result.cluster_order = score_blocks(things, h.classes, [&](int64_t row, int64_t column) {
      return h.at(class_of[static_cast<size_t>(row)], column);
    });
  else
    result.cluster_order = {{kNaN, kNaN}, {kNaN, kNaN}};
  return result;
}

}  // namespace bareseg
