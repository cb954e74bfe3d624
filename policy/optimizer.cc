#include "policy/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "policy/safetensors.h"

namespace agon::policy {

Optimizer::Optimizer(const OptimizerConfig& config, const WeightLayout& layout, Backend& backend)
    : config_(config), layout_(layout), backend_(backend), orthogonaliser_(backend) {
  first_.resize(static_cast<size_t>(layout.size()));
  second_.resize(static_cast<size_t>(layout.size()));
}

bool Optimizer::UsesMuon(const TensorSpec& tensor) const {
  return config_.kind == OptimizerConfig::Kind::kMuon && tensor.IsMatrix() &&
         tensor.offset != layout_.embedding();
}

float Optimizer::Step(float learning_rate, std::span<float> weights, std::span<float> gradients) {
  const double norm =
      std::sqrt(backend_.SumOfSquares(gradients.data(), static_cast<int64_t>(gradients.size())));
  if (!std::isfinite(norm)) {
    std::fill(gradients.begin(), gradients.end(), 0.0f);
    return static_cast<float>(norm);
  }
  ++step_;
  const bool clip = config_.max_grad_norm > 0 && norm > config_.max_grad_norm;
  const float scale = clip ? static_cast<float>(config_.max_grad_norm / norm) : 1.0f;
  for (const TensorSpec& tensor : layout_.tensors()) {
    if (UsesMuon(tensor)) {
      StepMuon(tensor, learning_rate, scale, weights, gradients);
      continue;
    }
    backend_.StepAdamW(weights.data() + tensor.offset, gradients.data() + tensor.offset,
                       first_.data() + tensor.offset, second_.data() + tensor.offset, tensor.size,
                       {.learning_rate = learning_rate,
                        .beta1 = config_.beta1,
                        .beta2 = config_.beta2,
                        .epsilon = config_.epsilon,
                        .weight_decay = tensor.IsMatrix() ? config_.weight_decay : 0.0f,
                        .grad_scale = scale,
                        .step = step_});
  }
  return static_cast<float>(norm);
}

void Optimizer::StepMuon(const TensorSpec& tensor, float learning_rate, float grad_scale,
                         std::span<float> weights, std::span<float> gradients) {
  // Keller Jordan's Muon with Nesterov momentum; the update is scaled to AdamW's typical
  // size, 0.2 sqrt(max(rows, cols)), so that one learning rate serves both
  // (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4).
  constexpr float kMomentum = 0.95f;
  const int64_t rows = tensor.shape[0], cols = tensor.shape[1];
  float* w = weights.data() + tensor.offset;
  float* g = gradients.data() + tensor.offset;
  float* m = first_.data() + tensor.offset;
  update_.resize(static_cast<size_t>(tensor.size));
  for (int64_t i = 0; i < tensor.size; ++i) {
    const float grad = g[i] * grad_scale;
    m[i] = kMomentum * m[i] + (1.0f - kMomentum) * grad;
    update_[static_cast<size_t>(i)] = kMomentum * m[i] + (1.0f - kMomentum) * grad;
    g[i] = 0.0f;
  }
  orthogonaliser_.Run(static_cast<int>(rows), static_cast<int>(cols), update_);
  const float step = learning_rate * 0.2f * std::sqrt(static_cast<float>(std::max(rows, cols)));
  const float keep = 1.0f - learning_rate * config_.weight_decay;
  for (int64_t i = 0; i < tensor.size; ++i)
    w[i] = keep * w[i] - step * update_[static_cast<size_t>(i)];
}

void Optimizer::Save(const std::filesystem::path& file) const {
  const auto size = static_cast<int64_t>(first_.size());
  WriteSafetensors(file, {{"first_moment", {size}, first_}, {"second_moment", {size}, second_}},
                   {{"step", std::to_string(step_)}});
}

void Optimizer::Load(const std::filesystem::path& file) {
  const SafetensorsFile tensors(file);
  const auto read = [&](const char* name, std::vector<float>& into) {
    tensors.Read(name, {static_cast<int64_t>(into.size())}, into);
  };
  read("first_moment", first_);
  read("second_moment", second_);
  const std::string step = tensors.Metadata("step");
  if (step.empty() || step.size() > 18 ||
      step.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(ErrorKind::kCorrupt, "step count \"" + step + "\" is not a number", file.string());
  }
  step_ = std::stoll(step);
}

MemoryUse Optimizer::Memory() const {
  return {"optimizer moments", static_cast<int64_t>((first_.size() + second_.size()) * 4)};
}

}  // namespace agon::policy
