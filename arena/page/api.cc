#include <utility>

#include "arena/page/impl.h"
#include "arena/store/projection.h"
#include "core/digest.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr std::string_view kBattles = "/api/battles/";

std::string Optional(const Json& body, const char* key) {
  return body.contains(key) ? JsonField<std::string>(body, key, "body") : "";
}

// "ID" and "vote" of "/api/battles/ID/vote".
std::pair<std::string, std::string> BattleAndAction(std::string_view path) {
  path.remove_prefix(kBattles.size());
  const size_t slash = path.find('/');
  if (slash == path.npos) return {std::string(path), ""};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

Json ReceiptJson(const VoteReceipt& receipt) {
  return {{"status", receipt.status == VoteStatus::kCounted ? "counted" : "already_voted"},
          {"model_a", receipt.model_a},
          {"model_b", receipt.model_b},
          {"elo_a", receipt.elo_a},
          {"elo_b", receipt.elo_b},
          {"gain_a", receipt.gain_a}};
}

Json BattleJson(const BattleView& view) {
  const BattleRecord& record = view.record;
  Json replies = Json::array();
  for (const Reply& reply : record.replies) {
    replies.push_back({{"side", reply.side},
                       {"turn", reply.turn},
                       {"text", reply.text},
                       {"finish", reply.finish}});
  }
  Json json = {{"id", record.battle.id}, {"category", record.battle.category},
               {"turns", record.turns},  {"replies", std::move(replies)},
               {"live", view.is_live},   {"can_vote", view.can_vote()},
               {"spoilt", view.spoilt}};
  if (!view.token.empty()) json["token"] = view.token;
  if (view.is_shown()) {
    json["model_a"] = record.battle.model_a;
    json["model_b"] = record.battle.model_b;
  }
  if (record.choice) {
    json["choice"] = ChoiceName(*record.choice);
    json["gain_a"] = record.gain_a;
    json["tags"] = record.tags;
    json["comment"] = record.comment;
  }
  return json;
}

}  // namespace

net::HttpResponse Page::Impl::ApiSession(const Request&, const Visitor& visitor) {
  const std::string token =
      readers_.With([&](Arena& arena) { return arena.FormToken(visitor.session); });
  return {200, JsonLine({{"form_token", token},
                         {"language", visitor.language},
                         {"models", ReadyModels().size()},
                         {"draws_prompts", static_cast<bool>(options_.draw_prompt)},
                         {"max_prompt_bytes", options_.max_prompt_bytes},
                         {"max_turns", options_.max_turns}})};
}

net::HttpResponse Page::Impl::ApiPrompt(const Request&, const Visitor&) {
  if (!options_.draw_prompt) throw Refusal{404, "err_no_prompts"};
  const DrawnPrompt drawn = options_.draw_prompt(std::stoull(RandomHex(7), nullptr, 16));
  return {200, JsonLine({{"prompt", drawn.text}, {"category", drawn.category}})};
}

net::HttpResponse Page::Impl::ApiNewBattle(const Request& request, const Visitor& visitor) {
  RequireForm(visitor, request.Header("X-Form-Token"));
  const Json body = ParseJson(request.body, "body");
  const bool draws = body.contains("draw") && JsonField<bool>(body, "draw", "body");
  const std::string id =
      NewBattle(visitor, Optional(body, "prompt"), Optional(body, "category"), draws);
  return {201, JsonLine(BattleJson(View(visitor, id)))};
}

void Page::Impl::ApiBattle(const net::HttpExchangePtr& exchange, const Visitor& visitor) {
  Allow(reads_per_address_, visitor.address);
  const auto [battle, action] = BattleAndAction(exchange->request().path);
  const BattleView view = View(visitor, battle);
  if (action == "stream") {
    if (view.token.empty()) throw Refusal{404, "err_unknown"};
    if (rooms_.Listen(battle, exchange)) return;
    throw Refusal{410, "err_over"};
  }
  if (!action.empty()) throw Refusal{404, "err_unknown"};
  Response response = {200, JsonLine(BattleJson(view))};
  AddPageHeaders(visitor, false, response);
  exchange->Reply(std::move(response));
}

void Page::Impl::ApiBattleAction(const net::HttpExchangePtr& exchange, const Visitor& visitor) {
  const Request& request = exchange->request();
  RequireForm(visitor, request.Header("X-Form-Token"));
  const Json body = ParseJson(request.body, "body");
  const auto [battle, action] = BattleAndAction(request.path);
  if (action == "vote") return ApiVote(exchange, visitor, battle, body);
  if (action == "turns") {
    NextTurn(visitor, battle, JsonField<std::string>(body, "text", "body"));
  } else if (action == "comment") {
    const auto tags = body.contains("tags")
                          ? JsonField<std::vector<std::string>>(body, "tags", "body")
                          : std::vector<std::string>();
    Comment(visitor, battle, tags, Optional(body, "comment"));
  } else {
    throw Refusal{404, "err_unknown"};
  }
  Response response = {action == "turns" ? 201 : 200, JsonLine(BattleJson(View(visitor, battle)))};
  AddPageHeaders(visitor, false, response);
  exchange->Reply(std::move(response));
}

void Page::Impl::ApiVote(const net::HttpExchangePtr& exchange, const Visitor& visitor,
                         const std::string& battle, const Json& body) {
  Vote(
      visitor, battle, JsonField<std::string>(body, "token", "body"),
      JsonField<std::string>(body, "choice", "body"),
      [exchange, visitor](const VoteReceipt& receipt) {
        Response response = {receipt.status == VoteStatus::kCounted ? 201 : 200,
                             JsonLine(ReceiptJson(receipt))};
        AddPageHeaders(visitor, false, response);
        exchange->Reply(std::move(response));
      },
      [this, exchange, visitor](const Refusal& refusal) {
        Response response = Refuse(exchange->request(), visitor, refusal);
        AddPageHeaders(visitor, false, response);
        exchange->Reply(std::move(response));
      });
}

}  // namespace agon::arena
