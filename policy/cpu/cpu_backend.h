// The CPU backend: deals the kernels' ranges to threads. Private to policy/cpu.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "policy/backend.h"
#include "policy/cpu/kernels.h"

namespace agon::policy::cpu {

inline int64_t RoundUp(int64_t x) { return (x + 31) / 32 * 32; }

// Rows of the vocabulary's head that one item of work computes.
inline constexpr int kHeadRowsPerItem = 24;

inline constexpr size_t kHugePageBytes = size_t{1} << 21;

// Anonymous pages of the host.
class Scratch final : public DeviceMemory {
 public:
  explicit Scratch(std::string purpose) : purpose_(std::move(purpose)) {}
  ~Scratch() override;
  Scratch(Scratch&&) noexcept;
  Scratch(const Scratch&) = delete;
  char* Get(size_t bytes) override { return Take(bytes, false); }
  // The same, of which only some places will be touched: the others never cost anything.
  char* GetSparse(size_t bytes) { return Take(bytes, true); }
  MemoryUse Use() const override { return {purpose_, static_cast<int64_t>(bytes_)}; }

 private:
  char* Take(size_t bytes, bool is_sparse);

  std::string purpose_;
  char* data_ = nullptr;
  size_t bytes_ = 0;
};

struct CpuLinear final : PackedLinear {
  // Counts its bytes in `all_bytes`, which outlives it.
  explicit CpuLinear(int64_t& all_bytes) : all_bytes(all_bytes) {}
  ~CpuLinear() override { all_bytes -= storage.Use().bytes; }

  int64_t& all_bytes;
  int out, in, out_padded, in_padded, glu_half;
  Scratch storage{"packed weights"};
  char *forward, *backward;
};

// The machine's best for `compute`. `bf16`: those for bf16, null where the CPU has no AVX512_BF16;
// throws kUnsupported if they are asked for.
const KernelTable& ChooseKernels(ComputeType compute, const KernelTable* bf16);

class CpuBackend final : public Backend {
 public:
  CpuBackend(const ModelConfig& config, ComputeType compute, const KernelTable& kernels);

  ComputeType compute() const override { return compute_; }
  int ElementBytes() const override { return kernels_.element_bytes; }
  std::string Name() const override { return kernels_.isa; }
  std::unique_ptr<DeviceMemory> NewMemory(std::string purpose) override {
    return std::make_unique<Scratch>(std::move(purpose));
  }
  void Reserve(const OpLimits& limits) override;
  bool SharesHostMemory() const override { return true; }
  void Zero(void* p, size_t bytes) override;
  void Copy(void* to, const void* from, size_t bytes) override;
  void Upload(void* to, const void* host, size_t bytes) override { Copy(to, host, bytes); }
  void Download(void* host, const void* from, size_t bytes) override { Copy(host, from, bytes); }

  std::unique_ptr<PackedLinear> NewLinear(int out, int in, bool gated) override;
  void SetLinears(std::span<const LinearWeight> weights) override;

  void Linear(const PackedLinear& w, const void* x, int rows, void* y) override;
  void LinearAdd(const PackedLinear& w, const void* x, int rows, float* y) override;
  void LinearSwiGlu(const PackedLinear& w, const void* x, int rows, void* gate_up,
                    void* activation) override;
  void LinearInputGradient(const PackedLinear& w, const void* dy, int rows, float* dx) override;
  void LinearInputGradientRounded(const PackedLinear& w, const void* dy, int rows,
                                  void* dx) override;
  void LinearSwiGluGradient(const PackedLinear& down, const void* dy, int rows, const void* gate_up,
                            void* dgate_up) override;
  void LinearWeightGradient(const PackedLinear& w, const void* dy, const void* x, int rows,
                            float* dw) override;
  void UnfoldGains(std::span<const FoldedGain> gains, int c) override;

  void Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x) override;
  void EmbeddingGradient(const float* dx, const int32_t* tokens, int rows, int c,
                         float* dtable) override;
  void RmsNorm(const float* x, int rows, int c, float epsilon, void* xhat, float* rstd) override;
  void RmsNormGradient(const float* dxhat, const void* xhat, const float* rstd, int rows, int c,
                       float* dx, void* dx_rounded) override;
  void Round(const float* x, int64_t count, void* rounded) override;
  void GatherRows(const void* x, const int32_t* rows, int count, int c, void* out) override;
  void ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx) override;

  void QkNormRope(const void* qkv, const int32_t* positions, int rows, const float* q_gain,
                  const float* k_gain, void* qk, const KvPlaces& kept) override;
  void QkNormRopeGradient(const void* qkv, const int32_t* positions, int rows, const float* q_gain,
                          const float* k_gain, const float* dqk, const float* dv, void* dqkv,
                          float* dq_gain, float* dk_gain) override;
  std::unique_ptr<PackedSegments> NewSegments() override;
  void SetSegments(PackedSegments& packed, std::span<const PackedBatch::Segment> segments) override;
  void Attention(const PackedSegments& segments, const void* qk, const void* qkv, void* out,
                 float* lse) override;
  void AttentionGradient(const PackedSegments& segments, const void* qk, const void* qkv,
                         const void* out, const float* lse, const void* dout, int rows, float* dqk,
                         float* dv) override;

  std::unique_ptr<KvCache> NewKvCache(int num_slots, int capacity) override;
  void CopySlot(KvCache& cache, int from, int to, int num_tokens) override;
  void AttentionDecode(const KvCache& cache, int layer, const void* qk, const int32_t* slots,
                       const int32_t* positions, int rows, const SharedPrefixes* /*prefixes*/,
                       void* out) override;
  void AdvanceRows(const RowTable& table, int step) override;

  void ScoreTokens(const PackedLinear& head, const void* hidden, int rows, const int32_t* targets,
                   float temperature, float* logprobs, float* entropies, const float* dlogprobs,
                   float* dhidden, float* dw) override;
  void SampleTokens(const PackedLinear& head, const void* hidden, int rows,
                    const Sampling& sampling, const float* uniforms, int32_t* tokens,
                    float* logprobs) override;
  void TopTokens(const PackedLinear& head, const void* hidden, int rows, float temperature,
                 int num_top, TokenLogprob* top) override;

  void SumsOfSquares(const float* x, int64_t count, double* sums) override;
  void StepAdamW(float* w, float* g, float* m, float* v, std::span<const AdamWRange> ranges,
                 const AdamW& args) override;
  void Combine(float a, const float* x, float b, const float* y, int64_t count,
               float* out) override;
  void Divide(float* x, int64_t count, double divisor) override;
  void Transpose(const float* x, int rows, int cols, float* out) override;

  std::vector<MemoryUse> Memory() const override;

 private:
  void Product(const char* panels, int k, int num_panels, const void* a, int rows,
               const EpilogueArgs& args);
  // Gives every thread scratch of `bytes` before a loop, so that memory doesn't depend on
  // which threads took part; inside it ThreadScratch is this thread's.
  void ReserveThreadScratch(size_t bytes);
  char* ThreadScratch() const;
  // Rows whose logit gradients are kept at once.
  int HeadBlockRows(int64_t vocab) const;
  // Of one panel of 32 columns, packed for the product of a weight's gradient.
  size_t PanelBytes(int rows) const;
  size_t QkPartialBytes(int rows) const;

  ModelConfig config_;
  ComputeType compute_;
  const KernelTable& kernels_;
  AttentionShape shape_;
  std::vector<float> cosine_, sine_;  // (max_positions, head_dim / 2)
  std::vector<Scratch> thread_scratch_;
  std::vector<char*> thread_scratch_data_;  // of thread_scratch_
  Scratch dy_panels_{"gradient panels"}, x_panels_{"gradient panels"};
  Scratch rounded_{"rounded weights"};
  Scratch dlogits_{"logit gradients"};
  Scratch partials_{"partial sums"};
  int64_t packed_weight_bytes_ = 0, kv_cache_bytes_ = 0;
};

}  // namespace agon::policy::cpu
