// The arena's web page: blind battles between models, the leaderboard, games move by move.
//
//   net::HttpServer server({.port = 8080});
//   Page page("arena.db", speakers, options, metrics);
//   page.AddRoutes(server);
//   server.Start();
//
// The pages work without scripts; with them replies stream side by side. What a browser may ask
// is in docs/arena-api.md. Everything that comes from visitors and models is hostile: bounded,
// and never part of HTML except as text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arena/arena.h"
#include "core/message.h"
#include "net/http_server.h"
#include "net/metrics.h"

namespace agon::arena {

struct SpeakEnd {
  std::string error{};  // why there is no whole reply; "" if there is
  bool is_cut = false;  // the length limit came before the reply's end
  int64_t num_tokens = 0;
};

// On any thread, one at a time for one reply: short, no exceptions.
struct SpeakCallbacks {
  std::function<void(std::string_view piece)> on_text;  // valid UTF-8
  std::function<void(SpeakEnd end)> on_end;             // last, once
};

// Who answers for the arena's models. Thread-safe.
class Speakers {
 public:
  virtual ~Speakers() = default;
  // Whether Speak can be asked for this model. Doesn't wait.
  virtual bool CanSpeak(const std::string& model) const = 0;
  // Begins to answer the last of `conversation`; doesn't wait. The result, which may be called at
  // any time, ends it early: on_end still comes.
  virtual std::function<void()> Speak(const std::string& model, const Messages& conversation,
                                      uint64_t seed, SpeakCallbacks callbacks) = 0;
};

struct DrawnPrompt {
  std::string text{}, category{};
};

struct PageOptions {
  // A prompt for visitors who have none of their own; `number` is random. May be empty.
  std::function<DrawnPrompt(uint64_t number)> draw_prompt{};
  // Checkpoints that a visitor may enter while there are fewer than two models that speak, and
  // what enters those that he chose: numbers of `checkpoints`. Throws Error.
  std::vector<std::string> checkpoints{};
  std::function<void(const std::vector<size_t>& chosen)> enter{};

  int reply_ms = 60000;  // a reply that takes longer is given up
  int max_turns = 8;     // of a battle
  int max_live = 64;     // battles whose models speak; more are told to wait
  size_t max_prompt_bytes = 12000;
  std::vector<std::string> identity_words{};  // besides the models' names: see arena/page/leak.h
  // Requests: bursts, and how many a minute after that. 0 a minute: no limit.
  struct Limit {
    int burst = 0;
    int per_minute = 0;
  };
  Limit battles_per_session{10, 12}, battles_per_address{60, 120};
  Limit votes_per_session{20, 30}, votes_per_address{120, 240};
  Limit reads_per_address{300, 1800};
  // Names that a browser may know this server by, besides addresses and localhost; others are
  // refused, or a hostile site could make its own name point here. Empty: any name.
  std::vector<std::string> host_names{"localhost"};
  bool trusts_forwarded = false;  // the visitor's address is the last of X-Forwarded-For
};

class Page {
 public:
  // Opens the arena. `speakers` and `metrics` must outlive the page.
  Page(const std::filesystem::path& file, Speakers& speakers, PageOptions options,
       net::Metrics& metrics);
  ~Page();
  // The page must outlive the server.
  void AddRoutes(net::HttpServer& server);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agon::arena
