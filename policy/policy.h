// The policy: tokens to logits, samples and gradients.
//
// Letters used in shapes, here and in every other file:
//   B batch, T time, C channels (hidden size), L layers, H heads, V vocabulary,
//   N packed tokens, S scored tokens, P prompts, G completions per prompt.
//
// Exactly on-policy: for the same weights, the log-probability that Generate records
// for a token and the one Score computes are the same bits, whatever the batch, its
// order, its packing, the number of threads, or the sharing of a prompt.
//
// A Policy is used by one thread at a time; it uses all OpenMP threads itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace agon::policy {

namespace fs = std::filesystem;

// A Qwen3-shaped decoder: RMSNorm before each block, rotary positions (NeoX halves),
// per-head RMSNorm of queries and keys, SwiGLU, grouped-query attention, tied
// embeddings, no biases.
struct ModelConfig {
  int vocab_size = 0;
  int hidden_size = 0;  // C; a multiple of 32
  int num_layers = 0;   // L
  int num_heads = 0;    // H; a multiple of num_kv_heads
  int num_kv_heads = 0;
  int head_dim = 0;           // 32, 64 or 128
  int intermediate_size = 0;  // SwiGLU width; a multiple of 32
  int max_positions = 0;      // longest sequence, tokens
  float rope_theta = 10000.0f;
  float rms_norm_eps = 1e-6f;
  int32_t eos_token_id = 0;  // written to config.json and generation_config.json
  // The body of a reward or value model: a scalar "score" head beside the embeddings, saved as
  // Hugging Face's Qwen3ForSequenceClassification with one label.
  bool has_score_head = false;

  int64_t NumParameters() const;
  // Model FLOP of one trained token (forward + backward): 6 N + 6 L H head_dim T
  // for a causal context of T tokens. The figure behind every "% of bound".
  double TrainFlopPerToken(double context_tokens) const;
};

// Parameters: "pico" 0.1 M, "nano" 1 M, "micro" 6 M, "mini" 30 M, "small" 124 M, "base" 0.5 B.
// Throws Error(kUsage) with the nearest name otherwise.
ModelConfig PresetConfig(std::string_view preset, int vocab_size, int max_positions);

enum class ComputeType {
  kAuto,      // bf16 on a GPU and where the CPU has AVX512_BF16, fp32 elsewhere
  kBfloat16,  // bf16 operands, fp32 accumulation, residual stream, norms and losses
  kFloat32,
};

// One line of the memory table.
struct MemoryUse {
  std::string purpose;
  int64_t bytes = 0;
};

// Memory of a GPU for all policies of a run: one allocation, which never moves (NewArena).
class Arena {
 public:
  virtual ~Arena() = default;
  virtual int64_t bytes() const = 0;
};

// Where a policy computes. Results on a CPU and on a GPU agree within rounding, not in their bits.
struct Device {
  enum class Kind { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  int index = 0;  // of the GPU
  // What policies with a Workload take their memory from, which outlives them; null: each has an
  // allocation of its own.
  Arena* arena = nullptr;

  const char* KindName() const { return kind == Kind::kCpu ? "cpu" : "cuda"; }
  auto operator<=>(const Device&) const = default;
};
// "cpu"; "cuda", the first GPU; "cuda:N", GPU N; "auto", the first GPU where one can be used, else
// the CPU. Throws Error(kUsage) at `where` for another text. Whether the GPU is there shows when a
// policy is made.
Device ParseDevice(std::string_view text, std::string_view where = "--device");

// GPUs that "cuda:N" can name; 0 where there is none, or this build can't use them.
int NumGpus();

// Takes as much of a GPU's memory as `uses` add up to; null for the CPU. Throws what Policy::Create
// throws; where the memory is too small, says how much was asked for, for what most of it is, how
// much is free and what lowers it.
std::unique_ptr<Arena> NewArena(const Device& device, const std::vector<MemoryUse>& uses);

// Sequences packed one after another without padding, and the tokens to score in them.
//
// A segment may continue a prefix that stands elsewhere in `tokens` (a prompt shared
// by a group): its positions start at prefix_length, and it attends to the prefix and
// to itself. The prefix is itself a segment (with prefix_length 0) that comes earlier.
struct PackedBatch {
  struct Segment {
    int32_t begin = 0;  // first row of `tokens`
    int32_t length = 0;
    int32_t prefix_begin = 0;   // first row of the shared prefix
    int32_t prefix_length = 0;  // 0: no prefix
  };
  std::vector<int32_t> tokens;    // (N)
  std::vector<Segment> segments;  // cover `tokens` in order
  std::vector<int32_t> rows;      // (S) row whose hidden state predicts the target
  std::vector<int32_t> targets;   // (S) token id
  float temperature = 1.0f;       // logits are divided by it before the softmax
  int num_top = 0;                // most likely tokens wanted beside each target
};

// A token that could have stood somewhere.
struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;  // in the full softmax
  bool operator==(const TokenLogprob&) const = default;
};

// Per scored token, in the order of PackedBatch::rows.
struct TokenScores {
  std::vector<float> logprobs;   // (S) log p(target)
  std::vector<float> entropies;  // (S) entropy of the whole distribution, nats
  // (S, num_top or V if that is less) most likely first, the lower id before its equals.
  std::vector<TokenLogprob> top = {};
};

enum class FinishReason { kStop, kLength };

// Names a completion of a stream.
struct CompletionId {
  int32_t prompt_idx = 0;
  uint32_t sample = 0;
  auto operator<=>(const CompletionId&) const = default;
};

struct Sampling {
  float temperature = 1.0f;  // 0: greedy (lowest id wins a tie)
  int top_k = 0;             // 0: off
  float top_p = 1.0f;        // 1: off
  std::vector<int32_t> stop_token_ids = {};
  int num_top = 0;     // most likely tokens recorded beside each token drawn
  int max_rows = 512;  // rows decoded at once
  // Tokens of each row that are decoded between two looks of the host; 0: as suits the device.
  // Changes the work and when tokens are heard of, never the result.
  int tokens_at_once = 0;
};

// Below it, but above 0, logits divided by the temperature leave the range of float.
inline constexpr float kLowestTemperature = 1e-4f;
// Throws Error(kUsage) unless temperature is 0 or at least kLowestTemperature and finite, top_k >=
// 0, 0 < top_p <= 1, num_top >= 0 and max_rows >= 1 and
// tokens_at_once >= 0.
void CheckSampling(const Sampling& sampling);

struct Prompt {
  std::vector<int32_t> tokens;  // (T_p), not empty
  int max_new_tokens = 0;       // T_p + max_new_tokens <= max_positions
  uint64_t task = 0;            // fields of the random key, so that the batch's
  uint32_t first_sample = 0;    //   composition can't change a token
  int num_samples = 1;          // completions wanted: samples first_sample, +1, ...
  // Keeps what was computed for each completion until PromptSource names it as continued or
  // ended: the conversation may go on.
  bool may_continue = false;
  // The completion of this stream whose prompt and tokens these tokens begin with: what was
  // kept of it is taken up. Changes the work, never the result. Needs num_samples 1.
  std::optional<CompletionId> continues = std::nullopt;
  // What its completions are drawn with instead of the stream's; max_rows is the stream's.
  std::optional<Sampling> sampling = std::nullopt;
};

struct Completion {
  int32_t prompt_idx = 0;  // place of the prompt in the order in which prompts were given
  uint32_t sample = 0;
  std::vector<int32_t> tokens;  // (T_c) the sampled stop token is included
  // (T_c) log-probability of each token in the full softmax at `temperature`
  // (at temperature 1 when greedy).
  std::vector<float> rollout_logprobs;
  FinishReason finish_reason = FinishReason::kLength;
  uint64_t policy_version = 0;
  std::vector<TokenLogprob> top = {};  // (T_c, num_top or V) as TokenScores::top
};

// Called after each decoded token of a row: index in the result, token. May be empty.
using TokenCallback = std::function<void(size_t completion_idx, int32_t token)>;

// Prompts that turn up while others decode, as the turns of episodes do. All calls come
// from the thread that runs Policy::Stream.
class PromptSource {
 public:
  virtual ~PromptSource() = default;
  // The next prompt, if one is ready. With `may_wait` nothing decodes: the source may block
  // until a prompt is ready, and nullopt ends the stream.
  virtual std::optional<Prompt> Next(bool may_wait) = 0;
  // A completion has come to its end.
  virtual void Finish(Completion completion) = 0;
  // Completions that may_continue and won't, since the last call.
  virtual std::vector<CompletionId> TakeEnded() { return {}; }
  // A token was decoded: the last of `so_far`. False ends the completion with it, as a stop
  // token does.
  virtual bool OnToken(const Completion& /*so_far*/) { return true; }
  // Comes before each step of decoding, or before several that are taken at once. May call
  // Policy::Score: its work then stands between two steps.
  virtual void BeforeStep() {}
};

// What a checkpoint is loaded for.
enum class Head {
  kLanguage,  // tokens: a reward model is refused
  kScore,     // Values: a language model gets a score head of zeros
};

struct OptimizerConfig {
  enum class Kind { kAdamW, kMuon };  // Muon on the hidden matrices, AdamW on the rest
  Kind kind = Kind::kAdamW;
  float beta1 = 0.9f;
  float beta2 = 0.95f;
  float epsilon = 1e-8f;
  float weight_decay = 0.0f;   // on matrices only
  float max_grad_norm = 1.0f;  // 0: no clipping
};

// What decides the bits of a result besides weights and input, with kAuto as what it stands for on
// this machine: "bf16", "fp32", "bf16 on NVIDIA H100 80GB HBM3 with cuBLASLt 13.1.0", another
// version of which may multiply by other algorithms. Of a GPU that isn't there: "bf16 on cuda".
std::string ArithmeticName(ComputeType compute, const Device& device);

// What of a batch's forward pass waits for its backward. Changes memory and work, never a bit.
enum class Recompute {
  kNone,   // the activations of all layers
  kLayer,  // the residual stream before each layer, which then runs once more
};

// The most that will be asked of a policy: all of its memory is taken for it when the policy is
// made, and nothing grows or moves later. On a GPU a call that needs more throws Error(kFailed)
// with the purpose. On a CPU what is taken costs nothing until it is touched, a call that needs
// more gets it, and the KV cache of what doesn't learn grows with what is asked.
struct Workload {
  int batch_tokens = 0;    // of a PackedBatch, of which at most as many are scored
  int prefix_sharers = 1;  // segments of it that continue one prefix; where it learns
  // That it learns with, one after another; empty: Backward and the optimizer aren't used.
  std::vector<OptimizerConfig> optimizers = {};
  int decoded_rows = 0;    // Sampling::max_rows of a Stream; 0: none
  int context_tokens = 0;  // max_tokens of a Stream; 0: the model's
  int num_top = 0;         // of a PackedBatch or Sampling
  // Of an optimizer's step; see Policy::Join and AddShard.
  int rank = 0, num_ranks = 1;
  int num_shards = 1;
  Recompute recompute = Recompute::kNone;

  bool learns() const { return !optimizers.empty(); }
  // Grows to what both ask.
  void Include(const Workload& other);
};

struct ExchangeReport {
  std::string way;        // "NCCL 2.28.9", "the host's memory"
  std::string shortfall;  // why not a faster one that the device has; "" if there is nothing to say
};

class Communicator;  // policy/communicator.h

class Policy {
 public:
  // Random weights, normal(0, 0.02), output projections scaled by 1/sqrt(2 L). Without a workload a
  // GPU's memory grows with what is asked. Throws kUnsupported if this build or machine can't use
  // `device`, kUsage if it has no such GPU, and kFailed, as every call, if the device's memory is
  // too small (says for what, and what to do).
  static std::unique_ptr<Policy> Create(const ModelConfig& config, ComputeType compute,
                                        uint64_t seed, const Device& device = {},
                                        const std::optional<Workload>& workload = std::nullopt);
  // From a Hugging Face model directory (config.json, model.safetensors in F32, BF16
  // or F16). Throws what Create throws, kNotFound, kCorrupt (names the tensor) and kUsage (a
  // reward model loaded for its language). With `max_positions` the context is that, if the model's
  // is longer.
  static std::unique_ptr<Policy> Load(const fs::path& dir, ComputeType compute = ComputeType::kAuto,
                                      const Device& device = {}, Head head = Head::kLanguage,
                                      const std::optional<Workload>& workload = std::nullopt,
                                      int max_positions = 0);
  // What Load would make a policy of. Throws as that, but reads no weights.
  static ModelConfig ConfigOf(const fs::path& dir, Head head = Head::kLanguage);
  // What such a policy takes of a GPU's memory, by purpose; nothing is taken. Empty for the CPU.
  // Throws what Create throws.
  static std::vector<MemoryUse> PlanMemory(const ModelConfig& config, ComputeType compute,
                                           const Device& device, const Workload& workload);
  virtual ~Policy() = default;

  // Writes config.json, generation_config.json and model.safetensors (F32) into an
  // existing folder.
  virtual void Save(const fs::path& dir) const = 0;

  virtual const ModelConfig& config() const = 0;
  // The token that Save names as the end of a text. REQUIRES: a policy that can be saved.
  virtual void SetEosTokenId(int32_t id);
  virtual ComputeType compute() const = 0;  // never kAuto
  virtual Device device() const { return {}; }
  // Grows by one with each optimizer step.
  virtual uint64_t version() const = 0;

  // Completes every prompt of `source` `num_samples` times with continuous batching: one
  // prefill per prompt, rows leave when they stop and others take their place. Token t of a
  // completion is drawn with key.WithTask(prompt.task).WithSample(sample) at position t,
  // so that when a prompt turns up can't change its completions. No prompt may be longer
  // than max_tokens with its new tokens.
  virtual void Stream(PromptSource& source, int max_tokens, const Sampling& sampling,
                      const RngKey& key) = 0;
  // The same for prompts that are all there. The result is ordered by (prompt, sample).
  std::vector<Completion> Generate(std::span<const Prompt> prompts, const Sampling& sampling,
                                   const RngKey& key, const TokenCallback& on_token = {});

  // Log-probabilities and entropies of the scored tokens; keeps activations for the
  // Backward that may follow.
  virtual TokenScores Score(const PackedBatch& batch) = 0;
  // The same bits in less time and memory, where no Backward follows: keeps nothing, and computes
  // the last layer for the rows that are scored only.
  virtual TokenScores ScoreOnly(const PackedBatch& batch) { return Score(batch); }
  // Adds the gradient of a loss whose derivative by logprobs[i] of the last Score is
  // `dlogprobs[i]` (S). REQUIRES: the batch of the last Score is unchanged.
  virtual void Backward(std::span<const float> dlogprobs) = 0;
  // Score and Backward in one pass over the head, for losses whose derivative doesn't
  // depend on the log-probabilities (pretraining, SFT: minus the token's weight).
  virtual TokenScores ScoreAndBackward(const PackedBatch& batch,
                                       std::span<const float> dlogprobs) = 0;

  // The score head's values at batch.rows (S), score . norm(hidden); targets, temperature and
  // num_top don't matter. Keeps activations for the BackwardValues that may follow. A row's value
  // has the same bits in any batch. REQUIRES: config().has_score_head.
  virtual std::vector<float> Values(const PackedBatch& batch);
  // Adds the gradient of a loss whose derivative by value i of the last Values is dvalues[i] (S).
  virtual void BackwardValues(std::span<const float> dvalues);

  // From now on the steps of this policy are those of all `ranks`, which have equal weights: each
  // has the moments of its share and updates that (ZeRO stage 1). The calls of the optimizer are
  // collective, but for LoadOptimizer; ConfigureOptimizer comes after this. Keeps the reference.
  // Throws Error(kUsage) on all ranks if they compute in different arithmetics. Collective.
  virtual void Join(Communicator& ranks) = 0;
  // How ranks exchange gradients and weights; "" for one, and before ConfigureOptimizer.
  virtual ExchangeReport DescribeExchange() const { return {}; }

  virtual void ConfigureOptimizer(const OptimizerConfig& config) = 0;
  // The gradient is that of one shard of a batch: gives it to the sum over shards, and zeroes it.
  // Ranks give theirs in turn; the sum is in the order in which they come, whatever the number
  // of ranks, and after the last ones OptimizerStep takes it. Several ranks must do so, one may
  // step without.
  virtual void AddShard(bool is_last) = 0;
  // Clips the gradient's global norm, updates the weights, zeroes the gradient, and
  // increments version(). Returns the norm before clipping. Where a gradient isn't finite, throws
  // Error(kFailed) on all ranks with the tensor at which the backward pass stopped giving numbers:
  // the gradient is zeroed, and nothing else changed.
  virtual float OptimizerStep(float learning_rate) = 0;
  // Moments of all ranks and step count, bit for bit (a safetensors file that the leader writes and
  // any number of ranks can read). Load throws kCorrupt.
  virtual void SaveOptimizer(const fs::path& file) const = 0;
  virtual void LoadOptimizer(const fs::path& file) = 0;

  // fp32 view of one named tensor's gradient or weight (Hugging Face names), for tests
  // and reports. Empty if there is no such tensor. Valid until the weights or gradients change;
  // on a GPU all of them are fetched.
  virtual std::span<float> Weight(std::string_view name) = 0;
  virtual std::span<const float> Gradient(std::string_view name) = 0;
  virtual std::vector<std::string> TensorNames() const = 0;
  // To be called after writing through Weight().
  virtual void WeightsChanged() = 0;

  virtual std::vector<MemoryUse> Memory() const = 0;
};

// The machine's own ceiling in GFLOP/s for `compute` with all OpenMP threads: a large
// matrix product by the policy's kernels, measured at the first call (at most 0.2 s). Any thread.
double MeasureGemmCeiling(ComputeType compute);

}  // namespace agon::policy
