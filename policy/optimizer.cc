#include "policy/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "policy/safetensors.h"

namespace agon::policy {

Optimizer::Optimizer(const OptimizerConfig& config, const WeightLayout& layout, Backend& backend)
    : config_(config),
      layout_(layout),
      backend_(backend),
      orthogonaliser_(backend),
      update_(backend.NewMemory("optimizer scratch")),
      first_(backend, "optimizer moments", layout.size()),
      second_(backend, "optimizer moments", layout.size()) {}

bool Optimizer::UsesMuon(const TensorSpec& tensor) const {
  return config_.kind == OptimizerConfig::Kind::kMuon && tensor.IsMatrix() &&
         tensor.offset != layout_.embedding() && tensor.offset != layout_.score();
}

void Optimizer::Reserve() {
  first_.data();
  second_.data();
  std::vector<std::pair<int, int>> shapes;
  int64_t largest = 0;
  for (const TensorSpec& tensor : layout_.tensors()) {
    if (!UsesMuon(tensor)) continue;
    shapes.emplace_back(static_cast<int>(tensor.shape[0]), static_cast<int>(tensor.shape[1]));
    largest = std::max(largest, tensor.size);
  }
  update_->Get(static_cast<size_t>(largest) * sizeof(float));
  orthogonaliser_.Reserve(shapes);
}

float Optimizer::Step(float learning_rate, DeviceFloats& weights, DeviceFloats& gradients) {
  const double norm = std::sqrt(backend_.SumOfSquares(gradients.data(), gradients.size()));
  if (!std::isfinite(norm)) {
    gradients.Zero();
    return static_cast<float>(norm);
  }
  ++step_;
  const bool clip = config_.max_grad_norm > 0 && norm > config_.max_grad_norm;
  const float scale = clip ? static_cast<float>(config_.max_grad_norm / norm) : 1.0f;
  for (const TensorSpec& tensor : layout_.tensors()) {
    float* w = weights.data() + tensor.offset;
    float* g = gradients.data() + tensor.offset;
    float* m = first_.data() + tensor.offset;
    if (UsesMuon(tensor)) {
      StepMuon(tensor, learning_rate, scale, w, g, m);
      continue;
    }
    backend_.StepAdamW(w, g, m, second_.data() + tensor.offset, tensor.size,
                       {.learning_rate = learning_rate,
                        .beta1 = config_.beta1,
                        .beta2 = config_.beta2,
                        .epsilon = config_.epsilon,
                        .weight_decay = tensor.IsMatrix() ? config_.weight_decay : 0.0f,
                        .grad_scale = scale,
                        .step = step_});
  }
  for (DeviceFloats* changed : {&weights, &gradients, &first_, &second_}) changed->Changed();
  return static_cast<float>(norm);
}

void Optimizer::StepMuon(const TensorSpec& tensor, float learning_rate, float grad_scale, float* w,
                         float* g, float* m) {
  // Keller Jordan's Muon with Nesterov momentum; the update is scaled to AdamW's typical
  // size, 0.2 sqrt(max(rows, cols)), so that one learning rate serves both
  // (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4).
  constexpr float kMomentum = 0.95f;
  const int64_t rows = tensor.shape[0], cols = tensor.shape[1], size = tensor.size;
  const size_t bytes = static_cast<size_t>(size) * sizeof(float);
  float* update = reinterpret_cast<float*>(update_->Get(bytes));
  backend_.Combine(grad_scale, g, 0.0f, g, size, update);
  backend_.Zero(g, bytes);
  backend_.Combine(kMomentum, m, 1.0f - kMomentum, update, size, m);
  backend_.Combine(kMomentum, m, 1.0f - kMomentum, update, size, update);
  orthogonaliser_.Run(static_cast<int>(rows), static_cast<int>(cols), update);
  const float step = learning_rate * 0.2f * std::sqrt(static_cast<float>(std::max(rows, cols)));
  const float keep = 1.0f - learning_rate * config_.weight_decay;
  backend_.Combine(keep, w, -step, update, size, w);
}

void Optimizer::Save(const std::filesystem::path& file) const {
  const int64_t size = layout_.size();
  WriteSafetensors(
      file, {{"first_moment", {size}, first_.Host()}, {"second_moment", {size}, second_.Host()}},
      {{"step", std::to_string(step_)}});
  first_.ReleaseHost();
  second_.ReleaseHost();
}

void Optimizer::Load(const std::filesystem::path& file) {
  const SafetensorsFile tensors(file);
  const auto read = [&](const char* name, DeviceFloats& into) {
    tensors.Read(name, {into.size()}, into.HostToFill());
    into.WriteBack();
    into.ReleaseHost();
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
  MemoryUse use = first_.Use();
  use.bytes += second_.Use().bytes;
  return use;
}

}  // namespace agon::policy
