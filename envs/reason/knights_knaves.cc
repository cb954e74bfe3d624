// reason/knights_knaves: knights tell the truth, knaves lie; who is a knight?
//
//   Knights tell the truth, knaves lie. Ann says: Bob is a knave. Bob says: Ann and Bob are
//   the same. Who is a knight?
//   Ann, Bob no
//   Ann yes
//   Answer: Ann
//
// Exactly one assignment fits. Difficulty 0: two people; 1: three with plain statements;
// 2: three with and/or; 3: four. Source: Raymond Smullyan's puzzles.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr std::array<std::string_view, 12> kNames = {"Ann", "Ben", "Cid", "Dan", "Eva", "Finn",
                                                     "Gus", "Ida", "Jan", "Kay", "Leo", "Mia"};
constexpr std::array<size_t, 4> kNumPeople = {2, 3, 3, 4};

// "a is a knight", which `a_is` false turns into "a is a knave", and likewise b.
struct Statement {
  enum class Kind { kPlain, kSame, kDifferent, kAnd, kOr } kind;
  size_t a, b;
  bool a_is, b_is;

  // Bit i of `knights` is set if person i is a knight.
  bool Holds(uint32_t knights) const {
    const bool a_knight = knights >> a & 1, b_knight = knights >> b & 1;
    switch (kind) {
      case Kind::kPlain:
        return a_knight == a_is;
      case Kind::kSame:
        return a_knight == b_knight;
      case Kind::kDifferent:
        return a_knight != b_knight;
      case Kind::kAnd:
        return a_knight == a_is && b_knight == b_is;
      case Kind::kOr:
        return a_knight == a_is || b_knight == b_is;
    }
    return false;
  }
  std::string Text(const std::vector<std::string>& names) const {
    const auto is = [&](size_t who, bool knight) {
      return names[who] + (knight ? " is a knight" : " is a knave");
    };
    switch (kind) {
      case Kind::kPlain:
        return is(a, a_is);
      case Kind::kSame:
        return names[a] + " and " + names[b] + " are the same";
      case Kind::kDifferent:
        return names[a] + " and " + names[b] + " are different";
      case Kind::kAnd:
        return is(a, a_is) + " and " + is(b, b_is);
      case Kind::kOr:
        return is(a, a_is) + " or " + is(b, b_is);
    }
    return "";
  }
};

Statement DrawStatement(Rng& rng, size_t num_people, bool has_and_or) {
  const auto kind = static_cast<Statement::Kind>(rng.Below(has_and_or ? 5 : 3));
  const size_t a = rng.Below(num_people);
  const size_t b = (a + 1 + rng.Below(num_people - 1)) % num_people;
  // The order of two is always the same, so that each statement has one form.
  const bool a_is = rng.Below(2) == 0, b_is = rng.Below(2) == 0;
  if (kind == Statement::Kind::kPlain) return {kind, a, b, a_is, b_is};
  return {kind, std::min(a, b), std::max(a, b), a_is, b_is};
}

std::string KnightsOf(uint32_t knights, const std::vector<std::string>& names) {
  std::vector<std::string> listed;
  for (size_t i = 0; i < names.size(); ++i) {
    if (knights >> i & 1) listed.push_back(names[i]);
  }
  return listed.empty() ? "nobody" : Listed(listed);
}

bool Fits(const std::vector<Statement>& statements, uint32_t knights) {
  for (size_t i = 0; i < statements.size(); ++i) {
    if (statements[i].Holds(knights) != ((knights >> i & 1) != 0)) return false;
  }
  return true;
}

Problem Draw(Rng& rng, int difficulty) {
  const size_t num_people = kNumPeople[static_cast<size_t>(difficulty)];
  const uint32_t all = (1u << num_people) - 1;
  std::vector<Statement> statements;
  uint32_t solution = 0;
  for (int num_fitting = 0; num_fitting != 1;) {
    statements.clear();
    while (statements.size() < num_people) {
      statements.push_back(DrawStatement(rng, num_people, difficulty != 1));
    }
    num_fitting = 0;
    for (uint32_t knights = 0; knights <= all; ++knights) {
      if (!Fits(statements, knights)) continue;
      ++num_fitting;
      solution = knights;
    }
  }
  std::array<size_t, kNames.size()> order;
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  rng.Shuffle(order);
  std::vector<std::string> names, letters;
  for (size_t i = 0; i < num_people; ++i) {
    names.emplace_back(kNames[order[i]]);
    letters.emplace_back(1, static_cast<char>('A' + i));
  }
  Problem problem;
  problem.question = "Knights tell the truth, knaves lie.";
  for (size_t i = 0; i < num_people; ++i) {
    problem.question += " " + names[i] + " says: " + statements[i].Text(names) + ".";
    problem.identity += statements[i].Text(letters) + ".";
  }
  problem.question += " Who is a knight?";
  // All knights first, as who believes everybody.
  for (uint32_t knights = all;; --knights) {
    const bool is_solution = knights == solution;
    problem.steps.push_back(KnightsOf(knights, names) + (is_solution ? " yes" : " no"));
    if (is_solution) break;
  }
  problem.answer = KnightsOf(solution, names);
  return problem;
}

// The names in any order, with commas or "and" between.
Verdict VerifyNames(std::string_view answer, const std::vector<int64_t>& /*given*/,
                    std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  const auto names_in = [](std::string_view text) {
    std::string lower = LowerCase(text);
    if (lower.ends_with('.')) lower.pop_back();
    auto names = PiecesOf(lower, ", ");
    std::erase(names, "and");
    std::sort(names.begin(), names.end());
    return names;
  };
  const bool correct = names_in(found.text) == names_in(answer);
  return Judged(std::move(found), correct ? "" : "wrong, the answer is " + std::string(answer));
}

std::unique_ptr<Env> MakeKnightsKnaves(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/knights_knaves-v1";
  spec.info.summary = "Who tells the truth, from what two to four people say";
  spec.info.num_difficulties = static_cast<int>(kNumPeople.size());
  spec.families = {{"knights", Draw, 0.15}};
  spec.verify = VerifyNames;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/knights_knaves-v1", MakeKnightsKnaves);

}  // namespace
}  // namespace agon::envs
