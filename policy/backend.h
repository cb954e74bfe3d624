// The seam between the model and the machine: one method per op, over plain views.
//
// The transformer's forward and backward (policy/transformer.cc) are written once
// against this class. A backend chooses one compute type T (bf16 or fp32) for
// activations and products; the residual stream, norms' statistics, losses, gradients
// of weights and the optimizer are fp32. Every op gives a row the same bits whatever
// rows are processed with it, and its result doesn't depend on the number of threads.
//
// Views don't own memory; arrays of T are `void*`. Every pointer that an op takes is to memory of
// the backend (NewMemory): what the host has goes there by Upload and comes back by Download.
// Ops may only be queued when they return; what waits says so. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/exchange.h"
#include "policy/policy.h"

namespace agon::policy {

// A weight matrix (out, in) in the backend's own layout, for x -> y and dy -> dx.
// A gated layer's rows are [gate; up], `out` counts both.
class PackedLinear {
 public:
  virtual ~PackedLinear() = default;
};

// What a PackedLinear is made of.
struct LinearWeight {
  PackedLinear* linear;
  const float* weight;  // (out, in) fp32
  // (in): its columns are scaled by it, the gain of the norm before the layer, folded in; null:
  // they aren't.
  const float* input_gain;
};

// For W' = W diag(gain), whose gradient is `folded` (rows, c): dweight = folded diag(gain) (added
// to it if `adds`), dgain (c) += column sums of folded * weight. `folded` may be `dweight`.
struct FoldedGain {
  const float *folded, *weight, *gain;
  int rows;
  bool adds;
  float *dweight, *dgain;
};

// Where the sequences of a packed batch lie, in the backend's own form.
class PackedSegments {
 public:
  virtual ~PackedSegments() = default;
};

// Memory where the backend computes, taken when it is first asked for.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  // At least `bytes`, aligned to 64. Growing loses the contents; new bytes are zero. In a planned
  // Room nothing grows: the first call decides. Throws Error(kFailed) with purpose and bytes if
  // there is no room.
  virtual char* Get(size_t bytes) = 0;
  virtual MemoryUse Use() const = 0;
};

// Where a GPU's backend takes its memory from.
struct Room {
  enum class Kind {
    kGrows,    // from the device, piece by piece, as it is asked for
    kPaper,    // nowhere: Memory() then says what a planned one takes. No op may be called
    kPlanned,  // one block, as large as `uses` add up to
  };
  Kind kind = Kind::kGrows;
  std::vector<MemoryUse> uses = {};
  Arena* arena = nullptr;  // has the block; null: an allocation of its own
};

// The most that ops are called with, for what they need besides their arguments.
struct OpLimits {
  int batch_rows = 0;   // of a packed batch
  int head_rows = 0;    // of the vocabulary's head
  bool learns = false;  // gradients and optimizer
  int64_t num_weights = 0;
};

struct RowTable;  // policy/row_table.h

// Elements of one sum of squares; sums are added in order, whoever made them.
inline constexpr int64_t kSquaresPerSum = 1 << 14;

// Keys and values of decoded sequences: `num_slots` of `capacity` tokens, all layers.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual int num_slots() const = 0;
  virtual int capacity() const = 0;
};

// Tokens that several slots of a cache begin with.
struct SharedPrefix {
  int32_t length;
  std::vector<int32_t> slots;
};

// Which slots begin alike, where the backend computes: so it can read the keys of a prefix once for
// all of them. No bits depend on it.
class SharedPrefixes {
 public:
  virtual ~SharedPrefixes() = default;
  // Of each slot the row that is decoded next in it, -1: none, as at first. Who decodes sets it.
  virtual int32_t* rows() = 0;
};

// Where keys and values of rows are kept: row i's in slots[i] at its position, in one layer. Slot
// -1 is nobody's row: nothing is stored, and what its attention is doesn't matter.
struct KvPlaces {
  KvCache* cache = nullptr;  // null: nowhere
  const int32_t* slots = nullptr;
  int layer = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual ComputeType compute() const = 0;
  virtual int ElementBytes() const = 0;  // of T
  virtual std::string Name() const = 0;  // instruction set or device

  // --- memory ------------------------------------------------------------------------
  virtual std::unique_ptr<DeviceMemory> NewMemory(std::string purpose) = 0;
  // Takes what ops need within these limits. To be called before any op, if at all.
  virtual void Reserve(const OpLimits& /*limits*/) {}
  // Whether its memory is the host's, so that the host may use it in place.
  virtual bool SharesHostMemory() const = 0;
  virtual void Zero(void* p, size_t bytes) = 0;
  virtual void Copy(void* to, const void* from, size_t bytes) = 0;  // within its memory
  // `host` may change as soon as it returns.
  virtual void Upload(void* to, const void* host, size_t bytes) = 0;
  // Waits for all that was queued before.
  virtual void Download(void* host, const void* from, size_t bytes) = 0;

  // --- weights -----------------------------------------------------------------------
  virtual std::unique_ptr<PackedLinear> NewLinear(int out, int in, bool gated) = 0;
  virtual void SetLinears(std::span<const LinearWeight> weights) = 0;
  void SetLinear(PackedLinear& linear, const float* weight, const float* input_gain) {
    const LinearWeight one{&linear, weight, input_gain};
    SetLinears({&one, 1});
  }

  // --- linear layers -----------------------------------------------------------------
  // y = x W^T. x T (rows, in).
  virtual void Linear(const PackedLinear& w, const void* x, int rows, void* y) = 0;
  // y (rows, out) fp32 += x W^T: the residual stream.
  virtual void LinearAdd(const PackedLinear& w, const void* x, int rows, float* y) = 0;
  // gate_up T (rows, out) in the backend's order and activation = silu(gate) up, T (rows, out / 2).
  virtual void LinearSwiGlu(const PackedLinear& w, const void* x, int rows, void* gate_up,
                            void* activation) = 0;
  // dx (rows, in) = dy W, dy T (rows, out), dx fp32 or T.
  virtual void LinearInputGradient(const PackedLinear& w, const void* dy, int rows, float* dx) = 0;
  virtual void LinearInputGradientRounded(const PackedLinear& w, const void* dy, int rows,
                                          void* dx) = 0;
  // The down projection's input gradient taken through SwiGLU: dgate_up T (rows, 2 in).
  virtual void LinearSwiGluGradient(const PackedLinear& down, const void* dy, int rows,
                                    const void* gate_up, void* dgate_up) = 0;
  // dw (out, in) += dy^T x.
  virtual void LinearWeightGradient(const PackedLinear& w, const void* dy, const void* x, int rows,
                                    float* dw) = 0;
  // All of width c; no two have a dgain in common.
  virtual void UnfoldGains(std::span<const FoldedGain> gains, int c) = 0;

  // --- rows --------------------------------------------------------------------------
  virtual void Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x) = 0;
  virtual void EmbeddingGradient(const float* dx, const int32_t* tokens, int rows, int c,
                                 float* dtable) = 0;
  // xhat T (rows, c) = x / rms(x), rstd (rows).
  virtual void RmsNorm(const float* x, int rows, int c, float epsilon, void* xhat, float* rstd) = 0;
  // dx += gradient; dx_rounded = dx as T.
  virtual void RmsNormGradient(const float* dxhat, const void* xhat, const float* rstd, int rows,
                               int c, float* dx, void* dx_rounded) = 0;
  virtual void Round(const float* x, int64_t count, void* rounded) = 0;  // fp32 to T
  // out T (count, c) = rows of x T (·, c). `out` may be `x`, if each row is taken from itself or
  // from beyond `count`.
  virtual void GatherRows(const void* x, const int32_t* rows, int count, int c, void* out) = 0;
  // dx fp32 (·, c): row rows[i] += d[i], in the order of i.
  virtual void ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx) = 0;

  // --- attention ---------------------------------------------------------------------
  // Queries and keys of qkv T (rows, (H + 2 KV) d), normalised per head and rotated; keys and
  // values go to `kept`, too.
  virtual void QkNormRope(const void* qkv, const int32_t* positions, int rows, const float* q_gain,
                          const float* k_gain, void* qk, const KvPlaces& kept) = 0;
  virtual void QkNormRopeGradient(const void* qkv, const int32_t* positions, int rows,
                                  const float* q_gain, const float* k_gain, const float* dqk,
                                  const float* dv, void* dqkv, float* dq_gain, float* dk_gain) = 0;
  virtual std::unique_ptr<PackedSegments> NewSegments() = 0;
  // Takes what `rows` tokens need, and with `sharers` segments that continue one prefix what their
  // gradient does.
  virtual void ReserveSegments(PackedSegments& /*packed*/, int /*rows*/, int /*sharers*/) {}
  virtual void SetSegments(PackedSegments& packed,
                           std::span<const PackedBatch::Segment> segments) = 0;
  // out T (rows, H d), lse (rows, H).
  virtual void Attention(const PackedSegments& segments, const void* qk, const void* qkv, void* out,
                         float* lse) = 0;
  // dqk (rows, (H + KV) d) and dv (rows, KV d), fp32, overwritten.
  virtual void AttentionGradient(const PackedSegments& segments, const void* qk, const void* qkv,
                                 const void* out, const float* lse, const void* dout, int rows,
                                 float* dqk, float* dv) = 0;

  // --- decoding ----------------------------------------------------------------------
  virtual std::unique_ptr<KvCache> NewKvCache(int num_slots, int capacity) = 0;
  // The first `num_tokens` positions of slot `from`, all layers.
  virtual void CopySlot(KvCache& cache, int from, int to, int num_tokens) = 0;
  // Null where the backend has no use for them.
  virtual std::unique_ptr<SharedPrefixes> NewPrefixes(const KvCache& /*cache*/) { return nullptr; }
  // Whether `prefixes` are these now: not if they would save too little. No slot is in two.
  virtual bool SetPrefixes(SharedPrefixes& /*prefixes*/, std::span<const SharedPrefix> /*shared*/) {
    return false;
  }
  // `prefixes` may be null.
  virtual void AttentionDecode(const KvCache& cache, int layer, const void* qk,
                               const int32_t* slots, const int32_t* positions, int rows,
                               const SharedPrefixes* prefixes, void* out) = 0;
  // How many rows are to be decoded where `rows` are wanted: at least as many. Grows with `rows`.
  virtual int PaddedRows(int rows) const { return rows; }
  // Queues what `body` queues. For one key `body` makes the same calls with the same arguments
  // every time, unless the backend's Room grows and did so: it may be recorded and played again.
  virtual void Replay(int /*key*/, const std::function<void()>& body) { body(); }

  // Tokens of a row that are worth decoding before the host looks at them.
  virtual int StepsAtOnce() const { return 1; }
  // After step `step` of the table drew tokens: keeps them, ends rows, fills places again, says
  // what is decoded next, and draws the random numbers of the next step.
  virtual void AdvanceRows(const RowTable& table, int step) = 0;

  // --- head --------------------------------------------------------------------------
  // hidden T (rows, c), vocabulary of `head`'s `out`. With `dlogprobs` (rows): dhidden fp32
  // (rows, c) overwritten and dw (out, c) += the weight's gradient.
  virtual void ScoreTokens(const PackedLinear& head, const void* hidden, int rows,
                           const int32_t* targets, float temperature, float* logprobs,
                           float* entropies, const float* dlogprobs, float* dhidden, float* dw) = 0;
  // One token per row with uniforms (rows); temperature 0 is greedy.
  virtual void SampleTokens(const PackedLinear& head, const void* hidden, int rows,
                            const Sampling& sampling, const float* uniforms, int32_t* tokens,
                            float* logprobs) = 0;
  // The num_top most likely tokens of each row in softmax(logits / temperature), as
  // TokenScores::top: (rows, num_top). REQUIRES: num_top <= vocabulary.
  virtual void TopTokens(const PackedLinear& head, const void* hidden, int rows, float temperature,
                         int num_top, TokenLogprob* top) = 0;

  // --- optimizer ---------------------------------------------------------------------
  // sums[i] of the squares of elements [i, i + 1) kSquaresPerSum; the last may be of fewer. On the
  // host; waits.
  virtual void SumsOfSquares(const float* x, int64_t count, double* sums) = 0;
  struct AdamW {
    float learning_rate, beta1, beta2, epsilon, grad_scale;
    int64_t step;  // from 1
  };
  // Elements [begin, begin + count) of each of the four arrays.
  struct AdamWRange {
    int64_t begin, count;
    float weight_decay;
  };
  // Updates w, m, v and zeroes g over the ranges, which don't overlap.
  virtual void StepAdamW(float* w, float* g, float* m, float* v, std::span<const AdamWRange> ranges,
                         const AdamW& args) = 0;
  // out = a x + b y, which may be `out`.
  virtual void Combine(float a, const float* x, float b, const float* y, int64_t count,
                       float* out) = 0;
  virtual void Divide(float* x, int64_t count, double divisor) = 0;
  // out (cols, rows) = x (rows, cols) with rows and columns exchanged.
  virtual void Transpose(const float* x, int rows, int cols, float* out) = 0;

  // --- ranks -------------------------------------------------------------------------
  // What moves numbers from this backend's memory to that of other ranks' without passing the
  // host; null where there is no such thing, with the reason if there might be. Collective.
  virtual std::unique_ptr<Exchange> NewExchange(Communicator& /*ranks*/,
                                                std::string* /*shortfall*/) {
    return nullptr;
  }

  // A CPU's: what its ops use. A GPU's: all that was taken, by whomever; in a planned Room the
  // most.
  virtual std::vector<MemoryUse> Memory() const = 0;
};

// What kAuto stands for on this machine's CPU and on any GPU.
ComputeType BestCpuCompute();
inline constexpr ComputeType kBestGpuCompute = ComputeType::kBfloat16;

// The backend of this machine for a model's shape. Throws kUnsupported if `compute` asks
// for bf16 and the CPU has no AVX512_BF16.
std::unique_ptr<Backend> NewCpuBackend(const ModelConfig& config, ComputeType compute);
// That of `device`; a CPU's memory grows in any room. Throws what Policy::Create throws.
std::unique_ptr<Backend> NewBackend(const ModelConfig& config, ComputeType compute,
                                    const Device& device, const Room& room = {});

}  // namespace agon::policy
