// What several attempts at one task are worth. Pure functions, thread-safe.
#pragma once

#include <span>
#include <string>

namespace agon::judge {

// Unbiased pass@k from n attempts of which c are right: the chance that k of them, drawn
// without replacement, hold at least one that is right. NaN if n < k.
// Source: Chen et al. 2021, arXiv 2107.03374, equation 1. REQUIRES: k >= 1, 0 <= c <= n.
double PassAtK(int n, int c, int k);

// Unbiased pass^k: the chance that all k are right, C(c, k) / C(n, k). NaN if n < k.
// Source: Yao et al. 2024, tau-bench, arXiv 2406.12045, section 3. REQUIRES as above.
double PassHatK(int n, int c, int k);

// One attempt's answer, "" if it offers none.
struct Vote {
  std::string answer;
  bool correct = false;
};

// maj@n: whether the answer given most often is right. Answers are one if their texts are;
// those without an answer don't vote. Among answers given equally often chance decides, so the
// result is the share of them that is right; 0 if nobody votes. A text that was called right
// once and wrong once counts by the share of its votes.
// Source: Wang et al. 2022, self-consistency, arXiv 2203.11171.
double MajorityAtN(std::span<const Vote> votes);

}  // namespace agon::judge
