#include "envs/game/board_env.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "envs/choice.h"
#include "envs/game/move_text.h"
#include "envs/problem_env.h"

namespace agon::envs {
namespace {

constexpr uint32_t kMaxDraws = 10000;
constexpr int kMaxSearchDepth = 8;
constexpr std::string_view kOwnKeys[] = {"opponent"};

enum class OpponentKind { kRandom, kMinimax, kSelf };
struct Opponent {
  OpponentKind kind = OpponentKind::kRandom;
  int depth = 0;  // of minimax
};

Opponent ParseOpponent(const std::string& value, const EnvInfo& info) {
  if (value == "random") return {OpponentKind::kRandom, 0};
  if (value == "self") return {OpponentKind::kSelf, 0};
  constexpr std::string_view kMinimax = "minimax:";
  if (value.starts_with(kMinimax) && value.size() == kMinimax.size() + 1) {
    const int depth = value.back() - '0';
    if (depth >= 1 && depth <= kMaxSearchDepth) return {OpponentKind::kMinimax, depth};
  }
  ThrowBadValue("opponent", value, info, "random, minimax:1 to minimax:8, self");
}

Position Replayed(const BoardGame& game, const std::vector<int>& moves, const std::string& where) {
  Position position;
  for (const int move : moves) {
    const bool is_over = game.HasWon(position.other);
    if (is_over || move < 0 || move >= game.num_moves() ||
        !(game.LegalMoves(position) >> move & 1)) {
      throw Error(ErrorKind::kCorrupt, "the moves can't be played", where);
    }
    position = game.Play(position, move);
  }
  return position;
}

// What a task's game is: its rules, and all that the opponent's draws depend on.
struct Match {
  std::shared_ptr<const BoardGame> game;
  Opponent opponent;
  RngKey key;
};

class BoardEpisode final : public Episode {
 public:
  BoardEpisode(Match match, Position position) : match_(std::move(match)), position_(position) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    const int seat = mover();
    MoveText text = ReadMove(completion, match_.game->num_moves());
    if (truncated) return End(seat, 0, "cut before the move was done", std::move(text), true);
    if (!text.move) return End(seat, 0, std::string(text.problem), std::move(text), false);
    if (!(match_.game->LegalMoves(position_) >> *text.move & 1)) {
      return End(seat, 0, "illegal move", std::move(text), false);
    }
    if (Play(*text.move)) return End(seat, 1, "won", std::move(text), false);
    if (IsFull()) return End(seat, 0.5, "draw", std::move(text), false);
    if (match_.opponent.kind != OpponentKind::kSelf) {
      if (Play(Reply())) return End(seat, 0, "lost", std::move(text), false);
      if (IsFull()) return End(seat, 0.5, "draw", std::move(text), false);
    }
    return NextTurn();
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    RngKey key = PlyKey();
    key.stream = RngStream::kLabeler;
    Rng rng(key.WithStep(key.step ^ variant * 0x9e3779b97f4a7c15ull));
    return DemonstrateMove(*match_.game, position_, labeler, rng);
  }

  std::optional<std::string> Save() const override { return Json(played_).dump(); }

  // Plays moves that were played before, replies included.
  void Replay(const std::vector<int>& moves, const std::string& where) {
    for (const int move : moves) {
      const bool is_legal = move >= 0 && move < match_.game->num_moves() &&
                            (match_.game->LegalMoves(position_) >> move & 1) != 0;
      if (!is_legal || Play(move)) {
        throw Error(ErrorKind::kCorrupt, "the saved moves can't be played", where);
      }
    }
  }

 private:
  int mover() const {
    return match_.opponent.kind == OpponentKind::kSelf ? static_cast<int>(played_.size() % 2) : 0;
  }
  bool IsFull() const { return match_.game->LegalMoves(position_) == 0; }

  // Whether this move won.
  bool Play(int move) {
    position_ = match_.game->Play(position_, move);
    played_.push_back(move);
    return match_.game->HasWon(position_.other);
  }

  RngKey PlyKey() const {
    return match_.key.WithSample(
        static_cast<uint32_t>(std::popcount(position_.own | position_.other)));
  }

  int Reply() const {
    Rng rng(PlyKey());
    const uint32_t moves = match_.opponent.kind == OpponentKind::kRandom
                               ? match_.game->LegalMoves(position_)
                               : BestMoves(*match_.game, position_, match_.opponent.depth);
    return PickMove(moves, rng);
  }

  Turn NextTurn() const {
    const int seat = mover();
    // Seat 1 meets the game at its first turn.
    const bool is_first = seat == 1 && played_.size() == 1;
    std::string text = is_first ? match_.game->Introduction() + "\n" : "";
    return {{{Role::kUser, text + match_.game->Render(position_)}}, seat};
  }

  // `result` of `seat`, the rest is the other's.
  Outcome End(int seat, double result, std::string reason, MoveText text, bool truncated) const {
    Outcome outcome;
    if (match_.opponent.kind == OpponentKind::kSelf) {
      outcome.parts.push_back({"result", seat == 0 ? result : 1 - result, 1.0, 0});
      outcome.parts.push_back({"result", seat == 1 ? result : 1 - result, 1.0, 1});
      reason = "seat " + std::to_string(seat) + ": " + reason;
    } else {
      outcome.parts.push_back({"result", result});
    }
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    if (text.move) outcome.extracted = std::to_string(*text.move + 1);
    outcome.reason = std::move(reason);
    return outcome;
  }

  const Match match_;
  Position position_;
  std::vector<int> played_;  // since the opening
};

class BoardEnv final : public Env {
 public:
  BoardEnv(BoardEnvSpec spec, std::string_view params) : spec_(std::move(spec)) {
    EnvInfo& info = spec_.info;
    info.num_difficulties = static_cast<int>(spec_.openings.size());
    info.families = {"game"};
    info.demonstrates_gold = false;
    choice_ = ParseTaskChoice(params, info, kOwnKeys);
    if (const auto own = choice_.own.find("opponent"); own != choice_.own.end()) {
      opponent_ = ParseOpponent(own->second, info);
      if (opponent_.kind == OpponentKind::kRandom) choice_.own.erase(own);
    }
    AGON_CHECK(spec_.games.size() ==
               (choice_.levels.empty() ? 1 : info.attributes[0].levels.size()));
    if (opponent_.kind == OpponentKind::kSelf) info.num_seats = 2;
    for (const auto& game : spec_.games) {
      info.max_turns = std::max(info.max_turns, (game->num_cells() + 1) / 2);
    }
    chosen_spec_ = choice_.Spec(info);
  }

  const EnvInfo& info() const override { return spec_.info; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    const RngKey key{seed, RngStream::kTask, Hash64(spec_.info.id), index, 0};
    Rng kinds(key);
    const int size =
        choice_.levels.empty()
            ? 0
            : static_cast<int>(kinds.Between(choice_.levels[0].low, choice_.levels[0].high));
    const int difficulty =
        static_cast<int>(kinds.Between(choice_.min_difficulty, choice_.max_difficulty));
    const BoardGame& game = *spec_.games[static_cast<size_t>(size)];
    for (uint32_t draw = 1; draw <= kMaxDraws; ++draw) {
      Rng rng(key.WithSample(draw));
      const auto moves = DrawOpening(game, spec_.openings[static_cast<size_t>(difficulty)], rng);
      if (!moves) continue;
      const Position position = Replayed(game, *moves, "opening");
      const Position known = Canonical(game, position);
      const std::string identity = std::to_string(known.own) + " " + std::to_string(known.other);
      if (SplitOf(std::to_string(size), identity) != split) continue;
      Task task;
      task.id = {chosen_spec_, split, seed, index};
      task.messages = {{Role::kUser, game.Introduction() + "\n" + game.Render(position)}};
      task.family = "game";
      task.difficulty = difficulty;
      task.state = Json{{"size", size}, {"moves", *moves}}.dump();
      return task;
    }
    throw Error(ErrorKind::kUsage,
                "difficulty " + std::to_string(difficulty) + " has no task in the " +
                    SplitName(split) + " split",
                chosen_spec_, "choose more difficulties");
  }

  std::unique_ptr<Episode> Start(const Task& task) const override { return Begin(task); }

  std::unique_ptr<Episode> Restore(const Task& task, std::string_view saved) const override {
    const std::string where = "saved episode of " + task.id.env;
    auto episode = Begin(task);
    episode->Replay(MovesOf(ParseJson(saved, where), where), where);
    return episode;
  }

 private:
  static std::optional<std::vector<int>> DrawOpening(const BoardGame& game, const Opening& opening,
                                                     Rng& rng) {
    std::vector<int> moves;
    Position position;
    for (int64_t left = rng.Between(opening.min_plies, opening.max_plies); left > 0; --left) {
      const uint32_t legal = game.LegalMoves(position);
      if (legal == 0) return std::nullopt;
      moves.push_back(PickMove(legal, rng));
      position = game.Play(position, moves.back());
      if (game.HasWon(position.other)) return std::nullopt;
    }
    if (game.LegalMoves(position) == 0) return std::nullopt;
    if ((WinningMoves(game, position) != 0) != opening.has_win) return std::nullopt;
    return moves;
  }

  static std::vector<int> MovesOf(const Json& json, const std::string& where) {
    return JsonField<std::vector<int>>(Json{{"moves", json}}, "moves", where);
  }

  std::unique_ptr<BoardEpisode> Begin(const Task& task) const {
    const std::string where = "task " + std::to_string(task.id.index) + " of " + task.id.env;
    if (!task.id.env.starts_with(spec_.info.id)) {
      throw Error(ErrorKind::kCorrupt, "the task isn't one of " + spec_.info.id, where);
    }
    const Json state = ParseJson(task.state, where);
    const auto size = JsonField<uint64_t>(state, "size", where);
    if (size >= spec_.games.size()) throw Error(ErrorKind::kCorrupt, "no such size", where);
    const auto& game = spec_.games[size];
    const auto moves = JsonField<std::vector<int>>(state, "moves", where);
    const RngKey key{task.id.seed, RngStream::kTask,
                     Hash64(SplitName(task.id.split), Hash64(spec_.info.id)), task.id.index, 0};
    return std::make_unique<BoardEpisode>(Match{game, opponent_, key},
                                          Replayed(*game, moves, where));
  }

  BoardEnvSpec spec_;
  TaskChoice choice_;
  Opponent opponent_;
  std::string chosen_spec_;
};

}  // namespace

std::unique_ptr<Env> MakeBoardEnv(BoardEnvSpec spec, std::string_view params) {
  return std::make_unique<BoardEnv>(std::move(spec), params);
}

}  // namespace agon::envs
