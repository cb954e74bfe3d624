// What a transformer refuses: batches that are none, and results that are no numbers.
#include <algorithm>
#include <string>

#include "core/error.h"
#include "policy/finite.h"
#include "policy/transformer_buffers.h"

namespace agon::policy {

void Transformer::CheckBatch(const PackedBatch& batch) const {
  const int rows = static_cast<int>(batch.tokens.size());
  int next = 0;
  for (const auto& s : batch.segments) {
    AGON_CHECK(s.begin == next && s.length > 0, "segments cover the tokens in order");
    if (s.prefix_length > 0) {
      const auto owner = std::find_if(batch.segments.begin(), batch.segments.end(), [&](auto& o) {
        return o.begin == s.prefix_begin && o.prefix_length == 0;
      });
      AGON_CHECK(owner != batch.segments.end() && s.prefix_length <= owner->length &&
                     owner->begin < s.begin,
                 "a prefix is the start of an earlier segment");
    }
    if (s.prefix_length + s.length > config_.max_positions) {
      throw Error(ErrorKind::kUsage,
                  "a sequence of " + std::to_string(s.prefix_length + s.length) +
                      " tokens doesn't fit the model's context of " +
                      std::to_string(config_.max_positions),
                  "", "shorten the sequences or raise model.max_positions");
    }
    next += s.length;
  }
  AGON_CHECK(next == rows, "segments cover the tokens");
  AGON_CHECK(batch.rows.size() == batch.targets.size());
  for (int32_t token : batch.tokens) AGON_CHECK(token >= 0 && token < config_.vocab_size);
  for (int32_t target : batch.targets) AGON_CHECK(target >= 0 && target < config_.vocab_size);
  for (int32_t row : batch.rows) AGON_CHECK(row >= 0 && row < rows);
}

void Transformer::FailNotFinite() {
  const auto rows = static_cast<int64_t>(batch_.tokens.size());
  const int64_t c = config_.hidden_size, f = config_.intermediate_size, d = config_.head_dim;
  const int64_t heads = config_.num_heads, kv = config_.num_kv_heads;
  const auto look = [&](const char* op, int layer, const char* result, int64_t width) {
    if (IsFinite(backend_, result, rows * width)) return;
    throw Error(ErrorKind::kFailed, "a result is not a number, the first such one",
                std::string(op) + " in layer " + std::to_string(layer) + " of " +
                    std::to_string(config_.num_layers),
                "lower the learning rate; if weights were loaded, see whether they are whole");
  };
  if (!kept_) {
    throw Error(ErrorKind::kFailed, "a result is not a number", "a model that doesn't learn",
                "see whether its weights are whole");
  }
  for (int i = 0; i < config_.num_layers; ++i) {
    const LayerActivations& a = ActivationsOf(i);
    look(i == 0 ? "Embedding" : "LinearAdd (down) of the layer before, or RmsNorm", i,
         a.attention_in, c);
    look("Linear (query, key, value)", i, a.qkv, (heads + 2 * kv) * d);
    look("QkNormRope", i, a.qk, (heads + kv) * d);
    look("Attention", i, a.attention_out, heads * d);
    look("LinearAdd (attention's output) or RmsNorm", i, a.mlp_in, c);
    look("LinearSwiGlu (gate, up)", i, a.gate_up, 2 * f);
    look("LinearSwiGlu (activation)", i, a.activation, f);
  }
  look("LinearAdd (down) or RmsNorm", config_.num_layers - 1, buffers_->final_hidden, c);
  throw Error(ErrorKind::kFailed, "a log-probability is not a number", "ScoreTokens",
              "see whether the embedding is whole");
}

}  // namespace agon::policy
