// How well clusters stand for classes.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace bareseg {

/// Pixels by true class (C rows) and cluster (K columns), exact.
struct Histogram {
  int64_t classes = 0, clusters = 0;
  std::vector<int64_t> counts;  // [C, K]

  int64_t at(int64_t truth, int64_t cluster) const { return counts[static_cast<size_t>(truth * clusters + cluster)]; }
  int64_t total() const;
};

/// Collects a Histogram on the device where the predictions are; C and K may differ.
class ConfusionMatrix {
 public:
  /// @throws Error unless C is in [1, 255] and K > 0.
  ConfusionMatrix(int64_t classes, int64_t clusters, Device device = {});
  /// Counts pixels. truth uint8, values outside [0, C) are skipped; predicted uint8 or int32 in [0, K), same count.
  /// @throws Error on other dtypes, counts or devices.
  void add(const Tensor& truth, const Tensor& predicted);
  /// What was counted so far. Waits for the device.
  Histogram histogram() const;

 private:
  Tensor matrix_;  // int64 [C, K]
};

/// hungarian: one-to-one, the most matched pixels; where K > C some clusters stand for no class, where K < C some
///            classes have no cluster.
/// majority:  every cluster stands for the class it meets most, the lowest of equals.
/// identity:  cluster k is class k, as where labels were learnt; clusters past the last class stand for none.
enum class Matching { hungarian, majority, identity };

/// The class of each cluster [K], -1 for none.
std::vector<int64_t> match_clusters(const Histogram& histogram, Matching matching);

/// All in percent. Pixels of clusters that stand for no class are errors. NaN: nothing to measure; means skip it.
struct Scores {
  double accuracy = 0.0;       // matched pixels / pixels
  double mean_iou = 0.0;       // over classes
  double mean_recall = 0.0;    // over classes
  std::vector<double> iou;     // [C] tp / (tp + fp + fn), NaN for a class absent from truth and prediction
  std::vector<double> recall;  // [C] tp / (tp + fn), NaN for a class absent from truth
};

/// Scores when cluster k stands for class class_of[k], or for none where that is -1.
/// @throws Error when class_of is not [K] or names a class outside [-1, C).
Scores score(const Histogram& histogram, const std::vector<int64_t>& class_of);

/// Accuracy and mean IoU in percent of a group of classes.
struct GroupScores {
  double accuracy = 0.0, mean_iou = 0.0;
};

/// Scores of the first `things` classes and of the rest, in three ways.
struct ThingStuff {
  struct Pair {
    GroupScores things, stuff;
  };
  /// As the authors log it: rows moved to the number of their cluster, then diagonal blocks. Which classes a block
  /// holds is chance. NaN unless clusters and classes are one-to-one.
  Pair cluster_order;
  /// Columns moved to the number of their class, then diagonal blocks: confusion with the other group is not seen.
  Pair label_order;
  /// Nothing is left out: matched / all pixels of the group's classes, mean of their IoU.
  Pair full;
};

/// @throws Error when things is not in [0, C], or as score() does.
ThingStuff thing_stuff(const Histogram& histogram, const std::vector<int64_t>& class_of, int64_t things);

}  // namespace bareseg
