// Gaussian filtering of scattered points in time linear in their number.
#pragma once

#include <cstdint>
#include <vector>

namespace bareseg {

/// The permutohedral lattice of Adams, Baek & Davis (Fast High-Dimensional Filtering Using the Permutohedral Lattice,
/// 2010): each point shares its value among the d + 1 corners of the simplex that it lies in (splat), the corners are
/// blurred with (1/2, 1, 1/2) along each of the d + 1 directions of the lattice, and each point reads its corners back
/// (slice). O(N d^2) to build, O(N d C) to filter.
class PermutohedralLattice {
 public:
  /// @param positions  float [N, d], in standard deviations of the Gaussian.
  /// @throws Error unless d is in [1, 16], N > 0, and all are finite and below 1e6 in absolute value.
  PermutohedralLattice(const std::vector<float>& positions, int dims);

  int64_t points() const { return static_cast<int64_t>(corners_.size()) / (dims_ + 1); }
  int64_t vertices() const { return static_cast<int64_t>(begin_.size()) - 1; }

  /// out_i = about c sum_j exp(-|p_i - p_j|^2 / 2) in_j, with one c for all points; in and out are [N, channels] and
  /// may not overlap. The same bits for every number of threads.
  void filter(const float* in, float* out, int64_t channels) const;

 private:
  void find_simplexes(const std::vector<float>& positions, std::vector<int32_t>& keys);
  void find_neighbours(const std::vector<int32_t>& keys);
  void sort_by_vertex();

  int dims_;
  std::vector<int32_t> corners_;     // [N, d + 1] vertices round each point
  std::vector<float> weights_;       // [N, d + 1] barycentric coordinates
  std::vector<int32_t> neighbours_;  // [d + 1, M, 2]; -1 for none
  std::vector<int64_t> begin_;       // [M + 1] where the shares of each vertex begin in shares_
  std::vector<int64_t> shares_;      // entries of corners_, sorted by vertex
};

}  // namespace bareseg
