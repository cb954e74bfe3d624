// Whether the last model is better than the first: worked out once, said in every format.
#include <cmath>

#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/significance.h"
#include "judge/text.h"

namespace agon::judge {

Conclusion ConclusionOf(const ReportInput& input) {
  Conclusion conclusion;
  if (input.models.size() < 2) return conclusion;
  conclusion.headlines = HeadlineComparisons(input, input.models.back().model);
  std::vector<Estimate> shares;
  for (const Comparison* c : conclusion.headlines) {
    ++conclusion.counts[static_cast<size_t>(FindingOf(*c))];
    if (!TraitsOf(c->metric).is_share) continue;
    shares.push_back({c->diff, c->stderr_, c->ci_low, c->ci_high, c->n});
  }
  if (conclusion.headlines.size() == 1) conclusion.finding = FindingOf(*conclusion.headlines[0]);
  if (shares.size() < 2) return conclusion;
  conclusion.mean = MeanOfEstimates(shares);
  conclusion.num_averaged = shares.size();
  conclusion.mean_p = PValue(*conclusion.mean);
  if (conclusion.mean_p < kAlpha) {
    conclusion.finding = conclusion.mean->value > 0 ? Finding::kBetter : Finding::kWorse;
  }
  return conclusion;
}

std::string Conclusion::Sentence(const std::string& a, const std::string& b) const {
  const size_t better = Count(Finding::kBetter), worse = Count(Finding::kWorse);
  if (finding != Finding::kUnclear) {
    const bool is_mixed = (finding == Finding::kBetter ? worse : better) > 0;
    return b + " is " + FindingName(finding) + " than " + a +
           (is_mixed ? " on the whole, not everywhere" : "");
  }
  if (better > 0 && worse > 0) return b + " is better than " + a + " at some, worse at others";
  if (better + worse == 0) return "No clear difference between " + b + " and " + a;
  return b + " is " + (better > 0 ? "better" : "worse") + " than " + a + " at some";
}

std::string Conclusion::MeanText() const {
  std::string text =
      FormatPoints(mean->value) + " points on average over " + Counted(num_averaged, "benchmark");
  if (std::isnan(mean->ci_low)) return text;
  return text + " [" + FormatPoints(mean->ci_low) + ", " + FormatPoints(mean->ci_high) + "]";
}

}  // namespace agon::judge
