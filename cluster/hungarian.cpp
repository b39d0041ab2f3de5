#include "cluster/hungarian.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/error.h"

namespace bareseg {
namespace {

// Costs with no more rows than columns.
template <typename T>
struct Costs {
  std::vector<T> values;
  int64_t rows, cols;
  T at(int64_t row, int64_t col) const { return values[static_cast<size_t>(row * cols + col)]; }
};

// Rows enter one by one, each along a shortest augmenting path in reduced costs. Index 0 of rows and columns is a
// sentinel: column 0 holds the row that is entering.
template <typename T>
class Solver {
 public:
  explicit Solver(const Costs<T>& costs)
      : costs_(costs), row_potential_(size(costs.rows)), col_potential_(size(costs.cols)), row_of_(size(costs.cols)) {
    for (int64_t row = 1; row <= costs.rows; ++row) enter(row);
  }

  std::vector<int64_t> columns() const {
    std::vector<int64_t> column(static_cast<size_t>(costs_.rows), -1);
    for (size_t col = 1; col < row_of_.size(); ++col)
      if (row_of_[col] > 0) column[static_cast<size_t>(row_of_[col] - 1)] = static_cast<int64_t>(col) - 1;
    return column;
  }

 private:
  static size_t size(int64_t n) { return static_cast<size_t>(n + 1); }

  void enter(int64_t row) {
    std::vector<T> distance(row_of_.size(), std::numeric_limits<T>::max());
    std::vector<size_t> previous(row_of_.size(), 0);
    std::vector<bool> reached(row_of_.size(), false);
    size_t col = 0;
    row_of_[0] = row;
    while (row_of_[col] != 0) {
      reached[col] = true;
      col = extend(col, distance, previous, reached);
    }
    for (; col != 0; col = previous[col]) row_of_[col] = row_of_[previous[col]];
  }

  // Grows the tree of shortest paths by the row of `from` and returns the nearest column outside it.
  size_t extend(size_t from, std::vector<T>& distance, std::vector<size_t>& previous,
                const std::vector<bool>& reached) {
    const int64_t row = row_of_[from];
    T least = std::numeric_limits<T>::max();
    size_t nearest = 0;
    for (size_t col = 1; col < row_of_.size(); ++col) {
      if (reached[col]) continue;
      const T reduced = costs_.at(row - 1, static_cast<int64_t>(col) - 1) - row_potential_[static_cast<size_t>(row)] -
                        col_potential_[col];
      if (reduced < distance[col]) {
        distance[col] = reduced;
        previous[col] = from;
      }
      if (distance[col] < least) {
        least = distance[col];
        nearest = col;
      }
    }
    for (size_t col = 0; col < row_of_.size(); ++col) {
      if (reached[col]) {
        row_potential_[static_cast<size_t>(row_of_[col])] += least;
        col_potential_[col] -= least;
      } else {
        distance[col] -= least;
      }
    }
    return nearest;
  }

  const Costs<T>& costs_;
  std::vector<T> row_potential_, col_potential_;
  std::vector<int64_t> row_of_;  // of each column; 0 is none
};

}  // namespace

template <typename T>
std::vector<int64_t> solve_assignment(std::span<const T> values, int64_t rows, int64_t cols, Goal goal) {
  BS_CHECK(rows >= 0 && cols >= 0 && static_cast<int64_t>(values.size()) == rows * cols, "solve_assignment: expected ",
           rows, " x ", cols, " values, got ", values.size());
  if constexpr (std::is_floating_point_v<T>)
    for (const T value : values) BS_CHECK(std::isfinite(value), "solve_assignment: values must be finite, got ", value);
  const bool transpose = rows > cols;
  Costs<T> costs{std::vector<T>(values.size()), transpose ? cols : rows, transpose ? rows : cols};
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col) {
      const T value = values[static_cast<size_t>(row * cols + col)];
      const int64_t place = transpose ? col * rows + row : row * cols + col;
      costs.values[static_cast<size_t>(place)] = goal == Goal::maximize ? -value : value;
    }
  std::vector<int64_t> pairs = Solver<T>(costs).columns();
  if (!transpose) return pairs;
  std::vector<int64_t> columns(static_cast<size_t>(rows), -1);
  for (size_t col = 0; col < pairs.size(); ++col) columns[static_cast<size_t>(pairs[col])] = static_cast<int64_t>(col);
  return columns;
}

template std::vector<int64_t> solve_assignment(std::span<const double>, int64_t, int64_t, Goal);
template std::vector<int64_t> solve_assignment(std::span<const int64_t>, int64_t, int64_t, Goal);

}  // namespace bareseg
