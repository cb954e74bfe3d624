// Battles whose models are speaking, and who listens. Private to arena.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arena/page.h"
#include "arena/page/clerk.h"

namespace agon::arena {

// Milliseconds of a clock that doesn't jump.
int64_t SteadyMs();

struct RoomOptions {
  int reply_ms = 60000;
  int max_live = 64;
  std::vector<std::string> identity_words{};
};

// A reply is shown as it comes and stored when it has ended; only then is its side done. A room
// whose sides are done is kept a while, for listeners that come late and for the time since.
// Thread-safe.
class Rooms {
 public:
  Rooms(Clerk& clerk, Speakers& speakers, net::Metrics& metrics, RoomOptions options);
  // Ends what is being said, stores it, and waits.
  ~Rooms();

  // Whether Start would go on now: asked before something is stored for it.
  bool HasPlace();
  // Both models of `record` answer its last turn. False if too many battles are live.
  bool Start(const BattleRecord& record, const std::vector<std::string>& names);
  // Sends what was said and what will be, as server-sent events, to the stream's end:
  //   event: text   {"side": 0, "text": "..."}      a piece
  //   event: end    {"side": 0, "finish": "stop"}
  //   event: done   {}                              both are stored
  // False if there is no such room; nothing was sent then.
  bool Listen(const std::string& battle, const net::HttpExchangePtr& exchange);
  bool IsLive(const std::string& battle);  // somebody speaks in it
  // Since both replies were stored. Without a room: since the start of this process, which is
  // less; negative while somebody speaks.
  int64_t SinceDone(const std::string& battle);

 private:
  struct Side {
    std::string text;
    std::string finish;  // "" while it speaks
    int64_t begin_ms = 0;
    bool has_ended = false;
    bool is_stored = false;
    std::function<void()> end_early;
  };
  struct Room {
    std::string battle;
    int turn = 0;
    std::vector<std::string> asked;                 // the user's turns
    std::array<std::vector<std::string>, 2> names;  // that side's model
    std::array<Side, 2> sides;
    std::optional<int64_t> done_ms;
    std::vector<net::HttpExchangePtr> listeners;
  };
  using RoomPtr = std::shared_ptr<Room>;

  void Speak(const RoomPtr& room, int side, const std::string& model, Messages conversation);
  void OnText(Room& room, int side, std::string_view piece);
  void OnEnd(const RoomPtr& room, int side, const SpeakEnd& end);
  void OnStored(Room& room, int side, const std::string& finish);
  void Tell(Room& room, const std::string& event);
  void KeepTime();
  std::vector<std::function<void()>> Overdue(int64_t now_ms);

  Clerk& clerk_;
  Speakers& speakers_;
  net::Metrics& metrics_;
  const RoomOptions options_;
  const int64_t start_ms_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, RoomPtr> rooms_;
  int num_speaking_ = 0;  // sides that aren't stored
  bool is_ending_ = false;
  std::thread timekeeper_;
};

}  // namespace agon::arena
