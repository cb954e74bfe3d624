#include <algorithm>
#include <array>
#include <map>

#include "arena/store/impl.h"
#include "core/error.h"
#include "core/rng.h"

namespace agon::arena {
namespace {

Json BodyOf(const Match& match) {
  return {{"decider", match.decider}, {"subject", match.subject}, {"task", match.task},
          {"a", match.model_a},       {"b", match.model_b},       {"score", match.score},
          {"detail", match.detail}};
}

constexpr const char* kMatchesOf =
    "SELECT subject, task, a.name, b.name, score, detail, at_ms FROM match "
    "JOIN model a ON a.id = model_a JOIN model b ON b.id = model_b ";

Match MatchOf(const std::string& decider, Statement& row) {
  return {decider,
          std::string(row.Text(0)),
          std::string(row.Text(1)),
          std::string(row.Text(2)),
          std::string(row.Text(3)),
          row.Real(4),
          std::string(row.Text(5)),
          row.Int(6)};
}

// Styles of both replies of each battle, as their difference.
std::map<std::string, Style> StylesByBattle(Database& database) {
  std::map<std::string, std::array<Style, 2>> sides;
  Statement rows = database.Prepare("SELECT battle, side, text FROM reply");
  while (rows.Step()) {
    Style& sum = sides[std::string(rows.Text(0))][static_cast<size_t>(rows.Int(1))];
    const Style style = StyleOf(rows.Text(2));
    for (size_t f = 0; f < kNumStyles; ++f) sum[f] += style[f];
  }
  std::map<std::string, Style> differences;
  for (const auto& [battle, side] : sides) differences[battle] = StyleDifference(side[0], side[1]);
  return differences;
}

// Model ids to contestants.
class Contestants {
 public:
  Contestants(Database& database, const std::vector<Model>& models, const std::string& stage) {
    Statement rows = database.Prepare("SELECT id FROM model ORDER BY id");
    for (int i = 0; rows.Step(); ++i) {
      if (stage.empty() || models[static_cast<size_t>(i)].stage == stage) index_[rows.Int(0)] = i;
    }
  }
  // Whether both take part; sets them in `comparison`.
  bool Set(int64_t a, int64_t b, Comparison& comparison) const {
    const auto first = index_.find(a), second = index_.find(b);
    if (first == index_.end() || second == index_.end()) return false;
    comparison.a = first->second;
    comparison.b = second->second;
    return true;
  }

 private:
  std::map<int64_t, int> index_;
};

}  // namespace

int64_t Arena::AddMatches(std::span<const Match> matches) {
  LogTransaction log(*impl_);
  const int64_t before = log.num_rows();
  for (const Match& match : matches) {
    const Json body = BodyOf(match);
    const std::string where = "match on " + CanonicalText(match.task);
    if (match.score != 0 && match.score != 0.5 && match.score != 1) {
      throw Error(ErrorKind::kUsage, "a score of " + std::to_string(match.score), where,
                  "a contestant makes 0, 0.5 or 1 point");
    }
    if (impl_->projection.Holds("match", ParseJson(CanonicalText(body), where), where)) continue;
    log.Append("match", body, where);
  }
  const int64_t added = log.num_rows() - before;
  log.Commit();
  return added;
}

void Arena::ForEachMatch(const std::string& decider,
                         const std::function<void(const Match&)>& take) {
  const ReadTransaction moment(impl_->database);
  Statement rows =
      impl_->database.Prepare(std::string(kMatchesOf) + "WHERE decider = ? ORDER BY match.id");
  rows.Bind(decider);
  while (rows.Step()) take(MatchOf(decider, rows));
}

std::vector<Match> Arena::LatestMatches(const std::string& decider, const std::string& model,
                                        int max_matches) {
  Statement rows =
      impl_->database.Prepare(std::string(kMatchesOf) +
                              "WHERE decider = ?1 AND (?2 = '' OR a.name = ?2 OR b.name = ?2) "
                              "ORDER BY match.id DESC LIMIT ?3");
  rows.Bind(decider, model, max_matches);
  std::vector<Match> matches;
  while (rows.Step()) matches.push_back(MatchOf(decider, rows));
  return matches;
}

Comparisons Arena::Compare(const Filter& filter, bool with_style) {
  Database& database = impl_->database;
  const ReadTransaction moment(database);
  Comparisons result;
  result.head = Head();
  result.models = Models();
  const Contestants contestants(database, result.models, filter.stage);
  const auto wants = [&](std::string_view decider) {
    return filter.decider.empty() || filter.decider == decider;
  };
  if (wants("vote") && filter.subject.empty()) {
    const auto styles = with_style ? StylesByBattle(database) : std::map<std::string, Style>();
    Statement rows = database.Prepare(
        "SELECT battle, model_a, model_b, choice, voter, dwell_ms, prompt FROM vote "
        "JOIN battle ON battle.id = vote.battle JOIN prompt ON prompt.id = battle.prompt "
        "WHERE ?1 = '' OR category = ?1 ORDER BY vote.id");
    rows.Bind(filter.category);
    while (rows.Step()) {
      Comparison comparison;
      if (!contestants.Set(rows.Int(1), rows.Int(2), comparison)) continue;
      comparison.outcome = ChoiceFromName(rows.Text(3)).value_or(Outcome::kTie);
      comparison.voter = Hash64(rows.Text(4));
      comparison.weight = DwellWeight(rows.OptionalInt(5));
      comparison.prompt = static_cast<uint64_t>(rows.Int(6));
      const auto style = styles.find(std::string(rows.Text(0)));
      if (style != styles.end()) comparison.style = style->second;
      result.comparisons.push_back(comparison);
    }
  }
  if (!filter.category.empty()) return result;
  Statement rows = database.Prepare(
      "SELECT decider, subject, task, model_a, model_b, score FROM match "
      "WHERE (?1 = '' OR decider = ?1) AND (?2 = '' OR subject = ?2) ORDER BY id");
  rows.Bind(filter.decider, filter.subject);
  while (rows.Step()) {
    Comparison comparison;
    if (!contestants.Set(rows.Int(3), rows.Int(4), comparison)) continue;
    const double score = rows.Real(5);
    comparison.outcome = score == 1 ? Outcome::kWinA : score == 0 ? Outcome::kWinB : Outcome::kTie;
    comparison.is_person = false;
    comparison.voter = Hash64(rows.Text(1), Hash64(rows.Text(0)));
    comparison.prompt = Hash64(rows.Text(2), comparison.voter);
    result.comparisons.push_back(comparison);
  }
  return result;
}

}  // namespace agon::arena
