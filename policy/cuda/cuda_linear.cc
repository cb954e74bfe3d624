// Linear layers and the vocabulary head of the CUDA backend. Logits exist for a chunk of rows at
// a time.
#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "core/error.h"
#include "policy/cuda/cuda_backend.h"

namespace agon::policy::cuda {
namespace {

using Kind = MatmulShape::Kind;

const CudaLinear& Cast(const PackedLinear& linear) {
  return static_cast<const CudaLinear&>(linear);
}

}  // namespace

void CudaBackend::ReserveTrials(const OpLimits& limits) {
  const bool learns = limits.learns;
  const int c = config_.hidden_size, f = config_.intermediate_size;
  const int heads = shape_.num_heads * shape_.head_dim;
  const std::pair<int, int> layers[] = {
      {heads + 2 * shape_.num_kv_heads * shape_.head_dim, c}, {c, heads}, {2 * f, c}, {c, f}};
  std::vector<MatmulShape> shapes;
  const auto add = [&](int out, int in, std::initializer_list<Kind> kinds) {
    for (const Kind kind : kinds) {
      shapes.push_back({kind, out, in, out, in, compute_ == ComputeType::kBfloat16, true, true});
    }
  };
  const auto add_layer = [&](int out, int in) {
    add(out, in, {Kind::kForward});
    if (learns) add(out, in, {Kind::kInputGradient, Kind::kWeightGradient});
  };
  add_layer(PaddedOut(config_.vocab_size), c);
  for (const auto& [out, in] : layers) {
    add_layer(out, in);
    // Muon multiplies by a matrix's wide form.
    if (learns) add(std::min(out, in), std::max(out, in), {Kind::kForward, Kind::kInputGradient});
  }
  matmul_.Reserve(shapes, std::max(limits.batch_rows, limits.head_rows));
}

MatmulShape CudaBackend::Product(Kind kind, const CudaLinear& w) const {
  return {.kind = kind,
          .out = w.out_padded,
          .in = w.in,
          .dy_stride = w.out_padded,
          .dx_stride = w.in,
          .is_bf16 = compute_ == ComputeType::kBfloat16,
          .is_float_result = false,
          .adds = false};
}

std::unique_ptr<PackedLinear> CudaBackend::NewLinear(int out, int in, bool gated) {
  AGON_CHECK(in % 32 == 0, "layer inputs are multiples of 32");
  AGON_CHECK(!gated || out % 64 == 0, "gated layers are multiples of 64");
  auto linear = std::make_unique<CudaLinear>(*space_, out, in);
  linear->weight = linear->memory.Get(static_cast<size_t>(linear->out_padded) *
                                      static_cast<size_t>(in * ElementBytes()));
  return linear;
}

void CudaBackend::SetLinears(std::span<const LinearWeight> weights) {
  ForType([&]<typename T>() {
    std::vector<WeightToPack<T>> all;
    for (const auto& [linear, weight, input_gain] : weights) {
      const auto& w = Cast(*linear);
      all.push_back(
          {weight, input_gain, reinterpret_cast<T*>(w.weight), w.out, w.in, w.out_padded});
    }
    PackWeights<T>(all, gpu_.stream());
  });
}

void CudaBackend::Linear(const PackedLinear& linear, const void* x, int rows, void* y) {
  const auto& w = Cast(linear);
  matmul_.Run("Linear", Product(Kind::kForward, w), rows, w.weight, x, y);
}

void CudaBackend::LinearAdd(const PackedLinear& linear, const void* x, int rows, float* y) {
  const auto& w = Cast(linear);
  MatmulShape product = Product(Kind::kForward, w);
  product.is_float_result = product.adds = true;
  matmul_.Run("LinearAdd", product, rows, w.weight, x, y);
}

void CudaBackend::LinearSwiGlu(const PackedLinear& linear, const void* x, int rows, void* gate_up,
                               void* activation) {
  Linear(linear, x, rows, gate_up);
  ForType([&]<typename T>() {
    SwiGlu(static_cast<const T*>(gate_up), rows, Cast(linear).out / 2, static_cast<T*>(activation),
           gpu_.stream());
  });
}

void CudaBackend::InputGradient(const CudaLinear& w, const void* dy, int rows, void* dx,
                                int dx_stride, bool is_float) {
  MatmulShape product = Product(Kind::kInputGradient, w);
  product.dx_stride = dx_stride;
  product.is_float_result = is_float;
  matmul_.Run("LinearInputGradient", product, rows, w.weight, dy, dx);
}

void CudaBackend::LinearInputGradient(const PackedLinear& linear, const void* dy, int rows,
                                      float* dx) {
  InputGradient(Cast(linear), dy, rows, dx, Cast(linear).in, true);
}

void CudaBackend::LinearInputGradientRounded(const PackedLinear& linear, const void* dy, int rows,
                                             void* dx) {
  InputGradient(Cast(linear), dy, rows, dx, Cast(linear).in, false);
}

void CudaBackend::LinearSwiGluGradient(const PackedLinear& down, const void* dy, int rows,
                                       const void* gate_up, void* dgate_up) {
  const auto& w = Cast(down);
  // The activation's gradient waits where the gate's will be: no memory of its own.
  InputGradient(w, dy, rows, dgate_up, 2 * w.in, false);
  ForType([&]<typename T>() {
    SwiGluGradient(static_cast<const T*>(gate_up), rows, w.in, static_cast<T*>(dgate_up),
                   gpu_.stream());
  });
}

void CudaBackend::LinearWeightGradient(const PackedLinear& linear, const void* dy, const void* x,
                                       int rows, float* dw) {
  const auto& w = Cast(linear);
  MatmulShape product = Product(Kind::kWeightGradient, w);
  product.out = w.out;  // the result has no padding
  product.is_float_result = product.adds = true;
  matmul_.Run("LinearWeightGradient", product, rows, x, dy, dw);
}

// Depends on the vocabulary alone: so does the order in which the head's gradient is summed.
int CudaBackend::ChunkRows(const CudaLinear& head) const {
  const int64_t rows = logit_bytes_ / (static_cast<int64_t>(head.out_padded) * 4);
  return static_cast<int>(std::max<int64_t>(rows / 16 * 16, kFewestChunkRows));
}

float* CudaBackend::Logits(const CudaLinear& head, const char* hidden, int rows) {
  const size_t row_bytes = static_cast<size_t>(head.out_padded) * sizeof(float);
  auto* logits = reinterpret_cast<float*>(logits_.Get(static_cast<size_t>(rows) * row_bytes));
  MatmulShape product = Product(Kind::kForward, head);
  product.is_float_result = true;
  matmul_.Run("logits", product, rows, head.weight, hidden, logits);
  return logits;
}

void CudaBackend::ScoreTokens(const PackedLinear& head, const void* hidden, int rows,
                              const int32_t* targets, float temperature, float* logprobs,
                              float* entropies, const float* dlogprobs, float* dhidden, float* dw) {
  const auto& w = Cast(head);
  const size_t hidden_bytes = static_cast<size_t>(w.in * ElementBytes());
  const int chunk = ChunkRows(w);
  for (int begin = 0; begin < rows; begin += chunk) {
    const int count = std::min(chunk, rows - begin);
    const char* x = static_cast<const char*>(hidden) + static_cast<size_t>(begin) * hidden_bytes;
    const float* logits = Logits(w, x, count);
    char* dlogits = nullptr;
    if (dlogprobs) {
      dlogits = dlogits_.Get(static_cast<size_t>(count) * static_cast<size_t>(w.out_padded) *
                             static_cast<size_t>(ElementBytes()));
    }
    ForType([&]<typename T>() {
      ScoreLogits(logits, count, w.out, w.out_padded, temperature, targets + begin,
                  logprobs + begin, entropies + begin, dlogprobs ? dlogprobs + begin : nullptr,
                  reinterpret_cast<T*>(dlogits), gpu_.stream());
    });
    if (!dlogprobs) continue;
    InputGradient(w, dlogits, count, dhidden + static_cast<int64_t>(begin) * w.in, w.in, true);
    LinearWeightGradient(head, dlogits, x, count, dw);
  }
}

void CudaBackend::SampleTokens(const PackedLinear& head, const void* hidden, int rows,
                               const Sampling& sampling, const float* uniforms, int32_t* tokens,
                               float* logprobs) {
  const auto& w = Cast(head);
  const size_t hidden_bytes = static_cast<size_t>(w.in * ElementBytes());
  const int chunk = ChunkRows(w);
  for (int begin = 0; begin < rows; begin += chunk) {
    const int count = std::min(chunk, rows - begin);
    const float* logits = Logits(
        w, static_cast<const char*>(hidden) + static_cast<size_t>(begin) * hidden_bytes, count);
    SampleLogits(logits, count, w.out, w.out_padded, sampling.temperature, sampling.top_k,
                 sampling.top_p, uniforms + begin, tokens + begin, logprobs + begin, gpu_.stream());
  }
}

void CudaBackend::TopTokens(const PackedLinear& head, const void* hidden, int rows,
                            float temperature, int num_top, TokenLogprob* top) {
  const auto& w = Cast(head);
  const size_t hidden_bytes = static_cast<size_t>(w.in * ElementBytes());
  const int chunk = ChunkRows(w);
  for (int begin = 0; begin < rows; begin += chunk) {
    const int count = std::min(chunk, rows - begin);
    const float* logits = Logits(
        w, static_cast<const char*>(hidden) + static_cast<size_t>(begin) * hidden_bytes, count);
    TopLogits(logits, count, w.out, w.out_padded, temperature, num_top,
              top + static_cast<int64_t>(begin) * num_top, gpu_.stream());
  }
}

}  // namespace agon::policy::cuda
