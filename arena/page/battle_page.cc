// A battle in HTML: prompt, replies, vote, result. Complete without scripts.
#include <cmath>
#include <cstdio>

#include "arena/page/impl.h"
#include "arena/store/projection.h"

namespace agon::arena {
namespace {

constexpr std::string_view kPrefix = "/battle/";
constexpr const char* kSideNames[] = {"A", "B"};

std::string BattleOf(std::string_view path) {
  path.remove_prefix(kPrefix.size());
  return std::string(path.substr(0, path.find('/')));
}

std::string ActionOf(std::string_view path) {
  path.remove_prefix(kPrefix.size());
  const size_t slash = path.find('/');
  return slash == path.npos ? "" : std::string(path.substr(slash + 1));
}

std::string Signed(double points) {
  char text[32];
  std::snprintf(text, sizeof text, "%s%.1f", points < 0 ? "−" : "+", std::abs(points));
  return text;
}

const Reply* Find(const BattleRecord& record, int turn, int side) {
  for (const Reply& reply : record.replies) {
    if (reply.turn == turn && reply.side == side) return &reply;
  }
  return nullptr;
}

}  // namespace

void Page::Impl::AddReply(Html& html, const Visitor& visitor, const BattleView& view, int turn,
                          int side) const {
  const BattleRecord& record = view.record;
  const Reply* reply = Find(record, turn, side);
  const bool is_last = turn + 1 == static_cast<int>(record.turns.size());
  const bool speaks = view.is_live && is_last;
  html.Add("<article class=\"reply side-").Text(side == 0 ? "a" : "b").Add("\" data-side=\"");
  html.Text(static_cast<int64_t>(side)).Add("\"");
  if (speaks) html.Add(" data-live aria-busy=\"true\"");
  html.Add("><h2><span class=\"letter\">").Text(kSideNames[side]).Add("</span>");
  if (view.is_shown()) {
    const std::string& name = side == 0 ? record.battle.model_a : record.battle.model_b;
    html.Add("<span class=\"model\">").Text(name).Add("</span>");
  } else {
    html.Add("<span class=\"model hidden-name\">").Text(Say(visitor, "anonymous")).Add("</span>");
  }
  html.Add("</h2><div class=\"text\" dir=\"auto\">");
  if (reply != nullptr && !speaks) {
    html.Add("<pre>").Text(reply->text).Add("</pre></div>");
    if (reply->finish == "length") {
      html.Add("<p class=\"mark\">").Text(Say(visitor, "cut")).Add("</p>");
    } else if (reply->finish == "leak") {
      html.Add("<p class=\"mark\">").Text(Say(visitor, "leak")).Add("</p>");
    } else if (reply->finish == "error") {
      html.Add("<p class=\"mark\">").Text(Say(visitor, "failed")).Add("</p>");
    } else if (reply->text.empty()) {
      html.Add("<p class=\"mark\">").Text(Say(visitor, "empty_reply")).Add("</p>");
    }
  } else if (speaks) {
    html.Add("<p class=\"waiting\">").Text(Say(visitor, "speaking")).Add("</p></div>");
  } else {
    html.Add("</div><p class=\"mark\">").Text(Say(visitor, "failed")).Add("</p>");
  }
  html.Add("</article>");
}

void Page::Impl::AddTurns(Html& html, const Visitor& visitor, const BattleView& view) const {
  const BattleRecord& record = view.record;
  for (size_t turn = 0; turn < record.turns.size(); ++turn) {
    html.Add("<section class=\"turn\"><div class=\"asked\"><h2 class=\"quiet\">");
    html.Text(Say(visitor, turn == 0 ? "prompt" : "asked_on")).Add("</h2><p dir=\"auto\">");
    html.Text(record.turns[turn]).Add("</p></div><div class=\"sides\">");
    AddReply(html, visitor, view, static_cast<int>(turn), 0);
    AddReply(html, visitor, view, static_cast<int>(turn), 1);
    html.Add("</div></section>");
  }
}

// Radio buttons, so that arrow keys and screen readers know what to do with them.
void Page::Impl::AddVoteForm(Html& html, const Visitor& visitor, const BattleView& view) const {
  const std::string& id = view.record.battle.id;
  html.Add("<form id=\"vote\" class=\"vote\" method=\"post\" action=\"/battle/").Text(id);
  html.Add("/vote\">");
  AddFormToken(html, visitor);
  html.Add("<input type=\"hidden\" name=\"token\" value=\"").Text(view.token).Add("\">");
  html.Add("<fieldset id=\"choices\"");
  if (!view.can_vote()) html.Add(" disabled");
  html.Add("><legend>").Text(Say(visitor, "which")).Add("</legend><div class=\"choices\">");
  const std::pair<std::string_view, const char*> choices[] = {
      {"a", "vote_a"}, {"b", "vote_b"}, {"tie", "vote_tie"}, {"both_bad", "vote_bad"}};
  int64_t number = 0;
  for (const auto& [value, key] : choices) {
    html.Add("<label class=\"choice choice-").Text(value).Add("\"><input type=\"radio\" ");
    html.Add("name=\"choice\" value=\"").Text(value).Add("\" required><span>");
    html.Text(Say(visitor, key)).Add("</span><kbd aria-hidden=\"true\">").Text(++number);
    html.Add("</kbd></label>");
  }
  html.Add("</div><button class=\"confirm\">").Text(Say(visitor, "vote")).Add("</button>");
  html.Add("</fieldset><p id=\"status\" role=\"status\">");
  html.Text(Say(visitor, view.is_live ? "status_live" : "status_ready")).Add("</p></form>");
  if (static_cast<int>(view.record.turns.size()) >= options_.max_turns) return;
  html.Add("<details class=\"more\"><summary>").Text(Say(visitor, "ask_on")).Add("</summary>");
  html.Add("<form id=\"turn\" method=\"post\" action=\"/battle/").Text(id).Add("/turn\">");
  AddFormToken(html, visitor);
  html.Add("<label for=\"text\" class=\"quiet\">").Text(Say(visitor, "ask_on_label"));
  html.Add(
      "</label><textarea id=\"text\" name=\"text\" rows=\"2\" dir=\"auto\" required></textarea>");
  html.Add("<fieldset id=\"more\"");
  if (!view.can_vote()) html.Add(" disabled");
  html.Add("><button>").Text(Say(visitor, "send")).Add("</button></fieldset></form></details>");
}

void Page::Impl::AddCommentForm(Html& html, const Visitor& visitor, const BattleView& view) const {
  const BattleRecord& record = view.record;
  if (view.token.empty()) return;
  if (!record.tags.empty() || !record.comment.empty()) {
    html.Add("<p class=\"thanks\">").Text(Say(visitor, "thanks")).Add("</p>");
    return;
  }
  html.Add("<details class=\"more\"><summary>").Text(Say(visitor, "why")).Add("</summary>");
  html.Add("<form id=\"comment\" method=\"post\" action=\"/battle/").Text(record.battle.id);
  html.Add("/comment\">");
  AddFormToken(html, visitor);
  html.Add("<fieldset class=\"chips\"><legend>").Text(Say(visitor, "tags")).Add("</legend>");
  for (const std::string_view tag : kTags) {
    html.Add("<label><input type=\"checkbox\" name=\"tag\" value=\"").Text(tag).Add("\"><span>");
    html.Text(Say(visitor, "tag_" + std::string(tag))).Add("</span></label>");
  }
  html.Add("</fieldset><label for=\"words\">").Text(Say(visitor, "comment"));
  html.Add("</label><textarea id=\"words\" name=\"comment\" rows=\"2\" maxlength=\"1000\" ");
  html.Add("dir=\"auto\"></textarea><button>").Text(Say(visitor, "send_comment"));
  html.Add("</button></form></details>");
}

void Page::Impl::AddNextBattle(Html& html, const Visitor& visitor) const {
  html.Add("<form class=\"next\" method=\"post\" action=\"/battles\">");
  AddFormToken(html, visitor);
  if (options_.draw_prompt) {
    html.Add("<input type=\"hidden\" name=\"draw\" value=\"1\"><button class=\"primary\" ");
    html.Add("id=\"next\">").Text(Say(visitor, "next_drawn"));
    html.Add("<kbd aria-hidden=\"true\">N</kbd></button>");
  }
  html.Add("<a class=\"button\" href=\"/\">").Text(Say(visitor, "next_own")).Add("</a>");
  html.Add("<a class=\"button plain\" href=\"/leaderboard\">").Text(Say(visitor, "nav_board"));
  html.Add("</a></form>");
}

void Page::Impl::AddResult(Html& html, const Visitor& visitor, const BattleView& view) const {
  const BattleRecord& record = view.record;
  html.Add("<section class=\"card result\" id=\"result\" tabindex=\"-1\"><h2>");
  if (!record.choice) {
    html.Text(Say(visitor, view.spoilt == "leak" ? "spoilt_leak" : "spoilt_error")).Add("</h2>");
    if (!view.token.empty()) AddNextBattle(html, visitor);
    html.Add("</section>");
    return;
  }
  const bool is_own = !view.token.empty();
  const std::string choice = ChoiceName(*record.choice);
  html.Text(Say(visitor, (is_own ? "you_" : "voter_") + choice)).Add("</h2><dl class=\"reveal\">");
  for (int side = 0; side < 2; ++side) {
    const std::string& name = side == 0 ? record.battle.model_a : record.battle.model_b;
    const double gain = side == 0 ? record.gain_a : -record.gain_a;
    html.Add("<div class=\"side-")
        .Text(side == 0 ? "a" : "b")
        .Add("\"><dt><span class=\"letter\">");
    html.Text(kSideNames[side]).Add("</span></dt><dd><a class=\"model\" href=\"/model?name=");
    html.Text(UrlEncoded(name)).Add("\">").Text(name).Add("</a> <span class=\"gain ");
    html.Text(gain > 0 ? "up" : gain < 0 ? "down" : "same").Add("\" title=\"");
    html.Text(Say(visitor, "gain_title"))
        .Add("\">")
        .Text(Signed(gain))
        .Add(" Elo</span></dd></div>");
  }
  html.Add("</dl>");
  AddCommentForm(html, visitor, view);
  if (is_own) AddNextBattle(html, visitor);
  html.Add("</section>");
}

net::HttpResponse Page::Impl::BattlePage(const Request& request, const Visitor& visitor) {
  const std::string id = BattleOf(request.path);
  if (!ActionOf(request.path).empty()) throw Refusal{404, "err_unknown"};
  const BattleView view = View(visitor, id);
  Html html;
  html.Add("<h1 class=\"quiet\">").Text(Say(visitor, "nav_battle")).Add("</h1>");
  html.Add("<div id=\"battle\" data-id=\"").Text(id).Add("\" data-turn=\"");
  html.Text(static_cast<int64_t>(view.record.turns.size()) - 1).Add("\"");
  if (view.is_live) html.Add(" data-live");
  if (view.is_shown()) html.Add(" data-shown");
  html.Add(">");
  if (view.is_shown()) AddResult(html, visitor, view);
  AddTurns(html, visitor, view);
  if (!view.is_shown()) AddVoteForm(html, visitor, view);
  html.Add("</div>");
  return Framed(visitor,
                {.title = std::string(Say(visitor, "nav_battle")),
                 .script = "battle.js",
                 .refreshes = view.is_live,
                 .path = "/"},
                html);
}

void Page::Impl::FormBattleAction(const net::HttpExchangePtr& exchange, const Visitor& visitor) {
  const Request& request = exchange->request();
  auto fields = ParseForm(request.body);
  RequireForm(visitor, fields["form"]);
  const std::string id = BattleOf(request.path), action = ActionOf(request.path);
  Response there = {303, "", {{"Location", "/battle/" + id}}};
  if (action == "vote") {
    return Vote(
        visitor, id, fields["token"], fields["choice"],
        [exchange, there](const VoteReceipt&) { exchange->Reply(there); },
        [this, exchange, visitor](const Refusal& refusal) {
          Response response = Refuse(exchange->request(), visitor, refusal);
          AddPageHeaders(visitor, false, response);
          exchange->Reply(std::move(response));
        });
  }
  if (action == "turn") {
    NextTurn(visitor, id, fields["text"]);
  } else if (action == "comment") {
    Comment(visitor, id, ParseList(request.body, "tag"), fields["comment"]);
  } else {
    throw Refusal{404, "err_unknown"};
  }
  exchange->Reply(std::move(there));
}

}  // namespace agon::arena
