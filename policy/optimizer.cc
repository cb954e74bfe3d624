#include "policy/optimizer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "policy/finite.h"
#include "policy/safetensors.h"

namespace agon::policy {
namespace {

// "optimizer moments (1/4)": what a rank of four has of them.
std::string MomentsOf(int num_ranks) {
  const std::string share = num_ranks > 1 ? " (1/" + std::to_string(num_ranks) + ")" : "";
  return "optimizer moments" + share;
}

}  // namespace

Optimizer::Optimizer(const OptimizerConfig& config, const WeightLayout& layout, Backend& backend,
                     Communicator& ranks)
    : config_(config),
      layout_(layout),
      backend_(backend),
      together_(
          layout, [this](const TensorSpec& tensor) { return UsesMuon(tensor); }, backend, ranks),
      orthogonaliser_(backend),
      update_(backend.NewMemory("optimizer scratch")),
      first_(backend, MomentsOf(ranks.size()), together_.share().size()),
      second_(backend, MomentsOf(ranks.size()), together_.share().size()) {}

bool Optimizer::UsesMuon(const TensorSpec& tensor) const {
  return config_.kind == OptimizerConfig::Kind::kMuon && tensor.IsMatrix() &&
         tensor.offset != layout_.embedding() && tensor.offset != layout_.score();
}

void Optimizer::Reserve(int num_shards) {
  together_.Reserve(num_shards);
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

void Optimizer::AddShard(DeviceFloats& gradients, bool is_last) {
  together_.AddShard(gradients, is_last);
  is_summed_ = is_last;
}

float Optimizer::Step(float learning_rate, DeviceFloats& weights, DeviceFloats& gradients) {
  AGON_CHECK(is_summed_ || together_.num_ranks() == 1, "AddShard comes before a step of ranks");
  is_summed_ = false;
  const double norm = std::sqrt(together_.SumOfSquares(gradients));
  if (!std::isfinite(norm)) {
    const std::string& name = FirstNotFinite(gradients).name;
    gradients.Zero();
    throw Error(
        ErrorKind::kFailed,
        "its gradient is not a number, the first such one on the way back through the model", name,
        "lower the learning rate; weights and checkpoints are as they were");
  }
  ++step_;
  const bool clip = config_.max_grad_norm > 0 && norm > config_.max_grad_norm;
  const float scale = clip ? static_cast<float>(config_.max_grad_norm / norm) : 1.0f;
  const Share& share = together_.share();
  for (const TensorSpec& tensor : layout_.tensors()) {
    if (!UsesMuon(tensor) || PartOf(tensor).size() == 0) continue;
    StepMuon(tensor, learning_rate, scale, weights.data() + tensor.offset,
             gradients.data() + tensor.offset, first_.data() + (tensor.offset - share.begin));
  }
  backend_.StepAdamW(weights.data() + share.begin, gradients.data() + share.begin, first_.data(),
                     second_.data(), AdamWRanges(),
                     {.learning_rate = learning_rate,
                      .beta1 = config_.beta1,
                      .beta2 = config_.beta2,
                      .epsilon = config_.epsilon,
                      .grad_scale = scale,
                      .step = step_});
  for (DeviceFloats* changed : {&weights, &gradients, &first_, &second_}) changed->Changed();
  together_.GatherWeights(weights);
  return static_cast<float>(norm);
}

Share Optimizer::PartOf(const TensorSpec& tensor) const {
  const Share& share = together_.share();
  const int64_t begin = std::max(tensor.offset, share.begin);
  return {begin, std::max(begin, std::min(tensor.offset + tensor.size, share.end))};
}

// The backward pass goes through tensors from the last to the first, and whatever comes after one
// that isn't finite has little chance to be.
const TensorSpec& Optimizer::FirstNotFinite(const DeviceFloats& gradients) const {
  const auto& tensors = layout_.tensors();
  auto last = static_cast<int64_t>(tensors.size()) - 1;
  for (; last > 0; --last) {
    const Share part = PartOf(tensors[static_cast<size_t>(last)]);
    if (!AreFloatsFinite(backend_, gradients.data() + part.begin, part.size())) break;
  }
  return tensors[static_cast<size_t>(together_.Largest(last))];
}

std::vector<Backend::AdamWRange> Optimizer::AdamWRanges() const {
  std::vector<Backend::AdamWRange> ranges;
  for (const TensorSpec& tensor : layout_.tensors()) {
    const Share part = PartOf(tensor);
    if (part.size() == 0 || UsesMuon(tensor)) continue;
    const float decay = tensor.IsMatrix() ? config_.weight_decay : 0.0f;
    const int64_t begin = part.begin - together_.share().begin;
    const bool goes_on = !ranges.empty() && ranges.back().weight_decay == decay &&
                         ranges.back().begin + ranges.back().count == begin;
    if (goes_on) {
      ranges.back().count += part.size();
    } else {
      ranges.push_back({begin, part.size(), decay});
    }
  }
  return ranges;
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
  if (!together_.leads()) {
    for (const DeviceFloats* moments : {&first_, &second_}) together_.Collect(*moments, {});
    return;
  }
  const auto all = [&](const char* name, const DeviceFloats* moments) {
    return NamedTensor{name, {layout_.size()}, [this, moments](std::span<float> whole) {
                         together_.Collect(*moments, whole);
                       }};
  };
  WriteSafetensors(file, {all("first_moment", &first_), all("second_moment", &second_)},
                   {{"step", std::to_string(step_)}});
}

void Optimizer::Load(const std::filesystem::path& file) {
  const SafetensorsFile tensors(file);
  const auto read = [&](const char* name, DeviceFloats& into) {
    tensors.Read(name, {layout_.size()}, into.HostToFill(),
                 static_cast<size_t>(together_.share().begin));
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

std::vector<MemoryUse> Optimizer::Memory() const {
  MemoryUse moments = first_.Use();
  moments.bytes += second_.Use().bytes;
  std::vector<MemoryUse> uses = together_.Memory();
  uses.push_back(std::move(moments));
  return uses;
}

}  // namespace agon::policy
