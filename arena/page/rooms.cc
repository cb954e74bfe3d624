#include "arena/page/rooms.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "arena/page/leak.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/rng.h"

namespace agon::arena {
namespace {

using std::chrono::milliseconds;

constexpr int kTickMs = 250;
constexpr int64_t kKeptMs = 3600 * 1000;  // a room after its end
constexpr size_t kMaxRooms = 20000;
constexpr int64_t kBeatMs = 15000;  // between comments on a silent stream

std::string Event(const char* name, const Json& data) {
  return std::string("event: ") + name + "\ndata: " + DumpJson(data) + "\n\n";
}

Messages Conversation(const BattleRecord& record, int side) {
  Messages messages;
  for (size_t turn = 0; turn < record.turns.size(); ++turn) {
    messages.push_back({Role::kUser, record.turns[turn]});
    for (const Reply& reply : record.replies) {
      if (reply.side == side && reply.turn == static_cast<int>(turn)) {
        messages.push_back({Role::kAssistant, reply.text});
      }
    }
  }
  return messages;
}

std::string EndEvent(int side, const std::string& finish) {
  return Event("end", {{"side", side}, {"finish", finish}});
}

}  // namespace

int64_t SteadyMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

Rooms::Rooms(Clerk& clerk, Speakers& speakers, net::Metrics& metrics, RoomOptions options)
    : clerk_(clerk),
      speakers_(speakers),
      metrics_(metrics),
      options_(std::move(options)),
      start_ms_(SteadyMs()),
      timekeeper_([this] { KeepTime(); }) {}

Rooms::~Rooms() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  timekeeper_.join();
  for (const auto& end_early : Overdue(INT64_MAX)) end_early();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return num_speaking_ == 0; });
}

bool Rooms::HasPlace() {
  const std::lock_guard lock(mutex_);
  return !is_ending_ && num_speaking_ + 2 <= 2 * options_.max_live;
}

bool Rooms::Start(const BattleRecord& record, const std::vector<std::string>& names) {
  auto room = std::make_shared<Room>();
  room->battle = record.battle.id;
  room->turn = static_cast<int>(record.turns.size()) - 1;
  room->asked = record.turns;
  for (auto& side : room->names) {
    side = options_.identity_words;
    side.insert(side.end(), names.begin(), names.end());
  }
  {
    const std::lock_guard lock(mutex_);
    if (is_ending_ || num_speaking_ + 2 > 2 * options_.max_live) return false;
    num_speaking_ += 2;
    for (Side& side : room->sides) side.begin_ms = SteadyMs();
    rooms_[room->battle] = room;
  }
  Speak(room, 0, record.battle.model_a, Conversation(record, 0));
  Speak(room, 1, record.battle.model_b, Conversation(record, 1));
  return true;
}

void Rooms::Speak(const RoomPtr& room, int side, const std::string& model, Messages conversation) {
  SpeakCallbacks callbacks;
  callbacks.on_text = [this, room, side](std::string_view piece) { OnText(*room, side, piece); };
  callbacks.on_end = [this, room, side](const SpeakEnd& end) { OnEnd(room, side, end); };
  const uint64_t seed = Hash64(room->battle, static_cast<uint64_t>(room->turn));
  auto end_early = speakers_.Speak(model, conversation, seed, std::move(callbacks));
  const std::lock_guard lock(mutex_);
  Side& speaking = room->sides[static_cast<size_t>(side)];
  if (!speaking.is_stored) speaking.end_early = std::move(end_early);
}

void Rooms::OnText(Room& room, int side, std::string_view piece) {
  const std::lock_guard lock(mutex_);
  Side& speaking = room.sides[static_cast<size_t>(side)];
  std::string& text = speaking.text;
  if (speaking.has_ended || text.size() + piece.size() > kMaxReplyBytes) return;
  text += piece;
  Tell(room, Event("text", {{"side", side}, {"text", piece}}));
}

void Rooms::OnEnd(const RoomPtr& room, int side, const SpeakEnd& end) {
  Reply reply;
  {
    const std::lock_guard lock(mutex_);
    Side& speaking = room->sides[static_cast<size_t>(side)];
    if (std::exchange(speaking.has_ended, true)) return;  // an end that was too late
    reply = {.side = side, .turn = room->turn, .text = speaking.text, .num_tokens = end.num_tokens};
    reply.milliseconds = SteadyMs() - speaking.begin_ms;
    reply.finish = !end.error.empty() ? "error" : end.is_cut ? "length" : "stop";
    const auto& names = room->names[static_cast<size_t>(side)];
    if (end.error.empty() && !FindLeak(reply.text, room->asked, names).empty()) {
      reply.finish = "leak";
    }
  }
  if (!end.error.empty()) {
    std::fprintf(stderr, "battle %s: no reply: %s\n", room->battle.c_str(), end.error.c_str());
  }
  metrics_
      .AddCounter("agon_arena_replies_total", "Replies by how they ended.",
                  {{"finish", reply.finish}})
      .Add();
  clerk_.Post([this, room, reply](Arena& arena) {
    std::string failure;
    try {
      arena.AddReply(room->battle, reply);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    OnStored(*room, reply.side, failure.empty() ? reply.finish : "error");
    if (!failure.empty()) {
      std::fprintf(stderr, "battle %s: reply lost: %s\n", room->battle.c_str(), failure.c_str());
    }
  });
}

void Rooms::OnStored(Room& room, int side, const std::string& finish) {
  // What ends a reply early may hold the speaker's own things: it goes outside the lock.
  std::function<void()> end_early;
  const std::lock_guard lock(mutex_);
  Side& speaking = room.sides[static_cast<size_t>(side)];
  speaking.finish = finish;
  speaking.is_stored = true;
  end_early.swap(speaking.end_early);
  Tell(room, EndEvent(side, speaking.finish));
  --num_speaking_;
  if (room.sides[0].is_stored && room.sides[1].is_stored) {
    room.done_ms = SteadyMs();
    Tell(room, Event("done", Json::object()));
    for (const auto& listener : room.listeners) listener->EndStream();
    room.listeners.clear();
  }
  changed_.notify_all();
}

void Rooms::Tell(Room& room, const std::string& event) {
  std::erase_if(room.listeners, [&](const auto& listener) { return !listener->Write(event); });
}

bool Rooms::Listen(const std::string& battle, const net::HttpExchangePtr& exchange) {
  const std::lock_guard lock(mutex_);
  const auto found = rooms_.find(battle);
  if (found == rooms_.end()) return false;
  Room& room = *found->second;
  std::string so_far = "retry: 1000\n\n";
  for (int side = 0; side < 2; ++side) {
    const Side& speaking = room.sides[static_cast<size_t>(side)];
    so_far += Event("text", {{"side", side}, {"text", speaking.text}, {"whole", true}});
    if (speaking.is_stored) so_far += EndEvent(side, speaking.finish);
  }
  if (room.done_ms) so_far += Event("done", Json::object());
  exchange->BeginStream({200,
                         so_far,
                         {{"Content-Type", "text/event-stream"},
                          {"Cache-Control", "no-store"},
                          {"X-Content-Type-Options", "nosniff"}}});
  if (room.done_ms) {
    exchange->EndStream();
  } else {
    room.listeners.push_back(exchange);
  }
  return true;
}

bool Rooms::IsLive(const std::string& battle) {
  const std::lock_guard lock(mutex_);
  const auto found = rooms_.find(battle);
  return found != rooms_.end() && !found->second->done_ms;
}

int64_t Rooms::SinceDone(const std::string& battle) {
  const std::lock_guard lock(mutex_);
  const auto found = rooms_.find(battle);
  if (found == rooms_.end()) return SteadyMs() - start_ms_;
  return found->second->done_ms ? SteadyMs() - *found->second->done_ms : -1;
}

// Ends of those who have spoken too long.
std::vector<std::function<void()>> Rooms::Overdue(int64_t now_ms) {
  std::vector<std::function<void()>> overdue;
  const std::lock_guard lock(mutex_);
  for (const auto& [battle, room] : rooms_) {
    for (Side& side : room->sides) {
      if (side.end_early && now_ms - side.begin_ms > options_.reply_ms) {
        overdue.push_back(side.end_early);
      }
    }
  }
  return overdue;
}

void Rooms::KeepTime() {
  int64_t last_beat = SteadyMs();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, milliseconds(kTickMs), [&] { return is_ending_; })) {
    const int64_t now = SteadyMs();
    if (now - last_beat > kBeatMs) {
      for (const auto& [battle, room] : rooms_) Tell(*room, ": still speaking\n\n");
      last_beat = now;
    }
    const bool is_crowded = rooms_.size() > kMaxRooms;
    std::erase_if(rooms_, [&](const auto& entry) {
      const auto& done_ms = entry.second->done_ms;
      return done_ms && (is_crowded || now - *done_ms > kKeptMs);
    });
    lock.unlock();
    for (const auto& end_early : Overdue(now)) end_early();
    lock.lock();
  }
}

}  // namespace agon::arena
