#include "core/names.h"

#include <algorithm>
#include <vector>

namespace agon {

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int differs = a[i - 1] != b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string NearestName(std::string_view name, std::span<const std::string> candidates) {
  constexpr size_t kLongestName = 256;
  if (name.size() > kLongestName) return "";
  std::string nearest;
  int best = -1;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(name, candidate);
    const auto longer = static_cast<int>(std::max(name.size(), candidate.size()));
    if (2 * distance > longer || (best >= 0 && distance >= best)) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace agon
