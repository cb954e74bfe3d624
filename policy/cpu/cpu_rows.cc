// Rows that decode several tokens before anyone looks: the plain twin of policy/cuda/row_table.cu.
#include <algorithm>

#include "policy/cpu/cpu_backend.h"
#include "policy/row_table.h"

namespace agon::policy::cpu {

void CpuBackend::AdvanceRows(const RowTable& t, int step) {
  const int64_t begin = static_cast<int64_t>(step) * t.num_places;
  for (int place = 0; place < t.num_places; ++place) {
    const int64_t at = begin + place;
    int32_t row = t.occupants[place];
    int32_t token = t.fed[at];
    const bool draws = row >= 0 && token < 0;
    t.rows_drawn[at] = draws ? row : -1;
    t.sources[place] = place;
    if (draws) {
      token = t.tokens[place];
      t.tokens_drawn[at] = token;
      t.logprobs_drawn[at] = t.logprobs[place];
      const bool is_stop =
          std::find(t.stops, t.stops + t.num_stops, token) != t.stops + t.num_stops;
      const bool ended = ++t.counts[row] >= t.limits[row] || is_stop;
      if (ended) {
        if (t.slot_rows) t.slot_rows[t.slots[row]] = -1;
        const bool is_taken = *t.next_waiting < t.num_rows;
        row = is_taken ? (*t.next_waiting)++ : -1;
        t.occupants[place] = row;
        if (is_taken) t.sources[place] = row;
        token = -1;
      }
    }
    const bool decodes = row >= 0 && token >= 0;
    t.next_tokens[place] = decodes ? token : 0;
    t.next_slots[place] = decodes ? t.slots[row] : -1;
    t.next_positions[place] = decodes ? t.positions[row]++ : 0;
    if (decodes && t.slot_rows) t.slot_rows[t.slots[row]] = place;
    if (row < 0) continue;
    const uint64_t task = static_cast<uint64_t>(static_cast<uint32_t>(t.task_high[row])) << 32 |
                          static_cast<uint32_t>(t.task_low[row]);
    t.uniforms[place] = t.key.WithTask(task)
                            .WithSample(static_cast<uint32_t>(t.samples[row]))
                            .Uniform(static_cast<uint32_t>(t.counts[row]));
  }
}

}  // namespace agon::policy::cpu
