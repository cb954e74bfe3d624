// Several tokens at once: the host looks at what was drawn every few steps.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "policy/generate.h"

namespace agon::policy {
namespace {

bool SameTokens(const Sampling& a, const Sampling& b) {
  return a.temperature == b.temperature && a.top_k == b.top_k && a.top_p == b.top_p &&
         a.stop_token_ids == b.stop_token_ids;
}

}  // namespace

// What of its prompt isn't cached yet.
std::span<const int32_t> Generator::Unfed(const Row& row) {
  const std::span<const int32_t> prompt = row.job->prompt.tokens;
  return prompt.subspan(std::min(prompt.size(), static_cast<size_t>(row.position)));
}

// Steps that the rows can take before the host has to look: 1 where it has to choose between them.
int Generator::StepsAtOnce(const Request& request) const {
  int longest = 0;
  for (const Row& row : rows_) {
    const Sampling& sampling = SamplingOf(request, row);
    const int limit = row.job->prompt.max_new_tokens;
    if (sampling.num_top > 0 || limit == 0 ||
        !SameTokens(sampling, SamplingOf(request, rows_[0]))) {
      return 1;
    }
    const int fed = static_cast<int>(Unfed(row).size());
    longest = std::max(longest, fed + limit - static_cast<int>(row.completion.tokens.size()));
  }
  return std::min(request.tokens_at_once, longest);
}

void Generator::TakeSteps(const Request& request, int num_steps) {
  const int places =
      std::min(static_cast<int>(rows_.size()), static_cast<int>(request.sampling.max_rows));
  const SharedPrefixes* prefixes = SharePrefixes(SendRows(request, places, num_steps));
  const RowTable& table = window_.table();
  const Sampling& sampling = SamplingOf(request, rows_[0]);
  for (int step = 0; step < num_steps; ++step) {
    backend_.SampleTokens(transformer_.head(), hidden_, places, sampling, table.uniforms,
                          window_.tokens(), window_.logprobs());
    backend_.AdvanceRows(table, step);
    transformer_.DecodeRows({.tokens = table.next_tokens,
                             .positions = table.next_positions,
                             .slots = table.next_slots,
                             .count = places,
                             .prefixes = prefixes},
                            *cache_, hidden_);
    // In place: rows are read where they are, or where no place is.
    backend_.GatherRows(hidden_, table.sources, places, config_.hidden_size, hidden_);
  }
  const std::vector<RowWindow::Drawn> drawn = window_.Read();
  for (Row& row : std::span(rows_).first(static_cast<size_t>(places))) {
    row.position += std::min(num_steps, static_cast<int>(Unfed(row).size()));
  }
  Keep(request, drawn);
  CloseRanks(request);
}

// Returns how many rows were sent.
size_t Generator::SendRows(const Request& request, int places, int num_steps) {
  std::vector<RowWindow::Row> rows;
  for (const Row& row : rows_) {
    // Rows that wait draw their first token as soon as they have a place.
    if (static_cast<int>(rows.size()) >= places && !Unfed(row).empty()) break;
    rows.push_back({.task = row.job->prompt.task,
                    .sample = row.completion.sample,
                    .count = static_cast<int>(row.completion.tokens.size()),
                    .limit = row.job->prompt.max_new_tokens,
                    .position = row.position,
                    .slot = row.slot,
                    .fed = Unfed(row)});
  }
  window_.Send(rows, places, num_steps, SamplingOf(request, rows_[0]).stop_token_ids, request.key);
  return rows.size();
}

// Samples of one prompt begin alike. Null if the backend has no use for that.
const SharedPrefixes* Generator::SharePrefixes(size_t num_rows) {
  if (!prefixes_) return nullptr;
  std::map<int32_t, SharedPrefix> of_prompts;
  for (const Row& row : std::span(rows_).first(num_rows)) {
    if (row.job->prompt.num_samples == 1 || !row.IsSampled()) continue;
    SharedPrefix& prefix = of_prompts[row.job->prompt_idx];
    prefix.length = static_cast<int32_t>(row.job->prompt.tokens.size());
    prefix.slots.push_back(row.slot);
  }
  std::vector<SharedPrefix> shared;
  for (auto& [prompt_idx, prefix] : of_prompts) shared.push_back(std::move(prefix));
  if (!backend_.SetPrefixes(*prefixes_, shared)) return nullptr;
  window_.table().slot_rows = prefixes_->rows();
  return prefixes_.get();
}

// Gives rows their tokens. The source may end a row at a token after which others were drawn: those
// are dropped.
void Generator::Keep(const Request& request, std::span<const RowWindow::Drawn> drawn) {
  for (const RowWindow::Drawn& d : drawn) {
    Row& row = rows_[static_cast<size_t>(d.row)];
    if (row.has_ended) continue;
    AppendToken(request, d.token, d.logprob, {}, row);
    if (!row.has_ended) ++row.position;
  }
}

// Scoring has the same bits, and says where they went wrong.
void Generator::FailNotFinite(const Row& row) {
  PackedBatch batch;
  batch.tokens = row.job->prompt.tokens;
  const auto& drawn = row.completion.tokens;
  batch.tokens.insert(batch.tokens.end(), drawn.begin(), drawn.end());
  const auto length = static_cast<int32_t>(batch.tokens.size());
  batch.segments = {{.begin = 0, .length = length}};
  batch.rows = {length - 1};
  batch.targets = {0};  // as good as any
  if (transformer_.HasRoomFor(length)) transformer_.Score(batch);
  throw Error(ErrorKind::kFailed, "a log-probability is not a number", "SampleTokens");
}

void Generator::AppendToken(const Request& request, int32_t token, float logprob,
                            std::span<const TokenLogprob> top, Row& row) {
  if (std::isnan(logprob)) FailNotFinite(row);
  Completion& c = row.completion;
  c.tokens.push_back(token);
  c.rollout_logprobs.push_back(logprob);
  c.top.insert(c.top.end(), top.begin(), top.end());
  const auto& stops = SamplingOf(request, row).stop_token_ids;
  const bool goes_on = request.source.OnToken(c);
  const bool stopped = !goes_on || std::find(stops.begin(), stops.end(), token) != stops.end();
  if (stopped) c.finish_reason = FinishReason::kStop;
  row.has_ended = stopped || static_cast<int>(c.tokens.size()) >= row.job->prompt.max_new_tokens;
}

// Retires rows that have ended; the others move up, those in places first.
void Generator::CloseRanks(const Request& request) {
  std::vector<int32_t> hidden;  // of each row that goes on
  std::vector<Row> rows;
  for (Row& row : rows_) {
    if (row.has_ended) Retire(request, row);
  }
  const auto go_on = [&](int32_t number, int32_t hidden_row) {
    Row& row = rows_[static_cast<size_t>(number)];
    if (row.has_ended) return;
    rows.push_back(std::move(row));
    hidden.push_back(hidden_row);
  };
  const auto& occupants = window_.occupants();
  for (size_t place = 0; place < occupants.size(); ++place) {
    if (occupants[place] >= 0) go_on(occupants[place], static_cast<int32_t>(place));
  }
  for (auto number = static_cast<int32_t>(window_.next_waiting());
       number < static_cast<int32_t>(rows_.size()); ++number) {
    go_on(number, number);
  }
  const bool all_stay = hidden.size() == rows_.size();
  rows_ = std::move(rows);
  if (all_stay || rows_.empty()) return;
  gathered_rows_.Send({hidden});
  backend_.GatherRows(hidden_, gathered_rows_[0], static_cast<int>(hidden.size()),
                      config_.hidden_size, gathered_);
  std::swap(hidden_, gathered_);
}

}  // namespace agon::policy
