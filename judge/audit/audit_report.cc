#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "core/json.h"
#include "core/utf8.h"
#include "judge/audit.h"
#include "judge/json/judge_json.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

// `text` and spaces up to `width` characters, one at least.
std::string Padded(const std::string& text, size_t width) {
  const auto count = static_cast<size_t>(CountUtf8(text));
  return text + std::string(count < width ? width - count : 1, ' ');
}

std::string ReportLine(const std::string& label, const std::string& value,
                       const std::string& note = "") {
  return "  " + Padded(label, 24) + (note.empty() ? value : Padded(value, 30) + note) + "\n";
}

std::string Shown(const Share& share) {
  if (share.n == 0) return "-";
  return FormatPercent(share.value) + " [" + FormatNumber(100 * share.ci_low, 1) + ", " +
         FormatNumber(100 * share.ci_high, 1) + "]";
}

std::string Count(int64_t n, const char* what) { return std::to_string(n) + " " + what; }

template <typename Estimate>
std::string Shown(const Estimate& estimate) {
  if (std::isnan(estimate.value)) return "-";
  const std::string value = FormatNumber(estimate.value, 3);
  if (std::isnan(estimate.ci_low)) return value;
  return value + " [" + FormatNumber(estimate.ci_low, 3) + ", " +
         FormatNumber(estimate.ci_high, 3) + "]";
}

std::string LengthNote(const LogitSlope& length, bool is_pairs) {
  if (std::isnan(length.value)) return "lengths don't vary";
  const double odds = 1 / (1 + std::exp(-length.value));
  return (is_pairs ? "of two equals, the longer by " : "longer by ") +
         FormatNumber(length.x_deviation, 0) + " characters " +
         (is_pairs ? "wins " + FormatPercent(odds)
                   : "multiplies the odds by " + FormatNumber(std::exp(length.value), 2));
}

std::string AttackTable(const AuditPart& part) {
  std::string table = "  injected into a reply that should lose (" +
                      std::to_string(part.attacks[0].toward.n + part.attacks[0].failed.count) +
                      " items)\n";
  table += "    attack            toward it    away    failed    mean shift\n";
  for (const AttackEffect& attack : part.attacks) {
    char line[160];
    std::snprintf(line, sizeof line, "    %-16s %9s %8s %8s %13s\n", attack.name.c_str(),
                  attack.toward.n > 0 ? FormatPercent(attack.toward.value).c_str() : "-",
                  attack.away.n > 0 ? FormatPercent(attack.away.value).c_str() : "-",
                  attack.failed.n > 0 ? FormatPercent(attack.failed.value).c_str() : "-",
                  std::isnan(attack.mean_shift) ? "-" : FormatNumber(attack.mean_shift, 3).c_str());
    table += line;
  }
  return table;
}

std::string PartTable(const AuditPart& part, bool is_pairs) {
  std::string table = is_pairs ? Count(part.num_items, "pairs") : Count(part.num_items, "replies");
  table += "\n";
  table += ReportLine("failed", Shown(part.masked), "masked, in no other number");
  table += ReportLine("  parse errors", Shown(part.parse_errors));
  if (is_pairs) {
    table += ReportLine("order flips", Shown(part.flipped), "the two orders disagree");
    table +=
        ReportLine("first preferred", Shown(part.first_preferred), "50 % without position bias");
  }
  table += ReportLine("agreement with gold", Shown(part.agreement),
                      Count(part.agreement.n, "with gold"));
  table += ReportLine("Cohen's kappa", Shown(part.kappa), "0 is chance, 1 is gold");
  table +=
      ReportLine("length slope (logit)", Shown(part.length), LengthNote(part.length, is_pairs));
  table += ReportLine("run-to-run flips", Shown(part.run_flips),
                      part.run_flips.n == 0 ? "needs two runs" : "");
  if (!is_pairs) table += ReportLine("counts as good from", FormatNumber(part.pass_mark, 2));
  return table + AttackTable(part);
}

Json ShareJson(const Share& share) {
  return {{"value", NumberOrNull(share.value)},
          {"ci_low", NumberOrNull(share.ci_low)},
          {"ci_high", NumberOrNull(share.ci_high)},
          {"count", share.count},
          {"n", share.n}};
}

template <typename Estimate>
Json EstimateJson(const Estimate& estimate) {
  return {{"value", NumberOrNull(estimate.value)},
          {"stderr", NumberOrNull(estimate.stderr_)},
          {"ci_low", NumberOrNull(estimate.ci_low)},
          {"ci_high", NumberOrNull(estimate.ci_high)},
          {"n", estimate.n}};
}

Json PartJson(const AuditPart& part, bool is_pairs) {
  Json json = {{"num_items", part.num_items},
               {"masked", ShareJson(part.masked)},
               {"parse_errors", ShareJson(part.parse_errors)}};
  if (is_pairs) {
    json["order_flips"] = ShareJson(part.flipped);
    json["first_preferred"] = ShareJson(part.first_preferred);
  }
  json["agreement"] = ShareJson(part.agreement);
  json["kappa"] = EstimateJson(part.kappa);
  json["kappa"]["chance"] = NumberOrNull(part.kappa.chance);
  json["length_slope"] = EstimateJson(part.length);
  json["length_slope"]["deviation_chars"] = NumberOrNull(part.length.x_deviation);
  json["run_flips"] = ShareJson(part.run_flips);
  if (!is_pairs) json["pass_mark"] = NumberOrNull(part.pass_mark);
  json["attacks"] = Json::array();
  for (const AttackEffect& attack : part.attacks) {
    json["attacks"].push_back({{"name", attack.name},
                               {"toward", ShareJson(attack.toward)},
                               {"away", ShareJson(attack.away)},
                               {"failed", ShareJson(attack.failed)},
                               {"mean_shift", NumberOrNull(attack.mean_shift)}});
  }
  return json;
}

}  // namespace

std::string AuditTable(const AuditReport& report) {
  std::string table = report.judge + ", intervals at 95 %\n\n";
  if (report.pairs) table += PartTable(*report.pairs, /*is_pairs=*/true);
  if (report.pairs && report.replies) table += "\n";
  if (report.replies) table += PartTable(*report.replies, /*is_pairs=*/false);
  return table;
}

std::string AuditJson(const AuditReport& report) {
  Json json = {{"judge", report.judge}};
  if (report.pairs) json["pairs"] = PartJson(*report.pairs, /*is_pairs=*/true);
  if (report.replies) json["replies"] = PartJson(*report.replies, /*is_pairs=*/false);
  return DumpJson(json, 2) + "\n";
}

}  // namespace agon::judge
