// The vocabulary head of the CPU backend: scoring, its gradient, sampling. Logits exist
// only for a few rows at a time, in a thread's scratch.
#include <vector>

#include "policy/cpu/cpu_backend.h"
#include "policy/cpu/parallel.h"

namespace agon::policy::cpu {
namespace {

constexpr int kRowsPerItem = kHeadRowsPerItem;
// Rows whose logit gradients are kept at once for the weight gradient, at most this many
// bytes and a multiple of kRowsPerItem.
constexpr int64_t kLogitGradientBytes = 8 << 20;

}  // namespace

int CpuBackend::HeadBlockRows(int64_t vocab) const {
  const int64_t fit =
      kLogitGradientBytes / (vocab * kernels_.element_bytes) / kRowsPerItem * kRowsPerItem;
  return static_cast<int>(std::max<int64_t>(fit, 4 * kRowsPerItem));
}

void CpuBackend::ScoreTokens(const PackedLinear& head, const void* hidden, int rows,
                             const int32_t* targets, float temperature, float* logprobs,
                             float* entropies, const float* dlogprobs, float* dhidden, float* dw) {
  const auto& w = static_cast<const CpuLinear&>(head);
  const int64_t v = w.out_padded, element = kernels_.element_bytes;
  const bool with_gradient = dlogprobs != nullptr;
  const int block = HeadBlockRows(v);
  const float inv_temperature = 1.0f / temperature;
  const char* x = static_cast<const char*>(hidden);
  ReserveThreadScratch(kRowsPerItem * static_cast<size_t>(v) * sizeof(float));

  for (int block_begin = 0; block_begin < rows; block_begin += block) {
    const int block_rows = std::min(block, rows - block_begin);
    char* dlogits =
        with_gradient ? dlogits_.Get(static_cast<size_t>(block_rows * v * element)) : nullptr;
    ParallelItems((block_rows + kRowsPerItem - 1) / kRowsPerItem, [&](int64_t item) {
      const int begin = block_begin + static_cast<int>(item) * kRowsPerItem;
      const int count = std::min(kRowsPerItem, block_begin + block_rows - begin);
      float* logits = reinterpret_cast<float*>(ThreadScratch());
      kernels_.gemm(x + begin * w.in_padded * element, w.in_padded, 0, count, w.in_padded,
                    w.forward, 0, w.out_padded / 32,
                    {.kind = Epilogue::kStoreFloat, .out = logits, .stride = v});
      char* d = with_gradient ? dlogits + (begin - block_begin) * v * element : nullptr;
      for (int i = 0; i < count; ++i) {
        kernels_.score_row(logits + i * v, w.out, v, inv_temperature, targets[begin + i],
                           with_gradient ? dlogprobs[begin + i] : 0.0f, logprobs + begin + i,
                           entropies + begin + i, d ? d + i * v * element : nullptr);
      }
      if (with_gradient) {
        kernels_.gemm(d, v, 0, count, static_cast<int>(v), w.backward, 0, w.in_padded / 32,
                      {.kind = Epilogue::kStoreFloat,
                       .out = dhidden + static_cast<int64_t>(begin) * w.in_padded,
                       .stride = w.in_padded});
      }
    });
    if (with_gradient) {
      LinearWeightGradient(head, dlogits, x + block_begin * w.in_padded * element, block_rows, dw);
    }
  }
}

void CpuBackend::SampleTokens(const PackedLinear& head, const void* hidden, int rows,
                              const Sampling& sampling, const float* uniforms, int32_t* tokens,
                              float* logprobs) {
  const auto& w = static_cast<const CpuLinear&>(head);
  const int64_t v = w.out_padded, element = kernels_.element_bytes;
  const float inv_temperature = sampling.temperature > 0 ? 1.0f / sampling.temperature : 0.0f;
  ReserveThreadScratch((kRowsPerItem + 1) * static_cast<size_t>(v) * sizeof(float));
  ParallelItems((rows + kRowsPerItem - 1) / kRowsPerItem, [&](int64_t item) {
    const int begin = static_cast<int>(item) * kRowsPerItem;
    const int count = std::min(kRowsPerItem, rows - begin);
    float* logits = reinterpret_cast<float*>(ThreadScratch());
    kernels_.gemm(static_cast<const char*>(hidden) + begin * w.in_padded * element, w.in_padded, 0,
                  count, w.in_padded, w.forward, 0, w.out_padded / 32,
                  {.kind = Epilogue::kStoreFloat, .out = logits, .stride = v});
    for (int i = 0; i < count; ++i) {
      tokens[begin + i] = kernels_.sample_row(logits + i * v, logits + kRowsPerItem * v, w.out,
                                              inv_temperature, sampling.top_k, sampling.top_p,
                                              uniforms[begin + i], logprobs + begin + i);
    }
  });
}

void CpuBackend::TopTokens(const PackedLinear& head, const void* hidden, int rows,
                           float temperature, int num_top, TokenLogprob* top) {
  const auto& w = static_cast<const CpuLinear&>(head);
  const int64_t v = w.out_padded, element = kernels_.element_bytes;
  ReserveThreadScratch((kRowsPerItem + 1) * static_cast<size_t>(v) * sizeof(float));
  ParallelItems((rows + kRowsPerItem - 1) / kRowsPerItem, [&](int64_t item) {
    const int begin = static_cast<int>(item) * kRowsPerItem;
    const int count = std::min(kRowsPerItem, rows - begin);
    float* logits = reinterpret_cast<float*>(ThreadScratch());
    kernels_.gemm(static_cast<const char*>(hidden) + begin * w.in_padded * element, w.in_padded, 0,
                  count, w.in_padded, w.forward, 0, w.out_padded / 32,
                  {.kind = Epilogue::kStoreFloat, .out = logits, .stride = v});
    std::vector<int32_t> tokens(static_cast<size_t>(num_top));
    std::vector<float> logprobs(static_cast<size_t>(num_top));
    for (int i = 0; i < count; ++i) {
      kernels_.top_row(logits + i * v, logits + kRowsPerItem * v, w.out, 1.0f / temperature,
                       num_top, tokens.data(), logprobs.data());
      TokenLogprob* row = top + static_cast<int64_t>(begin + i) * num_top;
      for (size_t k = 0; k < tokens.size(); ++k) row[k] = {tokens[k], logprobs[k]};
    }
  });
}

}  // namespace agon::policy::cpu
