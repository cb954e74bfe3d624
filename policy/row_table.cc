#include "policy/row_table.h"

#include <algorithm>
#include <bit>

namespace agon::policy {
namespace {

// Where the table's arrays begin in one block, in 32-bit numbers, each at a multiple of 64 bytes.
struct Layout {
  Layout(size_t rows, size_t places, size_t steps, size_t stops) {
    for (size_t* of_rows :
         {&task_low, &task_high, &samples, &limits, &slots, &counts, &positions}) {
      *of_rows = Add(rows);
    }
    stop_ids = Add(stops);
    fed = Add(steps * places);
    for (size_t* of_places : {&uniforms, &sources, &tokens, &logprobs}) *of_places = Add(places);
    occupants = Add(places);
    next_waiting = Add(1);
    for (size_t* drawn : {&rows_drawn, &tokens_drawn, &logprobs_drawn})
      *drawn = Add(steps * places);
  }
  size_t Add(size_t count) {
    const size_t begin = size;
    size = (begin + count + 15) / 16 * 16;
    return begin;
  }

  size_t size = 0;
  size_t task_low, task_high, samples, limits, slots, counts, positions, stop_ids, fed;
  size_t uniforms, sources, tokens, logprobs;
  size_t occupants, next_waiting, rows_drawn, tokens_drawn, logprobs_drawn;  // what Read reads
};

}  // namespace

RowWindow::RowWindow(Backend& backend)
    : backend_(backend),
      memory_(backend.NewMemory("rows that are decoded")),
      next_memory_(backend.NewMemory("rows that are decoded")) {}

void RowWindow::Reserve(int num_rows, int num_places, int num_steps) {
  const Layout most(static_cast<size_t>(num_rows), static_cast<size_t>(num_places),
                    static_cast<size_t>(num_steps), kMostStops);
  memory_->Get(most.size * sizeof(int32_t));
  next_memory_->Get(3 * static_cast<size_t>(backend_.PaddedRows(num_places)) * sizeof(int32_t));
}

void RowWindow::Send(std::span<const Row> rows, int num_places, int num_steps,
                     std::span<const int32_t> stops, const RngKey& key) {
  const auto places = static_cast<size_t>(num_places), steps = static_cast<size_t>(num_steps);
  const Layout at(rows.size(), places, steps, stops.size());
  staged_.assign(at.size, 0);
  int32_t* v = staged_.data();
  std::copy(stops.begin(), stops.end(), v + at.stop_ids);
  std::fill_n(v + at.fed, steps * places, -1);
  v[at.next_waiting] = num_places;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    v[at.task_low + i] = static_cast<int32_t>(static_cast<uint32_t>(row.task));
    v[at.task_high + i] = static_cast<int32_t>(static_cast<uint32_t>(row.task >> 32));
    v[at.samples + i] = static_cast<int32_t>(row.sample);
    v[at.limits + i] = row.limit;
    v[at.slots + i] = row.slot;
    v[at.counts + i] = row.count;
    v[at.positions + i] = row.position;
    if (i >= places) continue;
    v[at.occupants + i] = static_cast<int32_t>(i);
    v[at.uniforms + i] = std::bit_cast<int32_t>(
        key.WithTask(row.task).WithSample(row.sample).Uniform(static_cast<uint32_t>(row.count)));
    for (size_t step = 0; step < std::min(steps, row.fed.size()); ++step) {
      v[at.fed + step * places + i] = row.fed[step];
    }
  }
  const size_t bytes = staged_.size() * sizeof(int32_t);
  auto* block = reinterpret_cast<int32_t*>(memory_->Get(bytes));
  backend_.Upload(block, v, bytes);
  const auto numbers = [&](size_t begin) { return block + begin; };
  const auto floats = [&](size_t begin) { return reinterpret_cast<float*>(block + begin); };
  table_ = {.num_places = num_places,
            .num_rows = static_cast<int>(rows.size()),
            .num_stops = static_cast<int>(stops.size()),
            .key = key,
            .task_low = numbers(at.task_low),
            .task_high = numbers(at.task_high),
            .samples = numbers(at.samples),
            .limits = numbers(at.limits),
            .slots = numbers(at.slots),
            .counts = numbers(at.counts),
            .positions = numbers(at.positions),
            .stops = numbers(at.stop_ids),
            .fed = numbers(at.fed),
            .occupants = numbers(at.occupants),
            .next_waiting = numbers(at.next_waiting),
            .rows_drawn = numbers(at.rows_drawn),
            .tokens_drawn = numbers(at.tokens_drawn),
            .logprobs_drawn = floats(at.logprobs_drawn),
            .uniforms = floats(at.uniforms),
            .tokens = numbers(at.tokens),
            .logprobs = floats(at.logprobs),
            .sources = numbers(at.sources)};
  tokens_ = numbers(at.tokens);
  logprobs_ = floats(at.logprobs);
  read_begin_ = at.occupants;
  num_steps_ = num_steps;
  SendIdle();
}

// What is decoded next lies apart: recorded graphs hold its addresses, which depend on the number
// of padded rows alone.
void RowWindow::SendIdle() {
  const auto padded = static_cast<size_t>(backend_.PaddedRows(table_.num_places));
  std::vector<int32_t> idle(3 * padded, 0);
  std::fill_n(idle.begin() + static_cast<std::ptrdiff_t>(2 * padded), padded, -1);
  auto* next = reinterpret_cast<int32_t*>(next_memory_->Get(idle.size() * sizeof(int32_t)));
  backend_.Upload(next, idle.data(), idle.size() * sizeof(int32_t));
  table_.next_tokens = next;
  table_.next_positions = next + padded;
  table_.next_slots = next + 2 * padded;
}

std::vector<RowWindow::Drawn> RowWindow::Read() {
  const size_t count = staged_.size() - read_begin_;
  backend_.Download(staged_.data() + read_begin_, table_.occupants, count * sizeof(int32_t));
  const int32_t* host = staged_.data();
  // Of an array in the table.
  const auto on_host = [&](const void* p) {
    return host + read_begin_ + (static_cast<const int32_t*>(p) - table_.occupants);
  };
  const int32_t* occupants = on_host(table_.occupants);
  occupants_.assign(occupants, occupants + table_.num_places);
  next_waiting_ = *on_host(table_.next_waiting);
  const int32_t *rows = on_host(table_.rows_drawn), *tokens = on_host(table_.tokens_drawn),
                *logprobs = on_host(table_.logprobs_drawn);
  std::vector<Drawn> drawn;
  for (int i = 0; i < num_steps_ * table_.num_places; ++i) {
    if (rows[i] >= 0) drawn.push_back({rows[i], tokens[i], std::bit_cast<float>(logprobs[i])});
  }
  return drawn;
}

MemoryUse RowWindow::Use() const {
  MemoryUse use = memory_->Use();
  use.bytes += next_memory_->Use().bytes;
  return use;
}

}  // namespace agon::policy
