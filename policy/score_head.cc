// The scalar head of reward and value models: one dot product a row, by the host. It is C
// multiplications where the body has millions, and so has the same bits on every backend's rows.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "policy/transformer_buffers.h"

namespace agon::policy {

std::vector<float> Transformer::HostRow(const float* from, int64_t offset) const {
  std::vector<float> row(static_cast<size_t>(config_.hidden_size));
  backend_.Download(row.data(), from + offset, row.size() * sizeof(float));
  return row;
}

std::vector<float> Transformer::ScoredHidden() {
  const int count = static_cast<int>(batch_.rows.size()), c = config_.hidden_size;
  buffers_->ReserveScored(count, 0);
  backend_.GatherRows(buffers_->final_hidden, batch_indexes_[kRows], count, c,
                      buffers_->scored_hidden);
  std::vector<float> hidden(static_cast<size_t>(count) * static_cast<size_t>(c));
  if (backend_.compute() == ComputeType::kFloat32) {
    backend_.Download(hidden.data(), buffers_->scored_hidden, hidden.size() * sizeof(float));
    return hidden;
  }
  std::vector<uint16_t> rounded(hidden.size());
  backend_.Download(rounded.data(), buffers_->scored_hidden, rounded.size() * sizeof(uint16_t));
  for (size_t i = 0; i < hidden.size(); ++i) {
    const uint32_t bits = static_cast<uint32_t>(rounded[i]) << 16;
    std::memcpy(&hidden[i], &bits, sizeof bits);
  }
  return hidden;
}

std::vector<float> Transformer::Values(const PackedBatch& batch) {
  PackedBatch rows_only = batch;
  rows_only.targets.assign(batch.rows.size(), 0);
  Forward(rows_only);
  const std::vector<float> hidden = ScoredHidden();
  const auto score = HostRow(weights_, layout_.score());
  const auto gain = HostRow(weights_, layout_.final_norm());
  std::vector<float> values(batch.rows.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float* row = hidden.data() + i * score.size();
    double sum = 0;
    for (size_t j = 0; j < score.size(); ++j) {
      sum += static_cast<double>(score[j]) * static_cast<double>(gain[j]) *
             static_cast<double>(row[j]);
    }
    values[i] = static_cast<float>(sum);
    if (!std::isfinite(values[i])) FailNotFinite("a value", "score head");
  }
  return values;
}

void Transformer::BackwardValues(std::span<const float> dvalues) {
  AGON_CHECK(dvalues.size() == batch_.rows.size(), "one derivative per value");
  AGON_CHECK(kept_, "BackwardValues follows Values directly: nothing may be generated in between");
  const std::vector<float> hidden = ScoredHidden();
  const auto score = HostRow(weights_, layout_.score());
  const auto gain = HostRow(weights_, layout_.final_norm());
  auto dscore = HostRow(gradients_.data(), layout_.score());
  auto dgain = HostRow(gradients_.data(), layout_.final_norm());
  std::vector<float> dhidden(hidden.size());
  for (size_t i = 0; i < dvalues.size(); ++i) {
    for (size_t j = 0; j < score.size(); ++j) {
      const size_t at = i * score.size() + j;
      dhidden[at] = dvalues[i] * score[j] * gain[j];
      dscore[j] += dvalues[i] * gain[j] * hidden[at];
      dgain[j] += dvalues[i] * score[j] * hidden[at];
    }
  }
  const size_t row_bytes = score.size() * sizeof(float);
  backend_.Upload(gradients_.data() + layout_.score(), dscore.data(), row_bytes);
  backend_.Upload(gradients_.data() + layout_.final_norm(), dgain.data(), row_bytes);
  backend_.Upload(buffers_->dscored_hidden, dhidden.data(), dhidden.size() * sizeof(float));
  BackwardFromHidden();
}

}  // namespace agon::policy
