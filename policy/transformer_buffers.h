// Where a transformer's activations and their gradients lie. Private to policy.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "policy/transformer.h"

namespace agon::policy {

// Walks one block of memory; with a null base it only adds up.
class Carver {
 public:
  explicit Carver(char* base) : base_(base) {}
  char* Bytes(int64_t count) {
    char* p = base_ ? base_ + used_ : nullptr;
    used_ += (count + 63) / 64 * 64;
    return p;
  }
  float* Floats(int64_t count) { return reinterpret_cast<float*>(Bytes(count * 4)); }
  size_t used() const { return static_cast<size_t>(used_); }

 private:
  char* base_;
  int64_t used_ = 0;
};

// Everything that lives between a forward and its backward.
struct Transformer::Buffers {
  Buffers(Backend& backend, const ModelConfig& config, Recompute recompute)
      : backend_(backend),
        config_(config),
        keeps_inputs_(recompute == Recompute::kLayer),
        activations_(backend.NewMemory("activations")),
        decode_activations_(backend.NewMemory("activations (decoding)")),
        gradients_(backend.NewMemory("activation gradients")),
        scored_(backend.NewMemory("scored tokens")) {}

  // (re)assigns all pointers for N = rows.
  void ReserveForward(int rows, Purpose purpose) {
    DeviceMemory& memory = purpose == Purpose::kDecoding ? *decode_activations_ : *activations_;
    const bool keep = purpose == Purpose::kBackward;
    const size_t bytes = CarveForward(nullptr, rows, keep);
    CarveForward(memory.Get(bytes), rows, keep);
  }

  void ReserveBackward(int rows) {
    const size_t bytes = CarveBackward(nullptr, rows);
    CarveBackward(gradients_->Get(bytes), rows);
  }

  void ReserveScored(int count, int num_top) {
    const size_t bytes = CarveScored(nullptr, count, num_top);
    CarveScored(scored_->Get(bytes), count, num_top);
  }

  // Takes what the Reserve... above need for up to `rows` tokens, all of them scored.
  void ReserveBatch(int rows, int num_top, bool learns) {
    size_t bytes = CarveForward(nullptr, rows, false);
    if (learns) bytes = std::max(bytes, CarveForward(nullptr, rows, true));
    activations_->Get(bytes);
    if (learns) ReserveBackward(rows);
    ReserveScored(rows, num_top);
  }

  const LayerActivations& layer(int i) const {
    return layers_[std::min(static_cast<size_t>(i), layers_.size() - 1)];
  }

  // (N, C): the residual stream before layer i, if layers are to be run again.
  float* layer_input(int i, int rows) const {
    return layer_inputs_ + static_cast<int64_t>(i) * rows * config_.hidden_size;
  }

  std::vector<MemoryUse> Memory() const {
    return {activations_->Use(), decode_activations_->Use(), gradients_->Use(), scored_->Use()};
  }

  float* residual;          // (N, C)
  float* wanted_residual;   // (N, C), as the next: for the rows of it that are wanted
  char* wanted_attention;   // T (N, H d)
  char* final_hidden;       // T (N, C): normalised
  float* final_rstd;        // (N)
  char* scored_hidden;      // T (S, C)
  float* dscored_hidden;    // (S, C)
  float* dlogprobs;         // (S)
  float* scores;            // (2, S): log-probabilities, entropies
  TokenLogprob* top;        // (S, num_top)
  float* dresidual;         // (N, C)
  char* dresidual_rounded;  // T (N, C)
  float* dnormed;           // (N, C)
  char* dgate_up;           // T (N, 2 F)
  char* dattention_out;     // T (N, H d)
  float* dqk;               // (N, (H + KV) d)
  float* dv;                // (N, KV d)
  char* dqkv;               // T (N, (H + 2 KV) d)

 private:
  size_t CarveForward(char* base, int rows, bool keep) {
    Carver carve(base);
    const int64_t n = rows, t = backend_.ElementBytes(), c = config_.hidden_size;
    const int64_t d = config_.head_dim, h = config_.num_heads, kv = config_.num_kv_heads;
    residual = carve.Floats(n * c);
    final_hidden = carve.Bytes(n * c * t);
    final_rstd = carve.Floats(n);
    wanted_residual = carve.Floats(keep ? 0 : n * c);
    wanted_attention = carve.Bytes(keep ? 0 : n * h * d * t);
    layer_inputs_ = carve.Floats(keep && keeps_inputs_ ? config_.num_layers * n * c : 0);
    layers_.resize(static_cast<size_t>(keep && !keeps_inputs_ ? config_.num_layers : 1));
    for (LayerActivations& a : layers_) {
      a.attention_in = carve.Bytes(n * c * t);
      a.attention_rstd = carve.Floats(n);
      a.qkv = carve.Bytes(n * (h + 2 * kv) * d * t);
      a.qk = carve.Bytes(n * (h + kv) * d * t);
      a.attention_out = carve.Bytes(n * h * d * t);
      a.lse = carve.Floats(n * h);
      a.mlp_in = carve.Bytes(n * c * t);
      a.mlp_rstd = carve.Floats(n);
      a.gate_up = carve.Bytes(n * 2 * config_.intermediate_size * t);
      a.activation = carve.Bytes(n * config_.intermediate_size * t);
    }
    return carve.used();
  }

  size_t CarveBackward(char* base, int rows) {
    Carver carve(base);
    const int64_t n = rows, t = backend_.ElementBytes(), c = config_.hidden_size;
    const int64_t d = config_.head_dim, h = config_.num_heads, kv = config_.num_kv_heads;
    dresidual = carve.Floats(n * c);
    dresidual_rounded = carve.Bytes(n * c * t);
    dnormed = carve.Floats(n * c);
    dgate_up = carve.Bytes(n * 2 * config_.intermediate_size * t);
    dattention_out = carve.Bytes(n * h * d * t);
    dqk = carve.Floats(n * (h + kv) * d);
    dv = carve.Floats(n * kv * d);
    dqkv = carve.Bytes(n * (h + 2 * kv) * d * t);
    return carve.used();
  }

  size_t CarveScored(char* base, int count, int num_top) {
    Carver carve(base);
    const int64_t n = count, c = config_.hidden_size;
    scored_hidden = carve.Bytes(n * c * backend_.ElementBytes());
    dscored_hidden = carve.Floats(n * c);
    dlogprobs = carve.Floats(n);
    scores = carve.Floats(2 * n);
    top = reinterpret_cast<TokenLogprob*>(
        carve.Bytes(n * num_top * static_cast<int64_t>(sizeof(TokenLogprob))));
    return carve.used();
  }

  Backend& backend_;
  const ModelConfig& config_;
  const bool keeps_inputs_;  // of layers, in place of their activations
  float* layer_inputs_ = nullptr;
  std::unique_ptr<DeviceMemory> activations_, decode_activations_, gradients_, scored_;
  std::vector<LayerActivations> layers_;
};

}  // namespace agon::policy
