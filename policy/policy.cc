// Policy: the weights, their backend, and what trains and samples them.
#include "policy/policy.h"

#include <algorithm>

#include "core/error.h"
#include "policy/backend.h"
#include "policy/communicator.h"
#include "policy/device_array.h"
#include "policy/generate.h"
#include "policy/hf_config.h"
#include "policy/optimizer.h"
#include "policy/safetensors.h"
#include "policy/transformer.h"
#include "policy/weights.h"

namespace agon::policy {
namespace {

// The bits of a step would depend on who computes what.
void CheckArithmetic(Communicator& ranks, const std::string& mine) {
  const std::vector<std::string> all = ranks.AllGather(mine);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw Error(ErrorKind::kUsage,
                "rank 0 computes in " + all[0] + ", rank " + std::to_string(rank) + " in " +
                    all[rank] + ": results would depend on who computes what",
                "ranks",
                "give all ranks equal devices (run.device, run.compute) and one version of CUDA");
  }
}

// Says which share of a step's memory is this rank's; nothing travels.
class RanksOnPaper final : public Communicator {
 public:
  RanksOnPaper(int rank, int size) : rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::vector<std::string> Exchange(std::vector<std::string>) override {
    AGON_CHECK(false, "there is nobody to exchange with on paper");
    return {};
  }
  void Leave(int) override {}

 private:
  const int rank_, size_;
};

class TransformerPolicy final : public Policy {
 public:
  // Without weights. A workload's memory is taken at once.
  TransformerPolicy(const ModelConfig& config, ComputeType compute, const Device& device,
                    const Room& room, const std::optional<Workload>& workload)
      : config_(config),
        layout_(config),
        device_(device),
        backend_(NewBackend(config, compute, device, room)),
        weights_(*backend_, "weights (fp32)", layout_.size()),
        gradients_(*backend_, "gradients (fp32)", layout_.size()),
        transformer_(config_, layout_, *backend_, weights_.data(), gradients_,
                     workload ? workload->recompute : Recompute::kNone),
        generator_(config_, *backend_, transformer_),
        planned_shards_(workload ? workload->num_shards : 0) {
    if (planned_shards_ > 0) Reserve(*workload);
  }

  // `read` fills in the weights.
  void Read(const std::function<void(const WeightLayout&, std::span<float>)>& read) {
    read(layout_, weights_.HostToFill());
    WeightsChanged();
    weights_.ReleaseHost();
  }

  void Save(const fs::path& dir) const override {
    std::vector<NamedTensor> tensors;
    for (const TensorSpec& t : layout_.tensors()) {
      tensors.push_back({t.name, t.shape, [this, tensor = &t](std::span<float> out) {
                           std::ranges::copy(Slice(weights_.Host(), *tensor), out.begin());
                         }});
    }
    WriteConfig(dir, config_);
    WriteSafetensors(dir / "model.safetensors", tensors,
                     {{"policy_version", std::to_string(version_)}});
  }

  const ModelConfig& config() const override { return config_; }
  void SetEosTokenId(int32_t id) override { config_.eos_token_id = id; }
  ComputeType compute() const override { return backend_->compute(); }
  Device device() const override { return device_; }
  uint64_t version() const override { return version_; }
  void set_version(uint64_t version) { version_ = version; }

  void Stream(PromptSource& source, int max_tokens, const Sampling& sampling,
              const RngKey& key) override {
    generator_.Run(source, max_tokens, sampling, key, version_);
  }

  TokenScores Score(const PackedBatch& batch) override { return transformer_.Score(batch); }
  TokenScores ScoreOnly(const PackedBatch& batch) override { return transformer_.ScoreOnly(batch); }
  void Backward(std::span<const float> dlogprobs) override { transformer_.Backward(dlogprobs); }
  TokenScores ScoreAndBackward(const PackedBatch& batch,
                               std::span<const float> dlogprobs) override {
    AGON_CHECK(dlogprobs.size() == batch.targets.size(), "one derivative per scored token");
    return transformer_.ScoreAndBackward(batch, dlogprobs);
  }

  std::vector<float> Values(const PackedBatch& batch) override {
    AGON_CHECK(config_.has_score_head, "values need a score head");
    return transformer_.Values(batch);
  }
  void BackwardValues(std::span<const float> dvalues) override {
    transformer_.BackwardValues(dvalues);
  }

  void Join(Communicator& ranks) override {
    CheckArithmetic(ranks, ArithmeticName(compute(), device_));
    UseRanks(ranks);
  }
  void UseRanks(Communicator& ranks) { ranks_ = &ranks; }
  ExchangeReport DescribeExchange() const override {
    const Exchange* exchange = optimizer_ ? optimizer_->exchange() : nullptr;
    return exchange ? ExchangeReport{exchange->Name(), exchange->Shortfall()} : ExchangeReport{};
  }

  void ConfigureOptimizer(const OptimizerConfig& config) override {
    optimizer_.reset();  // its memory is the next one's
    optimizer_ = std::make_unique<Optimizer>(config, layout_, *backend_, *ranks_);
    if (planned_shards_ > 0) optimizer_->Reserve(planned_shards_);
  }

  void AddShard(bool is_last) override {
    AGON_CHECK(optimizer_, "ConfigureOptimizer comes first");
    FinishGradients();
    optimizer_->AddShard(gradients_, is_last);
    if (!is_last) transformer_.GradientsZeroed();
  }

  float OptimizerStep(float learning_rate) override {
    AGON_CHECK(optimizer_, "ConfigureOptimizer comes first");
    FinishGradients();
    transformer_.GradientsZeroed();  // by a step, and by one that throws
    const float norm = optimizer_->Step(learning_rate, weights_, gradients_);
    transformer_.PackWeights();
    ++version_;
    return norm;
  }

  void SaveOptimizer(const fs::path& file) const override {
    AGON_CHECK(optimizer_, "ConfigureOptimizer comes first");
    optimizer_->Save(file);
  }
  void LoadOptimizer(const fs::path& file) override {
    AGON_CHECK(optimizer_, "ConfigureOptimizer comes first");
    optimizer_->Load(file);
  }

  std::span<float> Weight(std::string_view name) override {
    const TensorSpec* t = layout_.Find(name);
    return t ? Slice(weights_.Host(), *t) : std::span<float>{};
  }
  std::span<const float> Gradient(std::string_view name) override {
    FinishGradients();
    const TensorSpec* t = layout_.Find(name);
    return t ? Slice(gradients_.Host(), *t) : std::span<float>{};
  }
  std::vector<std::string> TensorNames() const override {
    std::vector<std::string> names;
    for (const TensorSpec& t : layout_.tensors()) names.push_back(t.name);
    return names;
  }
  void WeightsChanged() override {
    weights_.WriteBack();
    transformer_.PackWeights();
  }

  std::vector<MemoryUse> Memory() const override {
    std::vector<MemoryUse> uses;
    if (backend_->SharesHostMemory()) {
      uses = {weights_.Use(), gradients_.Use(), generator_.Memory()};
      for (const auto& list :
           {optimizer_ ? optimizer_->Memory() : std::vector<MemoryUse>(), transformer_.Memory()}) {
        uses.insert(uses.end(), list.begin(), list.end());
      }
    }
    const auto of_backend = backend_->Memory();
    uses.insert(uses.end(), of_backend.begin(), of_backend.end());
    std::erase_if(uses, [](const MemoryUse& use) { return use.bytes == 0; });
    return uses;
  }

 private:
  static std::span<float> Slice(std::span<float> arena, const TensorSpec& t) {
    return arena.subspan(static_cast<size_t>(t.offset), static_cast<size_t>(t.size));
  }

  void Reserve(const Workload& workload) {
    const int context = workload.context_tokens > 0
                            ? std::min(workload.context_tokens, config_.max_positions)
                            : config_.max_positions;
    OpLimits limits{.learns = workload.learns(), .num_weights = layout_.size()};
    if (limits.learns) gradients_.data();
    // A sequence is never cut.
    if (workload.batch_tokens > 0) limits.batch_rows = std::max(workload.batch_tokens, context);
    limits.head_rows = limits.batch_rows;
    // The host's grows where nothing was planned.
    if (limits.batch_rows > 0 || !backend_->SharesHostMemory()) {
      transformer_.ReserveBatch(limits.batch_rows, workload.prefix_sharers, workload.num_top,
                                limits.learns);
    }
    // The host's cache of what only decodes grows, too: a whole model's context may be long.
    if (workload.decoded_rows > 0 && (limits.learns || !backend_->SharesHostMemory())) {
      generator_.Reserve(workload.decoded_rows, context, workload.num_top);
      limits.head_rows = std::max(
          limits.head_rows, Generator::NumSlots(workload.decoded_rows, backend_->StepsAtOnce()));
    }
    backend_->Reserve(limits);
  }

  void FinishGradients() {
    transformer_.FinishGradients();
    gradients_.Changed();
  }

  ModelConfig config_;
  WeightLayout layout_;
  Device device_;
  std::unique_ptr<Backend> backend_;
  DeviceFloats weights_, gradients_;
  Transformer transformer_;
  Generator generator_;
  std::unique_ptr<Communicator> alone_ = NewSoloCommunicator();
  Communicator* ranks_ = alone_.get();
  std::unique_ptr<Optimizer> optimizer_;
  const int planned_shards_;  // 0: memory grows; else all was taken at the start
  uint64_t version_ = 0;
};

// Without weights.
std::unique_ptr<TransformerPolicy> Make(const ModelConfig& config, ComputeType compute,
                                        const Device& device,
                                        const std::optional<Workload>& workload) {
  Room room;
  if (workload && device.kind != Device::Kind::kCpu) {
    room = {Room::Kind::kPlanned, Policy::PlanMemory(config, compute, device, *workload),
            device.arena};
  }
  return std::make_unique<TransformerPolicy>(config, compute, device, room, workload);
}

}  // namespace

void Workload::Include(const Workload& other) {
  batch_tokens = std::max(batch_tokens, other.batch_tokens);
  prefix_sharers = std::max(prefix_sharers, other.prefix_sharers);
  optimizers.insert(optimizers.end(), other.optimizers.begin(), other.optimizers.end());
  const bool is_whole = context_tokens == 0 || other.context_tokens == 0;
  context_tokens = is_whole ? 0 : std::max(context_tokens, other.context_tokens);
  decoded_rows = std::max(decoded_rows, other.decoded_rows);
  num_top = std::max(num_top, other.num_top);
  if (other.num_ranks > num_ranks) rank = other.rank, num_ranks = other.num_ranks;
  num_shards = std::max(num_shards, other.num_shards);
  recompute = std::max(recompute, other.recompute);
}

void Policy::SetEosTokenId(int32_t) { AGON_CHECK(false, "this policy can't be saved"); }
std::vector<float> Policy::Values(const PackedBatch&) {
  AGON_CHECK(false, "this policy has no score head");
  return {};
}
void Policy::BackwardValues(std::span<const float>) {
  AGON_CHECK(false, "this policy has no score head");
}

std::unique_ptr<Policy> Policy::Create(const ModelConfig& config, ComputeType compute,
                                       uint64_t seed, const Device& device,
                                       const std::optional<Workload>& workload) {
  auto policy = Make(config, compute, device, workload);
  policy->Read([&](const WeightLayout& layout, std::span<float> weights) {
    InitialiseWeights(config, layout, seed, weights);
  });
  return policy;
}

ModelConfig Policy::ConfigOf(const fs::path& dir, Head head) {
  ModelConfig config = ReadConfig(dir);
  if (config.has_score_head && head == Head::kLanguage) {
    throw Error(ErrorKind::kUsage, "is a reward model: it scores texts and can't write any",
                dir.string(), "name a language model, or use this one as a judge: reward:DIR");
  }
  config.has_score_head = head == Head::kScore;
  return config;
}

std::vector<MemoryUse> Policy::PlanMemory(const ModelConfig& config, ComputeType compute,
                                          const Device& device, const Workload& workload) {
  if (device.kind == Device::Kind::kCpu) return {};
  RanksOnPaper ranks(workload.rank, workload.num_ranks);
  TransformerPolicy on_paper(config, compute, device, {.kind = Room::Kind::kPaper}, workload);
  on_paper.UseRanks(ranks);
  for (const OptimizerConfig& optimizer : workload.optimizers) {
    on_paper.ConfigureOptimizer(optimizer);
  }
  return on_paper.Memory();
}

std::unique_ptr<Policy> Policy::Load(const fs::path& dir, ComputeType compute, const Device& device,
                                     Head head, const std::optional<Workload>& workload,
                                     int max_positions) {
  ModelConfig config = ConfigOf(dir, head);
  if (max_positions > 0) config.max_positions = std::min(config.max_positions, max_positions);
  const bool is_reward_model = ReadConfig(dir).has_score_head;
  const SafetensorsFile file(dir / "model.safetensors");
  auto policy = Make(config, compute, device, workload);
  policy->Read([&](const WeightLayout& layout, std::span<float> weights) {
    for (const TensorSpec& t : layout.tensors()) {
      if (t.offset == layout.score() && !is_reward_model) continue;  // zeros
      file.Read(t.name, t.shape,
                weights.subspan(static_cast<size_t>(t.offset), static_cast<size_t>(t.size)));
    }
  });
  const std::string version = file.Metadata("policy_version");
  if (!version.empty() && version.size() < 19 &&
      version.find_first_not_of("0123456789") == std::string::npos) {
    policy->set_version(std::stoull(version));
  }
  return policy;
}

}  // namespace agon::policy
