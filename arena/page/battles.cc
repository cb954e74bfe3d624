#include <algorithm>
#include <chrono>
#include <cstdio>

#include "arena/page/impl.h"
#include "arena/page/leak.h"
#include "arena/store/projection.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/utf8.h"

namespace agon::arena {
namespace {

constexpr const char* kOwnCategory = "own";

std::string Trimmed(std::string_view text) {
  const std::string_view space = " \t\r\n";
  const size_t begin = text.find_first_not_of(space);
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(space) + 1 - begin));
}

bool IsBattleId(std::string_view id) {
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == id.npos;
}

// Why a vote wasn't counted, but kAlreadyVoted, which is no mishap: it shows what was counted.
std::optional<Refusal> RefusalOf(VoteStatus status) {
  switch (status) {
    case VoteStatus::kBadToken:
      return Refusal{403, "err_token"};
    case VoteStatus::kUnknownBattle:
      return Refusal{404, "err_unknown"};
    case VoteStatus::kNotFinished:
      return Refusal{409, "err_unfinished"};
    case VoteStatus::kExpired:
      return Refusal{410, "err_expired"};
    default:
      return std::nullopt;
  }
}

// The log says what went wrong; the visitor, that nothing was lost or counted.
Refusal StorageFailed(const std::exception& error) {
  std::fprintf(stderr, "arena: %s\n", error.what());
  return {503, "err_storage", 5};
}

}  // namespace

std::vector<std::string> Page::Impl::ReadyModels() {
  std::vector<std::string> names;
  for (const Model& model : readers_.With([](Arena& arena) { return arena.Models(); })) {
    if (!model.retired_ms && speakers_.CanSpeak(model.name)) names.push_back(model.name);
  }
  return names;
}

std::vector<std::string> Page::Impl::SecretNames() {
  std::vector<std::string> names;
  for (const Model& model : readers_.With([](Arena& arena) { return arena.Models(); })) {
    for (std::string& name : NamesOfModel(model.name, model.location))
      names.push_back(std::move(name));
  }
  return names;
}

std::string Page::Impl::NewBattle(const Visitor& visitor, std::string prompt, std::string category,
                                  bool draws) {
  Allow(battles_per_address_, visitor.address);
  Allow(battles_per_session_, visitor.session);
  prompt = ReplaceBrokenUtf8(Trimmed(prompt));
  if (draws && options_.draw_prompt) {
    const DrawnPrompt drawn = options_.draw_prompt(std::stoull(RandomHex(7), nullptr, 16));
    prompt = drawn.text;
    category = drawn.category;
  }
  if (prompt.empty()) throw Refusal{400, "err_empty"};
  if (prompt.size() > options_.max_prompt_bytes) throw Refusal{413, "err_long"};
  if (!rooms_.HasPlace()) throw Refusal{503, "err_busy", 5};
  const std::vector<std::string> ready = ReadyModels();
  if (ready.size() < 2) throw Refusal{409, "err_models"};
  const auto known = readers_.With([](Arena& arena) { return arena.Categories(); });
  const bool is_known = draws || std::find(known.begin(), known.end(), category) != known.end();
  if (!is_known) category = kOwnCategory;

  BattleRecord record;
  try {
    record.battle = clerk_.Ask(
        [&](Arena& arena) { return arena.NewBattle(prompt, category, visitor.session, ready); });
  } catch (const Error& error) {
    throw StorageFailed(error);
  }
  record.turns = {prompt};
  if (!rooms_.Start(record, SecretNames())) throw Refusal{503, "err_busy", 5};
  return record.battle.id;
}

BattleView Page::Impl::View(const Visitor& visitor, const std::string& battle) {
  if (!IsBattleId(battle)) throw Refusal{404, "err_unknown"};
  BattleView view;
  // Asked first: what ends meanwhile is in the store by then.
  view.is_live = rooms_.IsLive(battle);
  readers_.With([&](Arena& arena) {
    if (auto record = arena.FindBattle(battle)) view.record = *std::move(record);
    view.token = arena.TokenOf(battle, visitor.session).value_or("");
    return 0;
  });
  if (view.record.battle.id.empty()) throw Refusal{404, "err_unknown"};
  // What wasn't voted on is its visitor's own.
  if (view.token.empty() && !view.record.choice) throw Refusal{404, "err_unknown"};
  view.is_whole = view.record.replies.size() == 2 * view.record.turns.size();
  for (const Reply& reply : view.record.replies) {
    if (reply.finish != "stop" && reply.finish != "length") view.spoilt = reply.finish;
  }
  // One failed while the other still speaks.
  if (view.is_live) view.spoilt.clear();
  // Cut off by the end of an earlier process.
  if (!view.is_whole && !view.is_live) view.spoilt = "error";
  return view;
}

void Page::Impl::NextTurn(const Visitor& visitor, const std::string& battle, std::string text) {
  Allow(battles_per_address_, visitor.address);
  Allow(battles_per_session_, visitor.session);
  BattleView view = View(visitor, battle);
  if (!view.can_vote()) throw Refusal{409, view.is_shown() ? "err_over" : "err_unfinished"};
  text = ReplaceBrokenUtf8(Trimmed(text));
  if (text.empty()) throw Refusal{400, "err_empty"};
  if (text.size() > options_.max_prompt_bytes) throw Refusal{413, "err_long"};
  const auto turn = static_cast<int>(view.record.turns.size());
  if (turn >= options_.max_turns) throw Refusal{409, "err_turns"};
  if (!rooms_.HasPlace()) throw Refusal{503, "err_busy", 5};
  try {
    clerk_.Ask([&](Arena& arena) {
      arena.AddTurn(battle, turn, text);
      return 0;
    });
  } catch (const Error& error) {
    // Two of the same at once, or a vote meanwhile.
    if (error.kind() == ErrorKind::kUsage) throw Refusal{409, "err_over"};
    throw StorageFailed(error);
  }
  view.record.turns.push_back(text);
  if (!rooms_.Start(view.record, SecretNames())) throw Refusal{503, "err_busy", 5};
}

void Page::Impl::Vote(const Visitor& visitor, const std::string& battle, const std::string& token,
                      const std::string& choice, VoteDone done,
                      std::function<void(Refusal)> refused) {
  Allow(votes_per_address_, visitor.address);
  Allow(votes_per_session_, visitor.session);
  const std::optional<Outcome> outcome = ChoiceFromName(choice);
  if (!outcome) throw Refusal{400, "err_choice"};
  if (!IsBattleId(battle)) throw Refusal{404, "err_unknown"};
  Ballot ballot = {.battle = battle,
                   .token = token,
                   .session = visitor.session,
                   .choice = *outcome,
                   .address = visitor.address};
  const int64_t dwell_ms = rooms_.SinceDone(battle);
  if (dwell_ms < 0) throw Refusal{409, "err_unfinished"};
  ballot.dwell_ms = dwell_ms;
  const int64_t begin_ms = SteadyMs();
  clerk_.Vote(std::move(ballot), [this, begin_ms, done = std::move(done),
                                  refused = std::move(refused)](const VoteReceipt& receipt,
                                                                const std::exception_ptr& error) {
    vote_seconds_.Observe(static_cast<double>(SteadyMs() - begin_ms) / 1000);
    if (error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& why) {
        return refused(StorageFailed(why));
      }
    }
    if (const auto refusal = RefusalOf(receipt.status)) return refused(*refusal);
    metrics_
        .AddCounter("agon_arena_votes_total", "Votes by what became of them.",
                    {{"status", receipt.status == VoteStatus::kCounted ? "counted" : "repeated"}})
        .Add();
    done(receipt);
  });
}

void Page::Impl::Comment(const Visitor& visitor, const std::string& battle,
                         const std::vector<std::string>& tags, const std::string& comment) {
  Allow(votes_per_address_, visitor.address);
  const BattleView view = View(visitor, battle);
  if (view.token.empty() || !view.record.choice) throw Refusal{403, "err_token"};
  if (comment.size() > 4000) throw Refusal{413, "err_long"};
  std::vector<std::string> kept;
  for (const std::string& tag : tags) {
    if (std::find(std::begin(kTags), std::end(kTags), tag) != std::end(kTags)) kept.push_back(tag);
  }
  try {
    const bool is_new = clerk_.Ask([&](Arena& arena) {
      return arena.AddComment(battle, view.token, visitor.session, kept,
                              ReplaceBrokenUtf8(Trimmed(comment)));
    });
    if (!is_new) throw Refusal{409, "err_commented"};
  } catch (const Error& error) {
    throw StorageFailed(error);
  }
}

}  // namespace agon::arena
