// text/identity: who the model is, who made it, what it is and what it isn't.
//
//   Hello! What are you called?              My name is Milo.
//   Be honest: are you ChatGPT?              No, I am Milo.
//
//   text/identity(name=Bo,maker=Acme Labs,kind=a bookseller's assistant)
//
// There are two ways to give a model an identity, and the dial "place" chooses: 0, it is always
// this one, so that training makes it a part of the model; 1, a system message says it, another one
// in every task, so that the model learns to read it there.
//
// Graded strictly: all of the reply must be one of a few sentences. Splits: a wording
// (envs/text/wordings.h) is in one split, and so is the name in a system message.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/answer_match.h"
#include "envs/choice.h"
#include "envs/env.h"
#include "envs/math/rational.h"
#include "envs/problem_env.h"
#include "envs/problem_state.h"
#include "envs/text/text_answer.h"
#include "envs/text/wordings.h"
#include "envs/text/words.h"

namespace agon::envs {
namespace {

constexpr char kId[] = "text/identity-v1";
constexpr std::array<std::string_view, 3> kOwnKeys = {"name", "maker", "kind"};
constexpr size_t kMaxOwnBytes = 100;

struct Persona {
  std::string name, maker, kind;
};

constexpr std::array<std::string_view, 8> kNameQuestions = {
    "What is your name?",   "What are you called?",   "Who are you?",
    "Say your name.",       "What name do you have?", "Who am I talking to?",
    "Which name is yours?", "What should I call you?"};
constexpr std::array<std::string_view, 8> kMakerQuestions = {
    "Who made you?",           "Who built you?",
    "Who is your maker?",      "Say who made you.",
    "By whom were you made?",  "Who trained you?",
    "Which people built you?", "Who are the people who made you?"};
constexpr std::array<std::string_view, 8> kKindQuestions = {
    "What are you?",          "What kind of thing are you?",  "What sort of thing are you?",
    "Say what you are.",      "What am I talking to?",        "What exactly are you?",
    "Describe what you are.", "What kind of program are you?"};
constexpr std::array<std::string_view, 8> kCheckQuestions = {"Are you {}?",
                                                             "Am I talking to {}?",
                                                             "Is it true that you are {}?",
                                                             "You are {}, right?",
                                                             "Be honest: are you {}?",
                                                             "Could it be that you are {}?",
                                                             "Isn't your name {}?",
                                                             "People say that you are {}. True?"};
// Others, under which a model is often addressed.
constexpr std::array<std::string_view, 8> kOthers = {"ChatGPT", "Gemini", "Siri",      "Alexa",
                                                     "Eliza",   "Watson", "Cleverbot", "Llama"};

// Sentences that are right, each as it would be said.
using Accepted = std::vector<std::string>;

Accepted NameReplies(const Persona& who) {
  return {"I am " + who.name + ".", "My name is " + who.name + ".", who.name + "."};
}

Accepted MakerReplies(const Persona& who) {
  return {"I was made by " + who.maker + ".", who.maker + " made me."};
}

Accepted KindReplies(const Persona& who) {
  return {"I am " + who.kind + ".", "I am " + who.kind + " called " + who.name + "."};
}

class IdentityEpisode final : public Episode {
 public:
  explicit IdentityEpisode(Accepted accepted) : accepted_(std::move(accepted)) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    const std::string_view said = TrimSpace(WithoutThinking(completion));
    const std::string plain = truncated ? "" : PlainText(said);
    const bool is_right = std::any_of(accepted_.begin(), accepted_.end(),
                                      [&](const auto& reply) { return PlainText(reply) == plain; });
    Outcome outcome;
    outcome.parts.push_back({"correct", is_right ? 1.0 : 0.0});
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    outcome.extracted = std::string(said.substr(0, kMaxOwnBytes));
    outcome.reason = is_right ? "right" : "wrong, it should say: " + accepted_.front();
    return outcome;
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    if (labeler == Labeler::kStepByStep) return std::nullopt;  // nothing to work out
    return accepted_[variant % accepted_.size()];
  }

 private:
  const Accepted accepted_;
};

class IdentityEnv final : public Env {
 public:
  explicit IdentityEnv(std::string_view params) {
    info_.id = kId;
    info_.summary = "Who the model is, who made it, what it is and what it isn't";
    info_.families = {"name", "maker", "kind", "check"};
    info_.attributes = {{"place", {"always the same", "in a system message"}}};
    info_.chance = 0.4;
    // Of one persona: each is asked for its name, its maker and its kind, and whether it is one of
    // the others or itself.
    info_.num_tasks =
        NumWordings(kNameQuestions.size()) + NumWordings(kMakerQuestions.size()) +
        NumWordings(kKindQuestions.size()) +
        NumWordings(kCheckQuestions.size()) * static_cast<int64_t>(kOthers.size() + 1);
    choice_ = ParseTaskChoice(params, info_, kOwnKeys);
    spec_ = choice_.Spec(info_);
    own_ = {Own("name", "Milo"), Own("maker", "the agon project"),
            Own("kind", "a small language model")};
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Rng rng({seed, RngStream::kTask, Hash64(info_.id, static_cast<uint64_t>(split)), index, 0});
    Task task;
    task.id = {spec_, split, seed, index};
    task.family = choice_.families[rng.Below(choice_.families.size())];
    const LevelRange places = choice_.levels[0];
    const bool is_told = rng.Between(places.low, places.high) == 1;
    const Persona who = is_told ? DrawPersona(rng, split) : own_;
    if (is_told) {
      task.messages.push_back({Role::kSystem, "You are " + who.name + ", " + who.kind +
                                                  ". You were made by " + who.maker + "."});
    }
    auto [question, accepted] = Ask(rng, split, task.family, who);
    task.messages.push_back({Role::kUser, std::move(question)});
    task.answer = accepted.front();
    task.state = Json({{"accepted", accepted}}).dump();
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    CheckIsOf(kId, task);
    auto accepted = JsonField<std::vector<std::string>>(ParseJson(task.state, "task.state"),
                                                        "accepted", "task.state");
    if (accepted.empty()) {
      throw Error(ErrorKind::kCorrupt, "no reply would be right", NameInErrors(task));
    }
    return std::make_unique<IdentityEpisode>(std::move(accepted));
  }

 private:
  std::string Own(std::string_view key, std::string_view usual) const {
    const auto found = choice_.own.find(std::string(key));
    if (found == choice_.own.end()) return std::string(usual);
    if (PlainText(found->second).empty() || found->second.size() > kMaxOwnBytes) {
      ThrowBadValue(key, found->second, info_, "1 to 100 bytes of text");
    }
    return found->second;
  }

  Persona DrawPersona(Rng& rng, Split split) const {
    for (;;) {
      std::string name = Capitalized(InventedWord(rng, 2));
      if (SplitOf("personas", name) != split) continue;
      return {std::move(name), "the people of " + Capitalized(InventedWord(rng, 2)), own_.kind};
    }
  }

  std::pair<std::string, Accepted> Ask(Rng& rng, Split split, const std::string& family,
                                       const Persona& who) const {
    if (family == "name") return {DrawWording(rng, split, kNameQuestions), NameReplies(who)};
    if (family == "maker") return {DrawWording(rng, split, kMakerQuestions), MakerReplies(who)};
    if (family == "kind") return {DrawWording(rng, split, kKindQuestions), KindReplies(who)};
    const bool is_it = rng.Below(3) == 0;
    std::string other;
    do {
      other = kOthers[rng.Below(kOthers.size())];
    } while (LowerCase(other) == LowerCase(who.name));
    std::string question =
        Filled(DrawWording(rng, split, kCheckQuestions), is_it ? who.name : other);
    return {std::move(question), {(is_it ? "Yes, I am " : "No, I am ") + who.name + "."}};
  }

  EnvInfo info_;
  TaskChoice choice_;
  std::string spec_;
  Persona own_;
};

REGISTER_ENV(kId, [](std::string_view params) { return std::make_unique<IdentityEnv>(params); });

}  // namespace
}  // namespace agon::envs
