// Rows that decode several tokens before the host looks at them. Private to policy.
//
// A step draws a token in each place, ends rows that stopped, gives their places to rows that
// wait, and says what is decoded next (Backend::AdvanceRows). So the host reads what was drawn once
// for several steps, and a place isn't empty until then.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "policy/backend.h"

namespace agon::policy {

// The table where the backend computes. A row is named by its number, [0, num_rows): the first
// num_places rows have the places at the start, the others wait in the order of their numbers. A
// place whose row ended while no other waited is empty.
struct RowTable {
  int num_places = 0, num_rows = 0, num_stops = 0;
  RngKey key;  // of the stream; task and sample are the rows'

  // Of each row (num_rows).
  const int32_t *task_low, *task_high, *samples;  // of its random key
  const int32_t *limits, *slots;                  // tokens that may be drawn; slot of the cache
  int32_t* counts;                                // tokens drawn so far
  int32_t* positions;                             // of the token that is decoded next
  const int32_t* stops;                           // (num_stops) tokens that end a row
  const int32_t* fed;                             // (steps, num_places) token to feed, -1: draw one

  int32_t* occupants;     // (num_places) row in each place, -1: none
  int32_t* next_waiting;  // (1) number of the row that takes the next place
  int32_t* rows_drawn;    // (steps, num_places) row that drew a token there, -1: none
  int32_t* tokens_drawn;  // (steps, num_places)
  float* logprobs_drawn;  // (steps, num_places)

  // (num_places) Of the step: random numbers and what was drawn with them.
  float* uniforms;
  const int32_t* tokens;
  const float* logprobs;
  // (num_places) What is decoded next. Slot -1: nothing.
  int32_t *next_tokens = nullptr, *next_positions = nullptr, *next_slots = nullptr;
  int32_t* slot_rows = nullptr;  // SharedPrefixes::rows(), if wanted: the place of each slot's row
  // (num_places) Where the place's next hidden state is: in the place itself, or at the number of
  // the waiting row that took it.
  int32_t* sources;
};

// A RowTable in the backend's memory, sent and read in one piece each.
class RowWindow {
 public:
  struct Row {
    uint64_t task = 0;
    uint32_t sample = 0;
    int count = 0, limit = 0, position = 0, slot = 0;
    std::span<const int32_t> fed =
        {};  // what of its prompt isn't cached yet; rows that wait have none
  };
  struct Drawn {
    int32_t row, token;
    float logprob;
  };

  // Tokens that end a row, where memory is planned: more than any tokenizer has for that.
  static constexpr int kMostStops = 16;

  explicit RowWindow(Backend& backend);

  // Takes memory for that many rows, places, steps, and kMostStops tokens that end a row.
  void Reserve(int num_rows, int num_places, int num_steps);
  // Sends the rows, of which the first num_places have places. Waits for nothing.
  void Send(std::span<const Row> rows, int num_places, int num_steps,
            std::span<const int32_t> stops, const RngKey& key);
  // REQUIRES: Send.
  RowTable& table() { return table_; }
  float* logprobs() { return logprobs_; }
  int32_t* tokens() { return tokens_; }

  // Waits. What was drawn, in the order of steps, then places.
  std::vector<Drawn> Read();
  // After Read: the row in each place, -1: none, and the first row that still waits.
  const std::vector<int32_t>& occupants() const { return occupants_; }
  int next_waiting() const { return next_waiting_; }

  MemoryUse Use() const;

 private:
  void SendIdle();

  Backend& backend_;
  std::unique_ptr<DeviceMemory> memory_, next_memory_;
  std::vector<int32_t> staged_;
  RowTable table_;
  int32_t* tokens_ = nullptr;
  float* logprobs_ = nullptr;
  size_t read_begin_ = 0;  // of what Read reads, in numbers
  int num_steps_ = 0;
  std::vector<int32_t> occupants_;
  int next_waiting_ = 0;
};

}  // namespace agon::policy
