#include "policy/cuda/cuda_backend.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {

CudaBackend::CudaBackend(const ModelConfig& config, ComputeType compute, int gpu, const Room& room,
                         int64_t logit_bytes)
    : config_(config),
      compute_(compute == ComputeType::kAuto ? kBestGpuCompute : compute),
      logit_bytes_(logit_bytes),
      shape_{config.num_heads, config.num_kv_heads, config.head_dim},
      gpu_(gpu),
      space_(NewSpace(gpu_, room)),
      graphs_(gpu_, *space_),
      angles_(*space_, "rotary angles"),
      partials_(*space_, "kernels' scratch"),
      delta_(*space_, "kernels' scratch"),
      logits_(*space_, "logits (scratch)"),
      dlogits_(*space_, "logits (scratch)") {
  UploadAngles();
}

void CudaBackend::UploadAngles() {
  const auto half = static_cast<size_t>(config_.head_dim / 2);
  const size_t count = static_cast<size_t>(config_.max_positions) * half;
  cosine_ = reinterpret_cast<float*>(angles_.Get(2 * count * sizeof(float)));
  sine_ = cosine_ + count;
  if (space_->kind() == Room::Kind::kPaper) return;
  std::vector<float> angles(2 * count);  // cosines, sines
  for (size_t i = 0; i < count; ++i) {
    const double angle = static_cast<double>(i / half) *
                         std::pow(static_cast<double>(config_.rope_theta),
                                  -static_cast<double>(i % half) / static_cast<double>(half));
    angles[i] = static_cast<float>(std::cos(angle));
    angles[count + i] = static_cast<float>(std::sin(angle));
  }
  Upload(cosine_, angles.data(), angles.size() * sizeof(float));
}

// --- memory ----------------------------------------------------------------------------

void CudaBackend::Reserve(const OpLimits& limits) {
  const int padded = PaddedOut(config_.vocab_size);
  // As much as any smaller vocabulary needs, too: a run is planned before its tokenizer is known.
  const int64_t row_bytes = padded * int64_t{sizeof(float)};
  const int64_t logit_bytes =
      std::min(limits.head_rows * row_bytes, std::max(logit_bytes_, kFewestChunkRows * row_bytes));
  logits_.Get(static_cast<size_t>(logit_bytes));
  ReserveTrials(limits);
  if (!limits.learns) return;
  dlogits_.Get(static_cast<size_t>(logit_bytes / int64_t{sizeof(float)} * ElementBytes()));
  delta_.Get(static_cast<size_t>(limits.batch_rows) * static_cast<size_t>(shape_.num_heads) *
             sizeof(float));
  const auto unfolded = [&](int rows) { return UnfoldGainPartials(rows, config_.hidden_size); };
  const int qkv_rows = (config_.num_heads + 2 * config_.num_kv_heads) * config_.head_dim;
  const int64_t of_layer = unfolded(qkv_rows) + unfolded(2 * config_.intermediate_size);
  const int64_t words = std::max({config_.num_layers * of_layer + unfolded(config_.vocab_size),
                                  QkNormRopePartials(limits.batch_rows, shape_),
                                  RowOrderInts(std::max(limits.batch_rows, limits.head_rows))});
  Partials<double>(
      std::max((words + 1) / 2, int64_t{NumBlocks(limits.num_weights, kSquaresPerSum)}));
}

void CudaBackend::Zero(void* p, size_t bytes) {
  if (bytes > 0) Check(cudaMemsetAsync(p, 0, bytes, gpu_.stream()), "Zero");
}

void CudaBackend::Copy(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  Check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, gpu_.stream()), "Copy");
}

void CudaBackend::Upload(void* to, const void* host, size_t bytes) {
  staging_.Upload(to, host, bytes);
}

void CudaBackend::Download(void* host, const void* from, size_t bytes) {
  staging_.Download(host, from, bytes);
}

// --- rows ------------------------------------------------------------------------------

void CudaBackend::Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x) {
  cuda::Embedding(table, tokens, rows, c, x, gpu_.stream());
}

void CudaBackend::EmbeddingGradient(const float* dx, const int32_t* tokens, int rows, int c,
                                    float* dtable) {
  ScatterAddRows(dx, tokens, rows, c, dtable);
}

void CudaBackend::RmsNorm(const float* x, int rows, int c, float epsilon, void* xhat, float* rstd) {
  ForType([&]<typename T>() {
    cuda::RmsNorm(x, rows, c, epsilon, static_cast<T*>(xhat), rstd, gpu_.stream());
  });
}

void CudaBackend::RmsNormGradient(const float* dxhat, const void* xhat, const float* rstd, int rows,
                                  int c, float* dx, void* dx_rounded) {
  ForType([&]<typename T>() {
    cuda::RmsNormGradient(dxhat, static_cast<const T*>(xhat), rstd, rows, c, dx,
                          static_cast<T*>(dx_rounded), gpu_.stream());
  });
}

void CudaBackend::Round(const float* x, int64_t count, void* rounded) {
  ForType([&]<typename T>() { cuda::Round(x, count, static_cast<T*>(rounded), gpu_.stream()); });
}

void CudaBackend::GatherRows(const void* x, const int32_t* rows, int count, int c, void* out) {
  ForType([&]<typename T>() {
    cuda::GatherRows(static_cast<const T*>(x), rows, count, c, static_cast<T*>(out), gpu_.stream());
  });
}

void CudaBackend::ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx) {
  cuda::ScatterAddRows(d, rows, count, c, dx, Partials<int32_t>(RowOrderInts(count)),
                       gpu_.stream());
}

// --- optimizer -------------------------------------------------------------------------

void CudaBackend::UnfoldGains(std::span<const FoldedGain> gains, int c) {
  int64_t floats = 0;
  for (const FoldedGain& gain : gains) floats += UnfoldGainPartials(gain.rows, c);
  cuda::UnfoldGains(gains, c, Partials<float>(floats), gpu_.stream());
}

void CudaBackend::SumsOfSquares(const float* x, int64_t count, double* sums) {
  const auto num_sums = static_cast<int64_t>(NumBlocks(count, kSquaresPerSum));
  double* const on_device = Partials<double>(num_sums);
  cuda::SumsOfSquares(x, count, on_device, gpu_.stream());
  Download(sums, on_device, static_cast<size_t>(num_sums) * sizeof(double));
}

void CudaBackend::Combine(float a, const float* x, float b, const float* y, int64_t count,
                          float* out) {
  cuda::Combine(a, x, b, y, count, out, gpu_.stream());
}

void CudaBackend::Divide(float* x, int64_t count, double divisor) {
  cuda::Divide(x, count, divisor, gpu_.stream());
}

void CudaBackend::Transpose(const float* x, int rows, int cols, float* out) {
  cuda::Transpose(x, rows, cols, out, gpu_.stream());
}

}  // namespace agon::policy::cuda
