// The transformer's forward and backward, written once against the backend.
// Private to policy.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "policy/backend.h"
#include "policy/device_array.h"
#include "policy/weights.h"

namespace agon::policy {

// Activations of a packed batch that the backward needs. T is the compute type.
struct LayerActivations {
  char* attention_in;     // T (N, C): normalised
  float* attention_rstd;  // (N)
  char* qkv;              // T (N, (H + 2 KV) d)
  char* qk;               // T (N, (H + KV) d): normalised and rotated
  char* attention_out;    // T (N, H d)
  float* lse;             // (N, H)
  char* mlp_in;           // T (N, C): normalised
  float* mlp_rstd;        // (N)
  char* gate_up;          // T (N, 2 F)
  char* activation;       // T (N, F)
};

// Arrays of a batch's Indexes, in the order in which they are sent.
enum BatchIndex : size_t { kTokens, kPositions, kRows, kTargets, kWanted, kNumBatchIndexes };

// Rows that take one more token. Arrays in the backend's memory, as long as
// backend.PaddedRows(count); their addresses depend on that length alone.
struct DecodedRows {
  const int32_t *tokens, *positions, *slots;
  int count;
  const SharedPrefixes* prefixes = nullptr;  // that their slots have
};

class Transformer {
 public:
  // Keeps references. `weights` are the backend's; layout.size() elements each.
  Transformer(const ModelConfig& config, const WeightLayout& layout, Backend& backend,
              const float* weights, DeviceFloats& gradients,
              Recompute recompute = Recompute::kNone);
  ~Transformer();

  // To be called before anything else, and when weights changed: packs them for the backend.
  void PackWeights();

  // Takes all that batches of so many tokens need. What doesn't learn keeps no activations.
  void ReserveBatch(int tokens, int prefix_sharers, int num_top, bool learns);
  // Whether a batch of so many may be scored.
  bool HasRoomFor(int tokens) const { return tokens <= most_tokens_; }
  // The same for prompts of so many tokens together, and for rows that are decoded.
  void ReserveDecoding(int prompt_tokens, int num_prompts, int rows);

  TokenScores Score(const PackedBatch& batch);
  TokenScores ScoreOnly(const PackedBatch& batch);
  void Backward(std::span<const float> dlogprobs);
  TokenScores ScoreAndBackward(const PackedBatch& batch, std::span<const float> dlogprobs);
  std::vector<float> Values(const PackedBatch& batch);
  void BackwardValues(std::span<const float> dvalues);

  // Turns the accumulated gradients into the gradients of the named tensors: until then
  // those of layers with a folded norm gain are by the product. To be called once, after
  // the last Backward of an optimizer step.
  void FinishGradients();
  // The gradients were consumed and zeroed.
  void GradientsZeroed() { finished_ = false; }

  // Keys and values of the prompts go to slots[i] (all layers); hidden T (P, C), the backend's,
  // receives the final normalised hidden state of each prompt's last token.
  void Prefill(std::span<const std::span<const int32_t>> prompts, std::span<const int32_t> slots,
               KvCache& cache, char* hidden);
  // One more token per row; hidden T (rows, C) as above.
  void Decode(std::span<const int32_t> tokens, std::span<const int32_t> slots,
              std::span<const int32_t> positions, KvCache& cache, char* hidden);
  // The same where the arrays are the backend's already.
  void DecodeRows(const DecodedRows& rows, KvCache& cache, char* hidden);

  const PackedLinear& head() const { return *head_; }
  std::vector<MemoryUse> Memory() const;

 private:
  struct Layer {
    std::unique_ptr<PackedLinear> qkv, o, gate_up, down;
  };
  // How tokens of a forward see each other.
  struct Attend {
    KvPlaces kept = {};  // of its keys and values, in the layer at hand
    // Fills attention_out of a layer from its qk, its qkv and what is kept.
    std::function<void(int layer, const LayerActivations&)> run;
  };
  struct Buffers;

  // What a forward is for, and so where its activations lie.
  enum class Purpose {
    kBackward,  // those of every layer are kept, or what they are computed from again
    kScores,
    kDecoding,
  };
  // Rows of the last layer that anyone asks for: `count` of them, in the backend's memory.
  struct Wanted {
    const int32_t* rows = nullptr;  // null: all
    int count = 0;
  };
  // The residual stream between two layers: `rows` of x (rows, C).
  struct Stream {
    float* x;
    int rows;
  };
  // All layers and the final norm: final_hidden has all rows, or those that are wanted, whose bits
  // are the same. Of a forward for a Backward all are.
  void RunLayers(const int32_t* tokens, const int32_t* positions, int rows, Purpose purpose,
                 const Wanted& wanted, const Attend& attend);
  // A layer up to its down projection, which is still to be added; only rows that are wanted go on.
  void RunLayer(int layer, const int32_t* positions, const Wanted& wanted, const Attend& attend,
                Stream& stream);
  // Attention within the segments of `batch_`.
  Attend WithinBatch();
  // Of the forward of `batch_`: the layer runs again if its activations weren't kept.
  const LayerActivations& ActivationsOf(int layer);
  size_t StreamBytes(int rows) const;
  // Sends `rows` (positions in the final hidden states) in place of the batch's own.
  void SendBatch(std::span<const int32_t> rows, std::span<const int32_t> wanted = {});
  // Where the arrays of decoded rows are; part of Backend::Replay's key.
  enum class ArraysAt { kIndexes, kWindow, kWindowWithPrefixes, kNum };
  void RunDecoding(ArraysAt arrays, const DecodedRows& rows, KvCache& cache, char* hidden);
  // The first `rows` final hidden states go to `hidden`, the backend's.
  void CopyHidden(int rows, char* hidden);
  // All layers of `batch`, whose activations are kept for a backward.
  void Forward(const PackedBatch& batch);
  // The scored rows' normalised hidden states (S, C), on the host.
  std::vector<float> ScoredHidden();
  // C numbers of the weights or their gradients from `offset`, on the host.
  std::vector<float> HostRow(const float* from, int64_t offset) const;
  int NumTop() const;  // tokens wanted beside each target of `batch_`
  // The head for the scored rows: with derivatives its gradient, too.
  void RunHead(std::span<const float> dlogprobs);
  // What RunHead found out. Waits.
  TokenScores ReadScores();
  // Throws Error(kFailed) with the op where the numbers of `batch_` stop being numbers: `head`, if
  // it is only its `result`.
  [[noreturn]] void FailNotFinite(const char* result, const char* head);
  void BackwardFromHidden();
  void LayerBackward(int layer, const LayerActivations& a);
  void CheckBatch(const PackedBatch& batch) const;

  const ModelConfig& config_;
  const WeightLayout& layout_;
  Backend& backend_;
  const float* weights_;
  DeviceFloats& gradients_;
  std::vector<Layer> layers_;
  std::unique_ptr<PackedLinear> head_;
  // (V, C) of the folded head; apart from `gradients_` because the same matrix is also
  // the lookup table, whose gradient isn't folded.
  DeviceFloats head_gradient_;
  bool finished_ = false;                              // gradients are those of the named tensors
  bool keeps_ = true;                                  // activations may be wanted for a backward
  int most_tokens_ = std::numeric_limits<int>::max();  // of a batch, where memory is planned
  bool kept_ = false;                                  // what a backward of `batch_` needs
  const Recompute recompute_;
  int held_layer_ = 0;  // the one whose activations there are, if they aren't those of all

  std::unique_ptr<Buffers> buffers_;
  PackedBatch batch_;       // of the last Score
  Indexes batch_indexes_;   // its kTokens and so on
  Indexes decode_indexes_;  // those of the last Prefill or Decode
  std::unique_ptr<PackedSegments> batch_segments_, prompt_segments_;
};

}  // namespace agon::policy
