// bench/support/spread.hpp -- what several rounds say together.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace bench {

// The value at quantile q of `sorted`, nearest rank.
template <class T>
T quantile(const std::vector<T>& sorted, double q) noexcept {
  if (sorted.empty()) return T{};
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  const std::size_t index = rank < 1.0 ? 0 : static_cast<std::size_t>(rank) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

struct spread {
  double median = 0;
  double min = 0;
  double max = 0;
  double mad = 0;  // median of the distances to the median
};

inline double median_of(std::vector<double> values) noexcept {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

inline spread spread_of(const std::vector<double>& values) {
  spread s;
  if (values.empty()) return s;
  s.median = median_of(values);
  s.min = *std::min_element(values.begin(), values.end());
  s.max = *std::max_element(values.begin(), values.end());
  std::vector<double> distances;
  for (const double v : values) distances.push_back(std::fabs(v - s.median));
  s.mad = median_of(std::move(distances));
  return s;
}

// Round by round.
inline spread ratios_of(const std::vector<double>& of, const std::vector<double>& to) {
  std::vector<double> each;
  for (std::size_t i = 0; i < of.size(); ++i) each.push_back(of[i] / to[i]);
  return spread_of(each);
}

}  // namespace bench
