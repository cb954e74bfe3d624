// reason/tower_of_hanoi: discs from any position to one peg; the moves are played out.
//
//   Discs, smaller on larger only: A: 3 1, B: none, C: 2. Move all to C, one by one.
//   CB: A: 3 1, B: 2, C: none
//   AB: A: 3, B: 2 1, C: none
//   AC: A: none, B: 2 1, C: 3
//   ...
//   Answer: CB AB AC BA BC AC
//
// Any sequence of legal moves that ends with all discs on the peg is right. Difficulty 0,
// 1, 2: three, four, five discs.
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 3;
constexpr std::string_view kPegs = "ABC";

// The peg of each disc, the smallest first.
using Discs = std::vector<int64_t>;

std::string Drawn(const Discs& discs) {
  std::string text;
  for (int64_t peg = 0; peg < 3; ++peg) {
    std::string stack;
    for (size_t disc = discs.size(); disc-- > 0;) {
      if (discs[disc] == peg) stack += " " + std::to_string(disc + 1);
    }
    text += (peg == 0 ? "" : ", ") + std::string(1, kPegs[static_cast<size_t>(peg)]) + ":" +
            (stack.empty() ? " none" : stack);
  }
  return text;
}

struct Move {
  std::string pegs;   // "AC"
  std::string drawn;  // the discs after it
};

// The shortest way to put the smallest `num_discs` on `target`: the largest that stands
// elsewhere moves once, after the smaller ones have gone to the third peg.
void Solve(Discs& discs, size_t num_discs, int64_t target, std::vector<Move>& moves) {
  while (num_discs > 0 && discs[num_discs - 1] == target) --num_discs;
  if (num_discs == 0) return;
  int64_t& peg = discs[num_discs - 1];
  Solve(discs, num_discs - 1, 3 - peg - target, moves);
  const std::string pegs = {kPegs[static_cast<size_t>(peg)], kPegs[static_cast<size_t>(target)]};
  peg = target;
  moves.push_back({pegs, Drawn(discs)});
  Solve(discs, num_discs - 1, target, moves);
}

Problem Draw(Rng& rng, int difficulty) {
  const auto target = static_cast<int64_t>(rng.Below(3));
  Discs discs(static_cast<size_t>(difficulty) + 3);
  std::vector<Move> moves;
  while (moves.empty()) {
    for (int64_t& peg : discs) peg = static_cast<int64_t>(rng.Below(3));
    Discs solved = discs;
    Solve(solved, solved.size(), target, moves);
  }
  const std::string what = Drawn(discs) + ". Move all to " + kPegs[static_cast<size_t>(target)];
  std::string answer;
  std::vector<std::string> steps;
  for (const Move& move : moves) {
    answer += (answer.empty() ? "" : " ") + move.pegs;
    steps.push_back(move.pegs + ": " + move.drawn);
  }
  Discs given = discs;
  given.push_back(target);
  return {"Discs, smaller on larger only: " + what + ", one by one.", std::move(answer),
          std::move(steps), std::move(given), what};
}

// `given` is the peg of each disc, then the target. Plays the moves "AC", "A-C" or "A>C".
Verdict VerifyMoves(std::string_view /*answer*/, const std::vector<int64_t>& given,
                    std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  if (found.text.empty() || given.empty()) return Judged(std::move(found), "no moves");
  Discs discs(given.begin(), given.end() - 1);
  std::string pegs;
  for (const char c : found.text) {
    if (std::string_view(" ,->.").find(c) == std::string_view::npos) pegs += c;
  }
  if (pegs.size() % 2 != 0) return Judged(std::move(found), "half a move");
  for (size_t i = 0; i < pegs.size(); i += 2) {
    const size_t from = kPegs.find(pegs[i]), to = kPegs.find(pegs[i + 1]);
    const std::string move = pegs.substr(i, 2);
    if (from == std::string_view::npos || to == std::string_view::npos) {
      return Judged(std::move(found), "not a move between pegs");
    }
    size_t top = 0, other = 0;  // the topmost disc of each is the smallest
    while (top < discs.size() && discs[top] != static_cast<int64_t>(from)) ++top;
    while (other < discs.size() && discs[other] != static_cast<int64_t>(to)) ++other;
    if (top == discs.size()) return Judged(std::move(found), move + ": no disc there");
    if (other <= top) return Judged(std::move(found), move + ": larger on smaller");
    discs[top] = static_cast<int64_t>(to);
  }
  const bool is_done = discs == Discs(discs.size(), given.back());
  return Judged(std::move(found), is_done ? "" : "not all discs are there");
}

std::unique_ptr<Env> MakeTowerOfHanoi(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/tower_of_hanoi-v1";
  spec.info.summary = "Three to five discs from any position to one peg";
  spec.info.num_difficulties = kNumDifficulties;
  spec.info.num_tasks = 3 * (27 - 1) + 3 * (81 - 1) + 3 * (243 - 1);
  spec.families = {{"hanoi", Draw, 0.1}};
  spec.verify = VerifyMoves;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/tower_of_hanoi-v1", MakeTowerOfHanoi);

}  // namespace
}  // namespace agon::envs
