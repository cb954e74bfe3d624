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

// Runs it again and looks after each layer, so that a model is traced that keeps no activations.
void Transformer::FailNotFinite(const char* result, const char* head) {
  const int rows = static_cast<int>(batch_.tokens.size()), layers = config_.num_layers;
  const int c = config_.hidden_size, f = config_.intermediate_size, d = config_.head_dim;
  const int heads = config_.num_heads, kv = config_.num_kv_heads;
  const auto fail = [&](const char* op, int layer) {
    throw Error(
        ErrorKind::kFailed, "a result is not a number, the first such one",
        std::string(op) + " in layer " + std::to_string(layer) + " of " + std::to_string(layers),
        "lower the learning rate; if weights were loaded, see whether they are whole");
  };
  const auto look = [&](const char* op, int layer, const char* values, int width) {
    if (!IsFinite(backend_, values, int64_t{rows} * width)) fail(op, layer);
  };
  const auto look_at_stream = [&](const char* op, int layer, const float* x) {
    if (!AreFloatsFinite(backend_, x, int64_t{rows} * c)) fail(op, layer);
  };
  kept_ = false;
  buffers_->ReserveForward(rows, Purpose::kScores);
  Stream stream{buffers_->residual, rows};
  backend_.Embedding(weights_ + layout_.embedding(), batch_indexes_[kTokens], rows, c, stream.x);
  look_at_stream("Embedding", 0, stream.x);
  for (int i = 0; i < layers; ++i) {
    RunLayer(i, batch_indexes_[kPositions], {}, WithinBatch(), stream);
    const LayerActivations& a = buffers_->layer(0);
    look("RmsNorm (attention)", i, a.attention_in, c);
    look("Linear (query, key, value)", i, a.qkv, (heads + 2 * kv) * d);
    look("QkNormRope", i, a.qk, (heads + kv) * d);
    look("Attention", i, a.attention_out, heads * d);
    look_at_stream("LinearAdd (attention's output)", i, stream.x);
    look("RmsNorm (MLP)", i, a.mlp_in, c);
    look("LinearSwiGlu (gate, up)", i, a.gate_up, 2 * f);
    look("LinearSwiGlu (activation)", i, a.activation, f);
    backend_.LinearAdd(*layers_[static_cast<size_t>(i)].down, a.activation, rows, stream.x);
    look_at_stream("LinearAdd (down)", i, stream.x);
  }
  backend_.RmsNorm(stream.x, rows, c, config_.rms_norm_eps, buffers_->final_hidden,
                   buffers_->final_rstd);
  look("RmsNorm (final)", layers - 1, buffers_->final_hidden, c);
  throw Error(ErrorKind::kFailed, std::string(result) + " is not a number", head,
              "see whether the head's weights are whole");
}

}  // namespace agon::policy
