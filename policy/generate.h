// Continuous batching: rows decode together, leave when they stop, others take their
// place. Private to policy.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "policy/device_array.h"
#include "policy/row_table.h"
#include "policy/transformer.h"

namespace agon::policy {

class Generator {
 public:
  // Keeps references.
  Generator(const ModelConfig& config, Backend& backend, Transformer& transformer);

  // Takes all that a Run of these needs; without it the first such Run does.
  void Reserve(int max_rows, int max_tokens, int num_top);
  // Slots of the cache for so many rows at once: some more rows wait for places that become free
  // while nobody looks.
  static int NumSlots(int max_rows, int tokens_at_once) {
    return max_rows + (tokens_at_once == 1 ? 0 : (max_rows + 7) / 8);
  }
  // As Policy::Stream.
  void Run(PromptSource& source, int max_tokens, const Sampling& sampling, const RngKey& key,
           uint64_t policy_version);

  MemoryUse Memory() const;

 private:
  // A prompt and how many of its samples have started.
  struct Job {
    Prompt prompt;
    int32_t prompt_idx = 0;
    int num_started = 0;
  };
  struct Row {
    std::shared_ptr<const Job> job;
    Completion completion;
    int slot = 0;
    int position = 0;  // of the token that is decoded next: tokens before it are cached
    bool has_ended = false;
    // Tokens of the prompt are fed, not sampled, while position is below its length.
    bool IsSampled() const { return position >= static_cast<int>(job->prompt.tokens.size()); }
  };
  // What is kept of a completion whose conversation may go on.
  struct Kept {
    int slot = 0;
    int length = 0;  // cached tokens
  };
  // One token for each row, where one was drawn.
  struct Drawn {
    std::vector<int32_t> tokens;
    std::vector<float> logprobs;
    std::vector<std::vector<TokenLogprob>> top;
  };
  // What one Run needs everywhere.
  struct Request {
    PromptSource& source;
    const Sampling& sampling;
    const RngKey& key;
    uint64_t policy_version;
    int max_tokens;
    int tokens_at_once;
  };

  // Prompt tokens prefilled in one forward; a longer prompt makes its own.
  static constexpr int kPrefillTokens = 4096;

  size_t HiddenBytes() const {
    return static_cast<size_t>(config_.hidden_size) * backend_.ElementBytes();
  }
  void MakeCache(int num_slots, int max_tokens);
  void ReserveMemory(int num_rows);
  [[noreturn]] void FailBeyondPlan(int num_slots, int max_tokens) const;
  void Check(const Prompt& prompt, int max_tokens) const;
  bool TakeJob(const Request& request, bool may_wait);
  void Refill(const Request& request);
  bool Resume(const Job& job, Row& row);
  void Release(const Request& request);
  void Prefill(std::span<const std::shared_ptr<Job>> jobs, std::vector<Row> started);
  static const Sampling& SamplingOf(const Request& request, const Row& row) {
    return row.job->prompt.sampling ? *row.job->prompt.sampling : request.sampling;
  }
  Drawn Draw(const Request& request);
  void DrawGroup(const Request& request, std::span<const int32_t> rows, Drawn& drawn);
  std::vector<int32_t> NextTokens(const Request& request);
  [[noreturn]] void FailNotFinite(const Row& row);
  // A drawn token goes to its row, which may end with it.
  void AppendToken(const Request& request, int32_t token, float logprob,
                   std::span<const TokenLogprob> top, Row& row);
  void Retire(const Request& request, Row& row);
  void Step(const Request& request);

  // generate_window.cc
  static std::span<const int32_t> Unfed(const Row& row);
  int StepsAtOnce(const Request& request) const;
  void TakeSteps(const Request& request, int num_steps);
  size_t SendRows(const Request& request, int places, int num_steps);
  const SharedPrefixes* SharePrefixes(size_t num_rows);
  void Keep(const Request& request, std::span<const RowWindow::Drawn> drawn);
  void CloseRanks(const Request& request);

  const ModelConfig& config_;
  Backend& backend_;
  Transformer& transformer_;
  std::unique_ptr<KvCache> cache_;            // kept between calls; grows, unless it was planned
  std::unique_ptr<SharedPrefixes> prefixes_;  // of the cache
  bool is_planned_ = false;
  std::vector<Row> rows_;
  std::vector<int> free_slots_;
  std::map<CompletionId, Kept> kept_;
  std::shared_ptr<Job> job_;  // its samples start next; null: none is waiting
  int32_t num_prompts_ = 0;   // taken from the source so far
  int steps_waited_ = 0;      // with a slot free for a prompt that waits
  int last_steps_ = 1;        // taken at once

  // In the backend's memory, for the most rows of a Run.
  std::unique_ptr<DeviceMemory> memory_, top_memory_;
  char* hidden_ = nullptr;     // T (rows, C): of rows_
  char* gathered_ = nullptr;   // T (rows, C): of prefilled prompts, or of rows drawn together
  float* uniforms_ = nullptr;  // (rows)
  char* drawn_ = nullptr;      // tokens, then log-probabilities of rows drawn together
  Indexes gathered_rows_;
  RowWindow window_;
};

}  // namespace agon::policy
