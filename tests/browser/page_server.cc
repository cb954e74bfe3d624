// The arena's page with models that say what the prompt asks for, for tests in a browser.
//
//   arena_page_server FOLDER [votes]
//
// Keeps its database in FOLDER, votes first as made-up people do, prints "port N", and serves
// until its stdin ends. A prompt that contains "hostile", "leak", "fail", "silent", "slow" or
// "heavy" gets such replies; any other an example of what the page can draw.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "arena/page.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "tests/paths.h"

namespace agon::arena {
namespace {

struct Contestant {
  const char* name;
  const char* parent;
  const char* stage;
  int step;
  double strength;
};
constexpr Contestant kContestants[] = {{"demo/sft-000150", "", "sft", 150, -0.9},
                                       {"demo/sft-000300", "demo/sft-000150", "sft", 300, -0.5},
                                       {"demo/rl-000020", "demo/sft-000300", "rl", 20, 0.0},
                                       {"demo/rl-000060", "demo/rl-000020", "rl", 60, 0.6},
                                       {"demo/rl-000100", "demo/rl-000060", "rl", 100, 0.8}};

const char* const kReplies[] = {
    "Each box holds 12 pencils, so 7 boxes hold\n\n$$7 \\times 12 = 84.$$\n\nShe gives away "
    "$\\frac{84}{4} = 21$ of them and keeps **63 pencils**.\n\n1. Count all: `7 * 12`\n2. A "
    "quarter "
    "goes\n3. What is left: 63",
    "There are 7 boxes.\n\n```python\npencils = 7 * 12\nprint(pencils - pencils // 4)\n```\n\n| "
    "step | "
    "pencils |\n|---|---|\n| at first | 84 |\n| given | 21 |\n\nShe keeps *about* 60, "
    "since $\\sqrt{x^2 + y^2} \\le |x| + |y|$."};

std::string Corpus() { return ReadFile(kSourceDir + "/tests/browser/hostile.txt"); }

// What makes slow patterns slow: beginnings without an end. Below the bound of a reply that is
// drawn, or a megabyte.
std::string Heavy(bool is_whole) {
  std::string text;
  for (const char* part : {"**a ", "__a ", "*a ", "_a ", "~~a ", "`a ", "$$a ", "$a ", "\\(a ",
                           "[a](", "- - ", "> > ", "| - ", "1. ", "<think>", "\\left( ", "{"}) {
    for (int i = 0; i < (is_whole ? 10000 : 400); ++i) text += part;
    text += "\n\n# " + std::string(1000, ' ') + "x\n\n";
  }
  return text.substr(0, is_whole ? 1000000 : 29000);
}

bool Asks(const std::string& prompt, const char* word) {
  return prompt.find(word) != std::string::npos;
}

class ScriptedSpeakers final : public Speakers {
 public:
  ~ScriptedSpeakers() override {
    for (std::thread& thread : threads_) thread.join();
  }

  bool CanSpeak(const std::string& model) const override { return model.starts_with("demo/"); }

  std::function<void()> Speak(const std::string& model, const Messages& conversation, uint64_t,
                              SpeakCallbacks callbacks) override {
    const std::lock_guard lock(mutex_);
    const bool is_second = num_asked_++ % 2 == 1;
    threads_.emplace_back([=] { Say(model, conversation.back().content, is_second, callbacks); });
    return [] {};
  }

 private:
  static void Say(const std::string& model, const std::string& prompt, bool is_second,
                  const SpeakCallbacks& callbacks) {
    std::string text = kReplies[is_second];
    if (Asks(prompt, "hostile")) text = Corpus();
    if (Asks(prompt, "leak") && is_second) text = "I am " + model + ", ask me anything.";
    if (Asks(prompt, "silent")) text.clear();
    if (Asks(prompt, "heavy")) text = Heavy(Asks(prompt, "whole"));
    SpeakEnd end;
    if (Asks(prompt, "fail") && is_second) end.error = "it was told to fail";
    const std::chrono::milliseconds pause(Asks(prompt, "slow") ? 60 : 2);
    // Whole words, so that no character is split.
    for (size_t begin = 0; begin < text.size() && end.error.empty();) {
      const size_t stop =
          Asks(prompt, "heavy") ? text.size() : std::min(text.find(' ', begin + 1), text.size());
      callbacks.on_text(text.substr(begin, stop - begin));
      begin = stop;
      std::this_thread::sleep_for(pause);
    }
    end.num_tokens = static_cast<int64_t>(text.size() / 4);
    callbacks.on_end(end);
  }

  std::mutex mutex_;
  std::vector<std::thread> threads_;
  int num_asked_ = 0;
};

const char* const kOpening =
    "Connect four. You are X, columns 1-6.\n. . . . . . |\n. . . . . . |\n. . . . . . |\n"
    ". . . X . . |\n. X O X O O |";
const char* const kTranscript =
    "4\n[user]\n. . . . . . |\n. . . . . . |\n. . . X . . |\n. . . X . . |\nO X O X O O |\n\n4";

void Fill(Arena& arena) {
  Rng rng({.run_seed = 7});
  for (int i = 0; i < 420; ++i) {
    const std::string session = "voter " + std::to_string(i % 37);
    const Battle battle =
        arena.NewBattle("A question of everyday arithmetic, number " + std::to_string(i) + "?",
                        i % 3 == 0 ? "reason/gcd" : "math/shop", session);
    arena.AddReply(battle.id, {.side = 0, .text = kReplies[0], .num_tokens = 40});
    arena.AddReply(battle.id, {.side = 1, .text = kReplies[1], .num_tokens = 40});
    double difference = 0;
    for (const Contestant& one : kContestants) {
      difference += one.strength * ((one.name == battle.model_a) - (one.name == battle.model_b));
    }
    const bool is_tie = rng.Uniform() < 0.15f;
    const bool wins = rng.Uniform() < 1 / (1 + std::exp(-difference));
    const Ballot ballot = {.battle = battle.id,
                           .token = battle.token,
                           .session = session,
                           .choice = is_tie ? Outcome::kTie
                                     : wins ? Outcome::kWinA
                                            : Outcome::kWinB,
                           .dwell_ms = 6000,
                           .address = "192.0.2.1"};
    arena.CastVotes({&ballot, 1});
  }
  std::vector<Match> games;
  for (int i = 0; i < 8; ++i) {
    const Json detail = {{"opening", kOpening},
                         {"transcript", kTranscript},
                         {"seat", 0},
                         {"last_move", i == 2 ? "1" : "4"},
                         {"reason", i == 3   ? "seat 0: illegal move"
                                    : i == 2 ? "seat 1: won"
                                             : "seat 0: won"}};
    games.push_back({"game", "game/connect4-v1", "test 42/" + std::to_string(i),
                     kContestants[4 - i % 2].name, kContestants[i % 3].name, 1, detail.dump()});
  }
  arena.AddMatches(games);
}

int Run(int argc, char** argv) {
  AGON_CHECK(argc >= 2, "usage: arena_page_server FOLDER [votes|empty]");
  const fs::path file = fs::path(argv[1]) / "arena.db";
  const std::string mode = argc > 2 ? argv[2] : "";
  const auto add_models = [file] {
    Arena arena(file);
    for (const Contestant& one : kContestants) {
      arena.AddModel(
          {.name = one.name, .parent = one.parent, .stage = one.stage, .step = one.step});
    }
  };
  if (mode != "empty") add_models();
  if (mode == "votes") {
    Arena arena(file);
    Fill(arena);
  }
  ScriptedSpeakers speakers;
  PageOptions options;
  options.draw_prompt = [](uint64_t) {
    return DrawnPrompt{
        "Mia buys 7 boxes of 12 pencils and gives a quarter of them to her class. How many does "
        "she keep?",
        "math/shop"};
  };
  options.checkpoints = {"runs/demo/checkpoints/sft-000300", "runs/demo/checkpoints/rl-000100"};
  options.enter = [&](const std::vector<size_t>&) { add_models(); };
  options.battles_per_session = options.battles_per_address = {};
  options.votes_per_session = options.votes_per_address = options.reads_per_address = {};
  net::Metrics metrics;
  Page page(file, speakers, std::move(options), metrics);
  net::HttpServer server({.metrics = &metrics});
  page.AddRoutes(server);
  server.Start();
  std::printf("port %d\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server.Drain(1000);
  return 0;
}

}  // namespace
}  // namespace agon::arena

int main(int argc, char** argv) { return agon::RunMain(agon::arena::Run, argc, argv); }
