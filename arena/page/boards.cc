#include <algorithm>

#include "arena/page/impl.h"
#include "arena/store/projection.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr int64_t kBoardMs = 1000;  // a board is at most this much behind the votes
constexpr size_t kMaxBoards = 200;
constexpr int kNumBattles = 20, kNumGames = 100;

bool OneOf(const std::string& value, std::initializer_list<const char*> values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

LeaderboardOptions BoardOptions(std::map<std::string, std::string> fields) {
  LeaderboardOptions options;
  options.filter = {.decider = fields["source"],
                    .subject = fields["subject"],
                    .stage = fields["stage"],
                    .category = fields["category"]};
  if (!OneOf(fields["source"], {"", "vote", "game", "grader", "judge"})) {
    throw Error(ErrorKind::kUsage, "source is vote, game, grader or judge");
  }
  if (!OneOf(fields["ties"], {"", "half", "rao-kupper", "davidson"})) {
    throw Error(ErrorKind::kUsage, "ties is half, rao-kupper or davidson");
  }
  options.ties = fields["ties"] == "rao-kupper" ? TieModel::kRaoKupper
                 : fields["ties"] == "davidson" ? TieModel::kDavidson
                                                : TieModel::kHalfWin;
  options.has_style_control = fields["style"] == "1";
  return options;
}

Json MatchJson(const Match& match) {
  Json detail = Json::object();
  try {
    detail = ParseJson(match.detail, "detail");
  } catch (const Error&) {  // the decider's own business
  }
  return {{"subject", match.subject},   {"task", match.task},   {"model_a", match.model_a},
          {"model_b", match.model_b},   {"score", match.score}, {"at_ms", match.at_ms},
          {"detail", std::move(detail)}};
}

Json SampleJson(const BattleRecord& record) {
  Json replies = Json::array();
  for (const Reply& reply : record.replies) {
    if (reply.turn == 0) replies.push_back(reply.text.substr(0, 2000));
  }
  return {{"id", record.battle.id},
          {"prompt", record.battle.prompt},
          {"category", record.battle.category},
          {"model_a", record.battle.model_a},
          {"model_b", record.battle.model_b},
          {"choice", ChoiceName(*record.choice)},
          {"turns", record.turns.size()},
          {"replies", std::move(replies)},
          {"at_ms", record.battle.at_ms}};
}

}  // namespace

std::string Page::Impl::CachedLeaderboard(const std::string& key,
                                          const LeaderboardOptions& options) {
  const int64_t num_rows = readers_.With([](Arena& arena) { return arena.NumLogRows(); });
  {
    const std::lock_guard lock(cache_mutex_);
    const CachedBoard& board = boards_[key];
    const bool is_fresh = SteadyMs() - board.at_ms < kBoardMs;
    if (!board.json.empty() && (board.num_rows == num_rows || is_fresh)) return board.json;
  }
  const std::string text = readers_.With([&](Arena& arena) {
    Json json = ParseJson(LeaderboardJson(ReadLeaderboard(arena, options)), "leaderboard");
    Json models = Json::array(), stages = Json::array();
    for (const Model& model : arena.Models()) {
      models.push_back(ModelJson(model));
      if (!model.stage.empty() &&
          std::find(stages.begin(), stages.end(), model.stage) == stages.end()) {
        stages.push_back(model.stage);
      }
    }
    json["models"] = std::move(models);
    json["stages"] = std::move(stages);
    json["categories"] = arena.Categories();
    return JsonLine(json);
  });
  const std::lock_guard lock(cache_mutex_);
  if (boards_.size() > kMaxBoards) boards_.clear();
  boards_[key] = {num_rows, SteadyMs(), text};
  return text;
}

Json Page::Impl::ModelJson(const Model& model) const {
  return {{"name", model.name},
          {"stage", model.stage},
          {"step", model.step},
          {"parent", model.parent},
          {"weights", model.weights},
          {"private", model.is_private},
          {"retired", model.retired_ms.has_value()},
          {"retired_why", model.retired_why},
          {"added_ms", model.added_ms},
          {"live_elo", model.elo},
          {"votes", model.num_votes},
          {"speaks", speakers_.CanSpeak(model.name)}};
}

net::HttpResponse Page::Impl::ApiLeaderboard(const Request& request, const Visitor&) {
  const LeaderboardOptions options = BoardOptions(ParseForm(request.query));
  const Json key = {options.filter.decider,         options.filter.subject,
                    options.filter.stage,           options.filter.category,
                    static_cast<int>(options.ties), options.has_style_control};
  return {200, CachedLeaderboard(JsonLine(key), options)};
}

net::HttpResponse Page::Impl::ApiModel(const Request& request, const Visitor&) {
  const std::string name = ParseForm(request.query)["name"];
  return readers_.With([&](Arena& arena) -> Response {
    const auto model = arena.FindModel(name);
    if (!model) throw Refusal{404, "err_no_model"};
    Json lineage = Json::array(), children = Json::array(), battles = Json::array();
    for (auto ancestor = model; ancestor; ancestor = arena.FindModel(ancestor->parent)) {
      lineage.push_back(ModelJson(*ancestor));
    }
    for (const Model& other : arena.Models()) {
      if (other.parent == name) children.push_back(ModelJson(other));
    }
    for (const BattleRecord& record : arena.LatestBattles(name, kNumBattles)) {
      battles.push_back(SampleJson(record));
    }
    return {200, JsonLine({{"model", ModelJson(*model)},
                           {"lineage", std::move(lineage)},
                           {"children", std::move(children)},
                           {"battles", std::move(battles)}})};
  });
}

net::HttpResponse Page::Impl::ApiGames(const Request& request, const Visitor&) {
  auto fields = ParseForm(request.query);
  const std::string decider = fields["source"].empty() ? "game" : fields["source"];
  if (!OneOf(decider, {"game", "grader", "judge"})) {
    throw Error(ErrorKind::kUsage, "source is game, grader or judge");
  }
  Json games = Json::array();
  readers_.With([&](Arena& arena) {
    for (const Match& match : arena.LatestMatches(decider, fields["model"], kNumGames)) {
      games.push_back(MatchJson(match));
    }
    return 0;
  });
  return {200, JsonLine({{"games", std::move(games)}})};
}

}  // namespace agon::arena
