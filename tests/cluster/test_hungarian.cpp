#include "cluster/hungarian.h"

#include <cmath>
#include <fstream>
#include <numeric>

#include "tests/cluster/helpers.h"

namespace bareseg {
namespace {

template <typename T>
T sum_of(const std::vector<T>& values, int64_t cols, const std::vector<int64_t>& columns) {
  T sum = 0;
  for (size_t row = 0; row < columns.size(); ++row)
    if (columns[row] >= 0) sum += values[row * static_cast<size_t>(cols) + static_cast<size_t>(columns[row])];
  return sum;
}

void expect_one_to_one(const std::vector<int64_t>& columns, int64_t rows, int64_t cols) {
  ASSERT_EQ(static_cast<int64_t>(columns.size()), rows);
  std::vector<int64_t> used(static_cast<size_t>(cols));
  int64_t pairs = 0;
  for (const int64_t col : columns) {
    ASSERT_TRUE(col >= -1 && col < cols);
    if (col < 0) continue;
    ++pairs;
    EXPECT_EQ(++used[static_cast<size_t>(col)], 1);
  }
  EXPECT_EQ(pairs, std::min(rows, cols));
}

// Best sum over all ways to pair the shorter side, for rows <= cols.
double best_by_permutations(const std::vector<double>& values, int64_t rows, int64_t cols) {
  std::vector<int64_t> order(static_cast<size_t>(cols));
  std::iota(order.begin(), order.end(), int64_t{0});
  double best = -HUGE_VAL;
  do {
    best = std::max(best, sum_of(values, cols, {order.begin(), order.begin() + rows}));
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

TEST(Assignment, EqualsBruteForce) {
  Random random(kTestSeed, Draws::test, 50);
  for (int64_t rows = 1; rows <= 6; ++rows)
    for (int64_t cols = rows; cols <= 6; ++cols)
      for (int repeat = 0; repeat < 10; ++repeat) {
        std::vector<double> values(static_cast<size_t>(rows * cols)), turned(values.size()), negative(values.size());
        for (double& value : values) value = static_cast<double>(random.below(repeat < 5 ? 4 : 1000)) - 2.5;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < cols; ++c)
            turned[static_cast<size_t>(c * rows + r)] = values[static_cast<size_t>(r * cols + c)];
        for (size_t i = 0; i < values.size(); ++i) negative[i] = -values[i];
        const double best = best_by_permutations(values, rows, cols);
        const auto most = solve_assignment(std::span<const double>(values), rows, cols, Goal::maximize);
        const auto least = solve_assignment(std::span<const double>(negative), rows, cols, Goal::minimize);
        const auto other = solve_assignment(std::span<const double>(turned), cols, rows, Goal::maximize);
        expect_one_to_one(most, rows, cols);
        expect_one_to_one(other, cols, rows);
        EXPECT_DOUBLE_EQ(sum_of(values, cols, most), best) << rows << " x " << cols;
        EXPECT_DOUBLE_EQ(sum_of(negative, cols, least), -best) << rows << " x " << cols;
        EXPECT_DOUBLE_EQ(sum_of(turned, rows, other), best) << cols << " x " << rows;
      }
}

TEST(Assignment, EqualsSciPy) {
  std::ifstream in(BARESEG_TESTS_DIR "/golden/cluster/assignment.txt");
  int64_t rows, cols, cases = 0;
  for (; in >> rows >> cols; ++cases) {
    std::vector<int64_t> values(static_cast<size_t>(rows * cols));
    for (int64_t& value : values) in >> value;
    int64_t least, most;
    in >> least >> most;
    const std::span<const int64_t> all(values);
    const auto minimal = solve_assignment(all, rows, cols, Goal::minimize);
    const auto maximal = solve_assignment(all, rows, cols, Goal::maximize);
    expect_one_to_one(minimal, rows, cols);
    expect_one_to_one(maximal, rows, cols);
    EXPECT_EQ(sum_of(values, cols, minimal), least) << rows << " x " << cols;
    EXPECT_EQ(sum_of(values, cols, maximal), most) << rows << " x " << cols;
  }
  EXPECT_EQ(cases, 8);
}

TEST(Assignment, CountsBeyondFloatStayExact) {
  const int64_t big = int64_t{1} << 50;
  const std::vector<int64_t> values{big, big + 1, big + 1, big + 3};
  EXPECT_EQ(solve_assignment(std::span<const int64_t>(values), 2, 2, Goal::maximize), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(solve_assignment(std::span<const int64_t>(values), 2, 2, Goal::minimize), (std::vector<int64_t>{1, 0}));
}

TEST(Assignment, EmptyAndErrors) {
  const std::vector<double> none, two{1.0, 2.0}, bad{1.0, NAN};
  EXPECT_TRUE(solve_assignment(std::span<const double>(none), 0, 3, Goal::minimize).empty());
  EXPECT_EQ(solve_assignment(std::span<const double>(none), 2, 0, Goal::minimize), (std::vector<int64_t>{-1, -1}));
  EXPECT_ERROR(solve_assignment(std::span<const double>(two), 2, 2, Goal::minimize), "expected 2 x 2 values, got 2");
  EXPECT_ERROR(solve_assignment(std::span<const double>(bad), 1, 2, Goal::minimize), "must be finite");
}

}  // namespace
}  // namespace bareseg
