#include "policy/transformer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "policy/transformer_buffers.h"

namespace agon::policy {
namespace {

// Arrays of Indexes, in the order in which they are sent.
enum DecodeIndex : size_t { kDecodeTokens, kDecodePositions, kSlots, kLastRows };

}  // namespace

Transformer::Transformer(const ModelConfig& config, const WeightLayout& layout, Backend& backend,
                         const float* weights, DeviceFloats& gradients, Recompute recompute)
    : config_(config),
      layout_(layout),
      backend_(backend),
      weights_(weights),
      gradients_(gradients),
      head_gradient_(backend, "head's gradient",
                     static_cast<int64_t>(config.vocab_size) * config.hidden_size),
      recompute_(recompute),
      buffers_(std::make_unique<Buffers>(backend, config, recompute)),
      batch_indexes_(backend, "batch indexes"),
      decode_indexes_(backend, "batch indexes (decoding)"),
      batch_segments_(backend.NewSegments()),
      prompt_segments_(backend.NewSegments()) {
  const int c = config.hidden_size, d = config.head_dim;
  for (int i = 0; i < config.num_layers; ++i) {
    Layer layer;
    layer.qkv = backend.NewLinear((config.num_heads + 2 * config.num_kv_heads) * d, c, false);
    layer.o = backend.NewLinear(c, config.num_heads * d, false);
    layer.gate_up = backend.NewLinear(2 * config.intermediate_size, c, true);
    layer.down = backend.NewLinear(c, config.intermediate_size, false);
    layers_.push_back(std::move(layer));
  }
  head_ = backend.NewLinear(config.vocab_size, c, false);
}

Transformer::~Transformer() = default;

void Transformer::ReserveBatch(int tokens, int prefix_sharers, int num_top, bool learns) {
  keeps_ = learns;
  most_tokens_ = tokens;
  buffers_->ReserveBatch(tokens, num_top, learns);
  batch_indexes_.Reserve(kNumBatchIndexes * static_cast<size_t>(tokens));
  backend_.ReserveSegments(*batch_segments_, tokens, learns ? prefix_sharers : 0);
  if (learns) head_gradient_.data();
}

void Transformer::ReserveDecoding(int prompt_tokens, int num_prompts, int rows) {
  const int padded = backend_.PaddedRows(rows);
  buffers_->ReserveForward(std::max(prompt_tokens, padded), Purpose::kDecoding);
  decode_indexes_.Reserve(static_cast<size_t>(3 * std::max(prompt_tokens, padded) + num_prompts));
  backend_.ReserveSegments(*prompt_segments_, prompt_tokens, 0);
}

void Transformer::PackWeights() {
  std::vector<LinearWeight> all;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const LayerOffsets& at = layout_.layers()[i];
    all.push_back({layers_[i].qkv.get(), weights_ + at.qkv, weights_ + at.input_norm});
    all.push_back({layers_[i].o.get(), weights_ + at.o, nullptr});
    all.push_back({layers_[i].gate_up.get(), weights_ + at.gate_up, weights_ + at.post_norm});
    all.push_back({layers_[i].down.get(), weights_ + at.down, nullptr});
  }
  all.push_back({head_.get(), weights_ + layout_.embedding(), weights_ + layout_.final_norm()});
  backend_.SetLinears(all);
}

void Transformer::RunLayers(const int32_t* tokens, const int32_t* positions, int rows,
                            Purpose purpose, const Wanted& wanted, const Attend& attend) {
  const int c = config_.hidden_size, last = config_.num_layers - 1;
  buffers_->ReserveForward(rows, purpose);
  kept_ = purpose == Purpose::kBackward;
  Stream stream{buffers_->residual, rows};
  backend_.Embedding(weights_ + layout_.embedding(), tokens, rows, c, stream.x);
  for (int i = 0; i <= last; ++i) {
    if (kept_ && recompute_ == Recompute::kLayer) {
      backend_.Copy(buffers_->layer_input(i, rows), stream.x, StreamBytes(rows));
    }
    RunLayer(i, positions, i == last ? wanted : Wanted{}, attend, stream);
    backend_.LinearAdd(*layers_[static_cast<size_t>(i)].down, buffers_->layer(i).activation,
                       stream.rows, stream.x);
  }
  held_layer_ = last;
  backend_.RmsNorm(stream.x, stream.rows, c, config_.rms_norm_eps, buffers_->final_hidden,
                   buffers_->final_rstd);
}

void Transformer::RunLayer(int i, const int32_t* positions, const Wanted& wanted,
                           const Attend& attend, Stream& stream) {
  const LayerOffsets& at = layout_.layers()[static_cast<size_t>(i)];
  const Layer& layer = layers_[static_cast<size_t>(i)];
  const LayerActivations& a = buffers_->layer(i);
  const int c = config_.hidden_size;
  auto& [x, rows] = stream;
  backend_.RmsNorm(x, rows, c, config_.rms_norm_eps, a.attention_in, a.attention_rstd);
  backend_.Linear(*layer.qkv, a.attention_in, rows, a.qkv);
  backend_.QkNormRope(a.qkv, positions, rows, weights_ + at.q_norm, weights_ + at.k_norm, a.qk,
                      {attend.kept.cache, attend.kept.slots, i});
  attend.run(i, a);
  const char* attention_out = a.attention_out;
  if (wanted.rows != nullptr) {
    backend_.GatherRows(a.attention_out, wanted.rows, wanted.count,
                        config_.num_heads * config_.head_dim, buffers_->wanted_attention);
    backend_.Embedding(x, wanted.rows, wanted.count, c, buffers_->wanted_residual);
    attention_out = buffers_->wanted_attention;
    stream = {buffers_->wanted_residual, wanted.count};
  }
  backend_.LinearAdd(*layer.o, attention_out, rows, x);
  backend_.RmsNorm(x, rows, c, config_.rms_norm_eps, a.mlp_in, a.mlp_rstd);
  backend_.LinearSwiGlu(*layer.gate_up, a.mlp_in, rows, a.gate_up, a.activation);
}

Transformer::Attend Transformer::WithinBatch() {
  return {.run = [this](int, const LayerActivations& a) {
    backend_.Attention(*batch_segments_, a.qk, a.qkv, a.attention_out, a.lse);
  }};
}

const LayerActivations& Transformer::ActivationsOf(int layer) {
  const LayerActivations& a = buffers_->layer(layer);
  if (recompute_ == Recompute::kNone || held_layer_ == layer) return a;
  Stream stream{buffers_->residual, static_cast<int>(batch_.tokens.size())};
  backend_.Copy(stream.x, buffers_->layer_input(layer, stream.rows), StreamBytes(stream.rows));
  RunLayer(layer, batch_indexes_[kPositions], {}, WithinBatch(), stream);
  held_layer_ = layer;
  return a;
}

size_t Transformer::StreamBytes(int rows) const {
  return static_cast<size_t>(rows) * static_cast<size_t>(config_.hidden_size) * sizeof(float);
}

TokenScores Transformer::Score(const PackedBatch& batch) { return ScoreAndBackward(batch, {}); }

TokenScores Transformer::ScoreAndBackward(const PackedBatch& batch,
                                          std::span<const float> dlogprobs) {
  Forward(batch);
  RunHead(dlogprobs);
  TokenScores scores = ReadScores();
  if (!dlogprobs.empty()) BackwardFromHidden();
  return scores;
}

TokenScores Transformer::ScoreOnly(const PackedBatch& batch) {
  CheckBatch(batch);
  batch_ = batch;
  std::vector<int32_t> wanted, places;  // rows, each once in a row; where each scored one stands
  for (const int32_t row : batch.rows) {
    if (wanted.empty() || wanted.back() != row) wanted.push_back(row);
    places.push_back(static_cast<int32_t>(wanted.size()) - 1);
  }
  if (wanted.empty() || wanted.size() > batch.tokens.size())
    return Score(batch);  // nothing to save
  SendBatch(places, wanted);
  RunLayers(batch_indexes_[kTokens], batch_indexes_[kPositions],
            static_cast<int>(batch.tokens.size()), Purpose::kScores,
            {batch_indexes_[kWanted], static_cast<int>(wanted.size())}, WithinBatch());
  RunHead({});
  return ReadScores();
}

void Transformer::Forward(const PackedBatch& batch) {
  CheckBatch(batch);
  batch_ = batch;
  SendBatch(batch_.rows);
  RunLayers(batch_indexes_[kTokens], batch_indexes_[kPositions],
            static_cast<int>(batch_.tokens.size()), keeps_ ? Purpose::kBackward : Purpose::kScores,
            {}, WithinBatch());
}

void Transformer::SendBatch(std::span<const int32_t> rows, std::span<const int32_t> wanted) {
  std::vector<int32_t> positions(batch_.tokens.size());
  for (const auto& segment : batch_.segments) {
    for (int i = 0; i < segment.length; ++i) {
      positions[static_cast<size_t>(segment.begin + i)] = segment.prefix_length + i;
    }
  }
  batch_indexes_.Send({batch_.tokens, positions, rows, batch_.targets, wanted});
  backend_.SetSegments(*batch_segments_, batch_.segments);
}

void Transformer::Backward(std::span<const float> dlogprobs) {
  AGON_CHECK(dlogprobs.size() == batch_.targets.size(), "one derivative per scored token");
  AGON_CHECK(kept_, "Backward follows Score directly: nothing may be generated in between");
  RunHead(dlogprobs);  // nobody reads what the last Score said already
  BackwardFromHidden();
}

int Transformer::NumTop() const { return std::min(batch_.num_top, config_.vocab_size); }

void Transformer::RunHead(std::span<const float> dlogprobs) {
  const int count = static_cast<int>(batch_.rows.size());
  Buffers& b = *buffers_;
  b.ReserveScored(count, NumTop());
  if (!dlogprobs.empty()) backend_.Upload(b.dlogprobs, dlogprobs.data(), dlogprobs.size_bytes());
  backend_.GatherRows(b.final_hidden, batch_indexes_[kRows], count, config_.hidden_size,
                      b.scored_hidden);
  backend_.ScoreTokens(*head_, b.scored_hidden, count, batch_indexes_[kTargets], batch_.temperature,
                       b.scores, b.scores + count, dlogprobs.empty() ? nullptr : b.dlogprobs,
                       b.dscored_hidden, dlogprobs.empty() ? nullptr : head_gradient_.data());
}

TokenScores Transformer::ReadScores() {
  const Buffers& b = *buffers_;
  const int count = static_cast<int>(batch_.rows.size()), num_top = NumTop();
  const size_t bytes = batch_.rows.size() * sizeof(float);
  TokenScores scores;
  scores.logprobs.resize(batch_.rows.size());
  scores.entropies.resize(batch_.rows.size());
  backend_.Download(scores.logprobs.data(), b.scores, bytes);
  backend_.Download(scores.entropies.data(), b.scores + count, bytes);
  for (float logprob : scores.logprobs) {
    if (std::isnan(logprob)) FailNotFinite("a log-probability", "ScoreTokens");
  }
  if (num_top > 0) {
    backend_.TopTokens(*head_, b.scored_hidden, count, batch_.temperature, num_top, b.top);
    scores.top.resize(batch_.rows.size() * static_cast<size_t>(num_top));
    backend_.Download(scores.top.data(), b.top, scores.top.size() * sizeof(TokenLogprob));
  }
  return scores;
}

void Transformer::BackwardFromHidden() {
  AGON_CHECK(!finished_, "gradients were finished: step the optimizer first");
  const int rows = static_cast<int>(batch_.tokens.size()), c = config_.hidden_size;
  buffers_->ReserveBackward(rows);
  backend_.Zero(buffers_->dnormed, StreamBytes(rows));
  backend_.Zero(buffers_->dresidual, StreamBytes(rows));
  backend_.ScatterAddRows(buffers_->dscored_hidden, batch_indexes_[kRows],
                          static_cast<int>(batch_.rows.size()), c, buffers_->dnormed);
  backend_.RmsNormGradient(buffers_->dnormed, buffers_->final_hidden, buffers_->final_rstd, rows, c,
                           buffers_->dresidual, buffers_->dresidual_rounded);
  for (int i = config_.num_layers - 1; i >= 0; --i) LayerBackward(i, ActivationsOf(i));
  backend_.EmbeddingGradient(buffers_->dresidual, batch_indexes_[kTokens], rows, c,
                             gradients_.data() + layout_.embedding());
}

void Transformer::LayerBackward(int i, const LayerActivations& a) {
  const LayerOffsets& at = layout_.layers()[static_cast<size_t>(i)];
  const Layer& layer = layers_[static_cast<size_t>(i)];
  const int rows = static_cast<int>(batch_.tokens.size()), c = config_.hidden_size;
  Buffers& b = *buffers_;

  backend_.LinearWeightGradient(*layer.down, b.dresidual_rounded, a.activation, rows,
                                gradients_.data() + at.down);
  backend_.LinearSwiGluGradient(*layer.down, b.dresidual_rounded, rows, a.gate_up, b.dgate_up);
  backend_.LinearWeightGradient(*layer.gate_up, b.dgate_up, a.mlp_in, rows,
                                gradients_.data() + at.gate_up);
  backend_.LinearInputGradient(*layer.gate_up, b.dgate_up, rows, b.dnormed);
  backend_.RmsNormGradient(b.dnormed, a.mlp_in, a.mlp_rstd, rows, c, b.dresidual,
                           b.dresidual_rounded);

  backend_.LinearWeightGradient(*layer.o, b.dresidual_rounded, a.attention_out, rows,
                                gradients_.data() + at.o);
  backend_.LinearInputGradientRounded(*layer.o, b.dresidual_rounded, rows, b.dattention_out);
  backend_.AttentionGradient(*batch_segments_, a.qk, a.qkv, a.attention_out, a.lse,
                             b.dattention_out, rows, b.dqk, b.dv);
  backend_.QkNormRopeGradient(a.qkv, batch_indexes_[kPositions], rows, weights_ + at.q_norm,
                              weights_ + at.k_norm, b.dqk, b.dv, b.dqkv,
                              gradients_.data() + at.q_norm, gradients_.data() + at.k_norm);
  backend_.LinearWeightGradient(*layer.qkv, b.dqkv, a.attention_in, rows,
                                gradients_.data() + at.qkv);
  backend_.LinearInputGradient(*layer.qkv, b.dqkv, rows, b.dnormed);
  backend_.RmsNormGradient(b.dnormed, a.attention_in, a.attention_rstd, rows, c, b.dresidual,
                           b.dresidual_rounded);
}

void Transformer::FinishGradients() {
  if (finished_) return;
  finished_ = true;
  float* const g = gradients_.data();
  std::vector<FoldedGain> all;
  const auto unfold = [&](int64_t matrix, int rows, int64_t gain, const float* folded, bool adds) {
    all.push_back({folded, weights_ + matrix, weights_ + gain, rows, adds, g + matrix, g + gain});
  };
  const int qkv_rows = (config_.num_heads + 2 * config_.num_kv_heads) * config_.head_dim;
  for (const LayerOffsets& at : layout_.layers()) {
    unfold(at.qkv, qkv_rows, at.input_norm, g + at.qkv, false);
    unfold(at.gate_up, 2 * config_.intermediate_size, at.post_norm, g + at.gate_up, false);
  }
  unfold(layout_.embedding(), config_.vocab_size, layout_.final_norm(), head_gradient_.data(),
         true);
  backend_.UnfoldGains(all, config_.hidden_size);
  head_gradient_.Zero();
}

void Transformer::Prefill(std::span<const std::span<const int32_t>> prompts,
                          std::span<const int32_t> slots, KvCache& cache, char* hidden) {
  std::vector<int32_t> tokens, positions, token_slots, last_rows;
  std::vector<PackedBatch::Segment> segments;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const int begin = static_cast<int>(tokens.size()), length = static_cast<int>(prompts[i].size());
    tokens.insert(tokens.end(), prompts[i].begin(), prompts[i].end());
    for (int t = 0; t < length; ++t) positions.push_back(t);
    token_slots.insert(token_slots.end(), static_cast<size_t>(length), slots[i]);
    segments.push_back({begin, length, 0, 0});
    last_rows.push_back(begin + length - 1);
  }
  decode_indexes_.Send({tokens, positions, token_slots, last_rows});
  backend_.SetSegments(*prompt_segments_, segments);
  const Indexes& sent = decode_indexes_;
  const int rows = static_cast<int>(tokens.size());
  RunLayers(sent[kDecodeTokens], sent[kDecodePositions], rows, Purpose::kDecoding,
            {sent[kLastRows], static_cast<int>(last_rows.size())},
            {.kept = {&cache, sent[kSlots]}, .run = [&](int, const LayerActivations& a) {
               backend_.Attention(*prompt_segments_, a.qk, a.qkv, a.attention_out, a.lse);
             }});
  CopyHidden(static_cast<int>(last_rows.size()), hidden);
}

void Transformer::CopyHidden(int rows, char* hidden) {
  backend_.Copy(hidden, buffers_->final_hidden,
                static_cast<size_t>(rows) * static_cast<size_t>(config_.hidden_size) *
                    static_cast<size_t>(backend_.ElementBytes()));
}

void Transformer::Decode(std::span<const int32_t> tokens, std::span<const int32_t> slots,
                         std::span<const int32_t> positions, KvCache& cache, char* hidden) {
  const int rows = backend_.PaddedRows(static_cast<int>(tokens.size()));
  const auto padded = [&](std::span<const int32_t> values, int32_t padding) {
    std::vector<int32_t> all(values.begin(), values.end());
    all.resize(static_cast<size_t>(rows), padding);
    return all;
  };
  decode_indexes_.Send({padded(tokens, 0), padded(positions, 0), padded(slots, -1)});
  const Indexes& sent = decode_indexes_;
  RunDecoding(ArraysAt::kIndexes,
              {.tokens = sent[kDecodeTokens],
               .positions = sent[kDecodePositions],
               .slots = sent[kSlots],
               .count = static_cast<int>(tokens.size())},
              cache, hidden);
}

void Transformer::DecodeRows(const DecodedRows& rows, KvCache& cache, char* hidden) {
  RunDecoding(rows.prefixes ? ArraysAt::kWindowWithPrefixes : ArraysAt::kWindow, rows, cache,
              hidden);
}

void Transformer::RunDecoding(ArraysAt arrays, const DecodedRows& rows, KvCache& cache,
                              char* hidden) {
  const int padded = backend_.PaddedRows(rows.count);
  // Before a recording, in which nothing may grow.
  buffers_->ReserveForward(padded, Purpose::kDecoding);
  kept_ = false;
  const int key = static_cast<int>(ArraysAt::kNum) * padded + static_cast<int>(arrays);
  backend_.Replay(key, [&] {
    RunLayers(rows.tokens, rows.positions, padded, Purpose::kDecoding, {},
              {.kept = {&cache, rows.slots}, .run = [&](int layer, const LayerActivations& a) {
                 backend_.AttentionDecode(cache, layer, a.qk, rows.slots, rows.positions, padded,
                                          rows.prefixes, a.attention_out);
               }});
  });
  CopyHidden(rows.count, hidden);
}

std::vector<MemoryUse> Transformer::Memory() const {
  std::vector<MemoryUse> uses = buffers_->Memory();
  MemoryUse indexes = batch_indexes_.Use();
  indexes.bytes += decode_indexes_.Use().bytes;
  uses.insert(uses.end(), {head_gradient_.Use(), std::move(indexes)});
  return uses;
}

}  // namespace agon::policy
