// The CUDA backend: the kernels of kernels.h and cuBLASLt's products behind policy/backend.h, on
// one GPU and one stream.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/backend.h"
#include "policy/cuda/gpu.h"
#include "policy/cuda/graphs.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/matmul.h"
#include "policy/cuda/nccl_exchange.h"
#include "policy/cuda/space.h"
#include "policy/cuda/staging.h"

namespace agon::policy::cuda {

// Rows of a weight matrix in memory: those beyond `out` are zeros.
inline int PaddedOut(int out) { return (out + 31) / 32 * 32; }

struct CudaLinear final : PackedLinear {
  CudaLinear(Space& space, int rows, int columns)
      : out(rows), in(columns), out_padded(PaddedOut(rows)), memory(space, "packed weights") {}

  int out, in, out_padded;
  CudaMemory memory;
  char* weight = nullptr;  // T (out_padded, in)
};

// fp32 logits of the rows that the head takes at once: much of what its gradient moves doesn't
// depend on their number.
inline constexpr int64_t kLogitBytes = 256 << 20;
inline constexpr int kFewestChunkRows = 16;  // whatever their logits take

class CudaBackend final : public Backend {
 public:
  // Throws as Gpu does.
  CudaBackend(const ModelConfig& config, ComputeType compute, int gpu, const Room& room = {},
              int64_t logit_bytes = kLogitBytes);

  ComputeType compute() const override { return compute_; }
  int ElementBytes() const override { return compute_ == ComputeType::kBfloat16 ? 2 : 4; }
  std::string Name() const override { return gpu_.name(); }
  std::unique_ptr<DeviceMemory> NewMemory(std::string purpose) override {
    return std::make_unique<CudaMemory>(*space_, std::move(purpose));
  }
  void Reserve(const OpLimits& limits) override;
  bool SharesHostMemory() const override { return false; }
  void Zero(void* p, size_t bytes) override;
  void Copy(void* to, const void* from, size_t bytes) override;
  void Upload(void* to, const void* host, size_t bytes) override;
  void Download(void* host, const void* from, size_t bytes) override;

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
  void ReserveSegments(PackedSegments& packed, int rows, int sharers) override;
  void SetSegments(PackedSegments& packed, std::span<const PackedBatch::Segment> segments) override;
  void Attention(const PackedSegments& segments, const void* qk, const void* qkv, void* out,
                 float* lse) override;
  void AttentionGradient(const PackedSegments& segments, const void* qk, const void* qkv,
                         const void* out, const float* lse, const void* dout, int rows, float* dqk,
                         float* dv) override;

  std::unique_ptr<KvCache> NewKvCache(int num_slots, int capacity) override;
  void CopySlot(KvCache& cache, int from, int to, int num_tokens) override;
  std::unique_ptr<SharedPrefixes> NewPrefixes(const KvCache& cache) override;
  bool SetPrefixes(SharedPrefixes& prefixes, std::span<const SharedPrefix> shared) override;
  void AttentionDecode(const KvCache& cache, int layer, const void* qk, const int32_t* slots,
                       const int32_t* positions, int rows, const SharedPrefixes* prefixes,
                       void* out) override;
  int PaddedRows(int rows) const override { return GraphRows(rows); }
  int StepsAtOnce() const override { return 8; }
  void AdvanceRows(const RowTable& table, int step) override {
    cuda::AdvanceRows(table, step, gpu_.stream());
  }
  void Replay(int key, const std::function<void()>& body) override { graphs_.Run(key, body); }

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
                 const AdamW& args) override {
    cuda::StepAdamW(w, g, m, v, ranges, args, gpu_.stream());
  }
  void Combine(float a, const float* x, float b, const float* y, int64_t count,
               float* out) override;
  void Divide(float* x, int64_t count, double divisor) override;
  void Transpose(const float* x, int rows, int cols, float* out) override;

  std::unique_ptr<Exchange> NewExchange(Communicator& ranks, std::string* shortfall) override {
    if (space_->kind() == Room::Kind::kPaper) return nullptr;
    return NewNcclExchange(gpu_, ranks, shortfall);
  }

  std::vector<MemoryUse> Memory() const override { return space_->Uses(); }

 private:
  // body.operator()<T>() for the compute type.
  template <typename Body>
  void ForType(const Body& body) const {
    if (compute_ == ComputeType::kBfloat16) {
      body.template operator()<Bf16>();
    } else {
      body.template operator()<float>();
    }
  }
  void ReserveTrials(const OpLimits& limits);
  MatmulShape Product(MatmulShape::Kind kind, const CudaLinear& w) const;
  void InputGradient(const CudaLinear& w, const void* dy, int rows, void* dx, int dx_stride,
                     bool is_float);
  int ChunkRows(const CudaLinear& head) const;
  // Logits fp32 (rows, out_padded), valid until the next call.
  float* Logits(const CudaLinear& head, const char* hidden, int rows);
  void SetKeys(const PackedSegments& segments);
  void UploadAngles();
  template <typename T>
  T* Partials(int64_t count) {
    return reinterpret_cast<T*>(partials_.Get(static_cast<size_t>(count) * sizeof(T)));
  }

  ModelConfig config_;
  ComputeType compute_;
  int64_t logit_bytes_;
  HeadShape shape_;
  Gpu gpu_;
  std::unique_ptr<Space> space_;
  Staging staging_{gpu_};
  Graphs graphs_;
  Matmul matmul_{gpu_, *space_};
  CudaMemory angles_, partials_, delta_, logits_, dlogits_;
  float *cosine_ = nullptr, *sine_ = nullptr;  // (max_positions, head_dim / 2)
};

}  // namespace agon::policy::cuda
