// What a Page is made of. Private to arena.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arena/leaderboard.h"
#include "arena/page.h"
#include "arena/page/assets.h"
#include "arena/page/clerk.h"
#include "arena/page/html.h"
#include "arena/page/limits.h"
#include "arena/page/rooms.h"
#include "arena/page/visitor.h"
#include "core/json.h"

namespace agon::arena {

// The body of an answer.
inline std::string JsonLine(const Json& json) { return DumpJson(json) + "\n"; }

// What a voter may say in a word. Their names in the visitor's language are "tag_" + these.
inline constexpr const char* kTags[] = {"correct",   "clear",     "complete",  "creative",
                                        "incorrect", "confusing", "off_topic", "too_long"};

// A battle as one visitor may see it.
struct BattleView {
  BattleRecord record;
  std::string token;  // "" for all but its own visitor
  bool is_live = false;
  bool is_whole = false;  // both replies of every turn are there
  std::string spoilt;     // "error" or "leak" if one of them can't be voted on
  bool is_shown() const { return record.choice.has_value() || !spoilt.empty(); }  // names, too
  bool can_vote() const { return !token.empty() && is_whole && !is_shown(); }
};

class Page::Impl {
 public:
  Impl(const std::filesystem::path& file, Speakers& speakers, PageOptions options,
       net::Metrics& metrics);
  void AddRoutes(net::HttpServer& server);

 private:
  using Request = net::HttpRequest;
  using Response = net::HttpResponse;
  using Handler = Response (Impl::*)(const Request&, const Visitor&);
  using AsyncHandler = void (Impl::*)(const net::HttpExchangePtr&, const Visitor&);

  // page.cc: who may ask, what the answer carries, and how refusals are told.
  Response Answer(const Request& request, Handler handler, bool only_looks);
  void Get(net::HttpServer& server, std::string_view path, Handler handler);
  void Post(net::HttpServer& server, std::string_view path, Handler handler, bool is_json);
  void Async(net::HttpServer& server, std::string_view method, std::string_view path,
             AsyncHandler handler, bool is_json);
  Visitor Admit(const Request& request);
  Response Refuse(const Request& request, const Visitor& visitor, const Refusal& refusal) const;
  void RequireForm(const Visitor& visitor, std::string_view token);
  void Allow(RateLimit& limit, const std::string& key) const;
  Response Health(const Request& request, const Visitor& visitor);
  Response ShowMetrics(const Request& request, const Visitor& visitor);

  // battles.cc: what happens in a battle, for pages and API alike. Throw Refusal.
  std::string NewBattle(const Visitor& visitor, std::string prompt, std::string category,
                        bool draws);
  void NextTurn(const Visitor& visitor, const std::string& battle, std::string text);
  BattleView View(const Visitor& visitor, const std::string& battle);
  using VoteDone = std::function<void(const VoteReceipt&)>;
  // `refused` or `done` comes later, on the clerk's thread.
  void Vote(const Visitor& visitor, const std::string& battle, const std::string& token,
            const std::string& choice, VoteDone done, std::function<void(Refusal)> refused);
  void Comment(const Visitor& visitor, const std::string& battle,
               const std::vector<std::string>& tags, const std::string& comment);
  std::vector<std::string> ReadyModels();
  std::vector<std::string> SecretNames();

  // api.cc: JSON.
  Response ApiSession(const Request& request, const Visitor& visitor);
  Response ApiPrompt(const Request& request, const Visitor& visitor);
  Response ApiNewBattle(const Request& request, const Visitor& visitor);
  void ApiBattle(const net::HttpExchangePtr& exchange, const Visitor& visitor);
  void ApiBattleAction(const net::HttpExchangePtr& exchange, const Visitor& visitor);
  void ApiVote(const net::HttpExchangePtr& exchange, const Visitor& visitor,
               const std::string& battle, const Json& body);

  // boards.cc: what is read only.
  Response ApiLeaderboard(const Request& request, const Visitor& visitor);
  Response ApiModel(const Request& request, const Visitor& visitor);
  Response ApiGames(const Request& request, const Visitor& visitor);
  std::string CachedLeaderboard(const std::string& key, const LeaderboardOptions& options);
  Json ModelJson(const Model& model) const;

  // pages.cc, battle_page.cc: HTML.
  Response StartPage(const Request& request, const Visitor& visitor);
  Response SetUp(const Request& request, const Visitor& visitor);
  Response BattlePage(const Request& request, const Visitor& visitor);
  Response BoardPage(const Request& request, const Visitor& visitor);
  Response ModelPage(const Request& request, const Visitor& visitor);
  Response GamesPage(const Request& request, const Visitor& visitor);
  Response FormNewBattle(const Request& request, const Visitor& visitor);
  void FormBattleAction(const net::HttpExchangePtr& exchange, const Visitor& visitor);
  struct Frame {
    std::string title{};
    std::string script{};    // "battle.js"
    bool refreshes = false;  // without scripts: look again soon
    std::string path{};      // of this page, for the language's link
  };
  Response Framed(const Visitor& visitor, const Frame& frame, const Html& body,
                  int status = 200) const;
  void AddPromptForm(Html& html, const Visitor& visitor, const std::string& prompt) const;
  void AddSetUp(Html& html, const Visitor& visitor) const;
  void AddTurns(Html& html, const Visitor& visitor, const BattleView& view) const;
  void AddReply(Html& html, const Visitor& visitor, const BattleView& view, int turn,
                int side) const;
  void AddVoteForm(Html& html, const Visitor& visitor, const BattleView& view) const;
  void AddResult(Html& html, const Visitor& visitor, const BattleView& view) const;
  void AddCommentForm(Html& html, const Visitor& visitor, const BattleView& view) const;
  void AddNextBattle(Html& html, const Visitor& visitor) const;
  void AddFormToken(Html& html, const Visitor& visitor) const;
  std::string_view Say(const Visitor& visitor, const std::string& key) const {
    return texts_.Get(visitor.language, key);
  }

  Speakers& speakers_;
  const PageOptions options_;
  net::Metrics& metrics_;
  const Texts texts_;
  Clerk clerk_;
  mutable Readers readers_;
  RateLimit battles_per_session_, battles_per_address_;
  RateLimit votes_per_session_, votes_per_address_, reads_per_address_;
  net::Histogram& vote_seconds_;
  std::mutex enter_mutex_, cache_mutex_;
  struct CachedBoard {
    int64_t num_rows = -1, at_ms = 0;
    std::string json;
  };
  std::map<std::string, CachedBoard> boards_;
  Rooms rooms_;  // last: it speaks to the clerk until its end
};

}  // namespace agon::arena
