// Linear assignment.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bareseg {

enum class Goal { minimize, maximize };

/// One-to-one assignment of rows to columns with the best sum of values; min(rows, cols) pairs are made. Successive
/// shortest paths with potentials (Jonker & Volgenant 1987), O(min^2 max).
///
/// @param values  [rows, cols] row-major, finite; T is double or int64_t, and int64_t values are below 2^53 / rows.
/// @return        the column of each row, -1 for rows left over.
/// @throws Error when values.size() is not rows * cols or a double is not finite.
template <typename T>
std::vector<int64_t> solve_assignment(std::span<const T> values, int64_t rows, int64_t cols, Goal goal);

extern template std::vector<int64_t> solve_assignment(std::span<const double>, int64_t, int64_t, Goal);
extern template std::vector<int64_t> solve_assignment(std::span<const int64_t>, int64_t, int64_t, Goal);

}  // namespace bareseg
