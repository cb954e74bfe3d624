#include <cmath>
#include <cstdio>

#include "arena/leaderboard.h"
#include "core/align.h"
#include "core/json.h"

namespace agon::arena {
namespace {

std::string Number(const char* format, double value) {
  if (!std::isfinite(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// Terminals obey control characters, and names come from outside.
std::string Printable(const std::string& name) {
  std::string text;
  for (const char c : name) {
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return text;
}

std::string Rank(const RankInterval& rank) {
  return rank.best == rank.worst ? std::to_string(rank.best)
                                 : std::to_string(rank.best) + "–" + std::to_string(rank.worst);
}

std::string Marks(const Model& model) {
  return std::string(model.retired_ms ? " (retired)" : "") + (model.is_private ? " (private)" : "");
}

Json RowJson(const LeaderboardRow& row) {
  return {{"name", row.model.name},
          {"stage", row.model.stage},
          {"step", row.model.step},
          {"parent", row.model.parent},
          {"weights", row.model.weights},
          {"private", row.model.is_private},
          {"retired", row.model.retired_ms.has_value()},
          {"rank_best", row.rank.best},
          {"rank_worst", row.rank.worst},
          {"rating", NumberOrNull(row.rating)},
          {"ci_low", NumberOrNull(row.ci_low)},
          {"ci_high", NumberOrNull(row.ci_high)},
          {"comparisons", row.num_comparisons},
          {"wins", row.wins},
          {"losses", row.losses},
          {"ties", row.ties},
          {"share", row.share},
          {"p_next", NumberOrNull(row.p_next)},
          {"live_elo", row.model.elo}};
}

}  // namespace

std::string LeaderboardTable(const Leaderboard& board) {
  if (board.rows.empty()) return "No comparisons yet.\n";
  std::vector<std::vector<std::string>> lines = {
      {"rank", "model", "stage", "rating", "95 % interval", "comparisons", "win", "p to next"}};
  for (const LeaderboardRow& row : board.rows) {
    const double total = row.wins + row.losses + row.ties;
    const std::string interval = std::isfinite(row.ci_low) ? Number("%.0f", row.ci_low) + " to " +
                                                                 Number("%.0f", row.ci_high)
                                                           : "–";
    lines.push_back(
        {Rank(row.rank), Printable(row.model.name) + Marks(row.model), Printable(row.model.stage),
         Number("%.0f", row.rating), interval, std::to_string(row.num_comparisons),
         Number("%.0f %%", 100 * (row.wins + row.ties / 2) / total), Number("%.3f", row.p_next)});
  }
  std::string text =
      AlignColumns(lines, [](size_t column) { return column == 1 || column == 2; }) + "\n";
  if (board.first_place) {
    const FirstPlace& first = *board.first_place;
    text += "First place: " + std::to_string(first.num_flips) + " of " +
            std::to_string(board.num_comparisons) + " verdicts, turned round, would put " +
            Printable(board.rows[static_cast<size_t>(first.rival)].model.name) + " first.\n";
  }
  if (board.has_style) {
    text += "Style: one standard deviation more is worth, in points, length " +
            Number("%+.0f", kPointsPerNat * board.style[0]) + ", headers " +
            Number("%+.0f", kPointsPerNat * board.style[1]) + ", lists " +
            Number("%+.0f", kPointsPerNat * board.style[2]) + ", bold " +
            Number("%+.0f", kPointsPerNat * board.style[3]) + ".\n";
  }
  for (const std::string& note : board.notes) text += Printable(note) + "\n";
  return text;
}

std::string LeaderboardJson(const Leaderboard& board) {
  Json rows = Json::array();
  for (const LeaderboardRow& row : board.rows) rows.push_back(RowJson(row));
  const size_t n = board.rows.size();
  const auto matrix = [&](const std::vector<double>& values) {
    Json lines = Json::array();
    for (size_t i = 0; i < n; ++i) {
      Json line = Json::array();
      for (size_t j = 0; j < n; ++j) line.push_back(NumberOrNull(values[i * n + j]));
      lines.push_back(std::move(line));
    }
    return lines;
  };
  Json json = {{"comparisons", board.num_comparisons},
               {"voters_set_aside", board.voters_set_aside.size()},
               {"tie_parameter", NumberOrNull(board.tie_parameter)},
               {"style_coefficients", board.style},
               {"notes", board.notes},
               {"log_head", board.head},
               {"first_place", nullptr},
               {"rows", std::move(rows)},
               {"win_shares", matrix(board.win_shares)},
               {"counts", matrix(board.counts)}};
  if (board.first_place) {
    json["first_place"] = {{"leader", board.first_place->leader},
                           {"rival", board.first_place->rival},
                           {"flips", board.first_place->num_flips}};
  }
  return DumpJson(json, 2) + "\n";
}

}  // namespace agon::arena
