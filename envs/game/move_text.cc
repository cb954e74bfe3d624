#include "envs/game/move_text.h"

#include <charconv>

#include "envs/math/rational.h"

namespace agon::envs {
namespace {

constexpr std::string_view kMarker = "Move:";

// "1, 3" of the moves as people count them, or "no".
std::string Listed(uint32_t moves) {
  std::string text;
  for (int move = 0; moves >> move != 0; ++move) {
    if (!(moves >> move & 1)) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(move + 1);
  }
  return text.empty() ? "no" : text;
}

}  // namespace

MoveText ReadMove(std::string_view completion, int num_moves) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  std::string_view text = completion;
  if (const size_t close = text.rfind(kClose); close != std::string_view::npos) {
    text.remove_prefix(close + kClose.size());
  }
  text = text.substr(0, text.find(kOpen));
  if (const size_t marker = text.rfind(kMarker); marker != std::string_view::npos) {
    text.remove_prefix(marker + kMarker.size());
    text = text.substr(0, text.find('\n'));
  }
  text = TrimSpace(text);
  if (text.ends_with('.')) text.remove_suffix(1);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {{}, "no readable move"};
  if (number < 1 || number > num_moves) return {{}, "no such move"};
  return {number - 1, ""};
}

std::string DemonstrateMove(const BoardGame& game, const Position& position, Labeler labeler,
                            Rng& rng) {
  constexpr uint64_t kOneBlunderIn = 5;
  const uint32_t legal = game.LegalMoves(position);
  const uint32_t winning = WinningMoves(game, position), threats = Threats(game, position);
  const bool sees = rng.Below(kOneBlunderIn) != 0;
  const uint32_t good = winning != 0 ? winning : threats;
  const int move = PickMove(sees && good != 0 ? good : legal, rng);
  const std::string number = std::to_string(move + 1);
  if (labeler == Labeler::kImmediate) return number;
  std::string text = "Win? " + (sees ? Listed(winning) : "no") + ".";
  if (!sees || winning == 0) text += " Block? " + (sees ? Listed(threats) : "no") + ".";
  return text + "\nMove: " + number;
}

}  // namespace agon::envs
