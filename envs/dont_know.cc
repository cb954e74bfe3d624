#include "envs/dont_know.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "envs/answer_match.h"
#include "envs/math/rational.h"
#include "envs/text/text_answer.h"

namespace agon::envs {
namespace {

constexpr std::array<std::string_view, 6> kReplies = {"I don't know.",
                                                      "I don't know that.",
                                                      "Sorry, I don't know.",
                                                      "I'm afraid I don't know.",
                                                      "I don't know the answer.",
                                                      "That I don't know."};

// In the form that Plain makes.
constexpr std::array<std::string_view, 15> kSaying = {"i don't know",
                                                      "i don't know that",
                                                      "i don't know the answer",
                                                      "i don't know this",
                                                      "that i don't know",
                                                      "i really don't know",
                                                      "i'm not sure",
                                                      "i am not sure",
                                                      "i have no idea",
                                                      "i don't know about that",
                                                      "i don't have that information",
                                                      "i can't answer that",
                                                      "i couldn't say",
                                                      "no idea",
                                                      "i don't know the answer to that"};
constexpr std::array<std::string_view, 8> kPolite = {
    "sorry, ",     "i'm sorry, ", "i am sorry, ", "i'm sorry, but ",
    "sorry, but ", "i'm afraid ", "i am afraid ", "unfortunately, "};

// Longer replies say more than that.
constexpr size_t kMaxBytes = 200;

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// In lower case, with plain apostrophes, without a mark at the end.
std::string Plain(std::string_view reply) {
  std::string plain = PlainText(reply);
  ReplaceAll(plain, "\xe2\x80\x99", "'");
  ReplaceAll(plain, "do not", "don't");
  if (plain.ends_with('!')) plain.pop_back();
  return plain;
}

}  // namespace

std::span<const std::string_view> DontKnowReplies() { return kReplies; }

bool SaysDontKnow(std::string_view reply) {
  const std::string_view said = TrimSpace(WithoutThinking(reply));
  if (said.size() > kMaxBytes) return false;
  const std::string plain = Plain(said);
  std::string_view rest = plain;
  if (rest.starts_with("answer: ")) rest.remove_prefix(8);
  // The longest that fits: "i'm sorry, but " before "i'm sorry, ".
  size_t polite = 0;
  for (const std::string_view opening : kPolite) {
    if (rest.starts_with(opening)) polite = std::max(polite, opening.size());
  }
  rest.remove_prefix(polite);
  return std::find(kSaying.begin(), kSaying.end(), rest) != kSaying.end();
}

Outcome GradeReply(std::span<const std::string> answers, std::string_view reply, bool truncated) {
  AGON_CHECK(!answers.empty());
  if (truncated) reply = reply.substr(0, reply.rfind('\n') + 1);
  MatchedAnswer match;
  for (const std::string& answer : answers) {
    match = MatchAnswer(AnswerMatch::kExact, answer, reply);
    if (match.correct) break;
  }
  Outcome outcome;
  outcome.parts.push_back({"correct", match.correct ? 1.0 : 0.0});
  outcome.terminated = !truncated;
  outcome.truncated = truncated;
  outcome.extracted = std::move(match.extracted);
  const bool admits = !match.correct && SaysDontKnow(reply);
  outcome.reason = admits ? "says that it doesn't know" : std::move(match.reason);
  return outcome;
}

}  // namespace agon::envs
