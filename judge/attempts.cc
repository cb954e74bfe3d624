#include "judge/attempts.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "core/error.h"
#include "judge/statistics.h"

namespace agon::judge {
double PassAtK(int n, int c, int k) {
  AGON_CHECK(k >= 1 && c >= 0 && c <= n);
  if (n < k) return kNan;
  if (n - c < k) return 1;
  // 1 - C(n-c, k) / C(n, k) as a product of factors in [0, 1]: no factorial overflows.
  double all_wrong = 1;
  for (int i = n - c + 1; i <= n; ++i) all_wrong *= 1 - static_cast<double>(k) / i;
  return 1 - all_wrong;
}

double PassHatK(int n, int c, int k) {
  AGON_CHECK(k >= 1 && c >= 0 && c <= n);
  if (n < k) return kNan;
  double all_right = 1;
  for (int i = 0; i < k && all_right > 0; ++i) {
    all_right *= static_cast<double>(c - i) / (n - i);
  }
  return all_right;
}

double MajorityAtN(std::span<const Vote> votes) {
  struct Count {
    int votes = 0, right = 0;
  };
  std::map<std::string_view, Count> counts;
  int most = 0;
  for (const Vote& vote : votes) {
    if (vote.answer.empty()) continue;
    Count& count = counts[vote.answer];
    count.right += vote.correct ? 1 : 0;
    most = std::max(most, ++count.votes);
  }
  double right = 0;
  int num_first = 0;
  for (const auto& [answer, count] : counts) {
    if (count.votes != most) continue;
    right += static_cast<double>(count.right) / most;
    ++num_first;
  }
  return num_first == 0 ? 0 : right / num_first;
}

}  // namespace agon::judge
