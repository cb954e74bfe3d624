// Linear layers of the CPU backend.
#include "core/error.h"
#include "policy/cpu/cpu_backend.h"
#include "policy/cpu/parallel.h"

namespace agon::policy::cpu {
namespace {

const CpuLinear& Cast(const PackedLinear& linear) { return static_cast<const CpuLinear&>(linear); }

}  // namespace

std::unique_ptr<PackedLinear> CpuBackend::NewLinear(int out, int in, bool gated) {
  auto linear = std::make_unique<CpuLinear>(packed_weight_bytes_);
  linear->out = out;
  linear->in = in;
  linear->out_padded = static_cast<int>(RoundUp(out));
  linear->in_padded = static_cast<int>(RoundUp(in));
  linear->glu_half = gated ? out / 2 : 0;
  AGON_CHECK(in % 32 == 0, "layer inputs are multiples of 32");
  AGON_CHECK(!gated || out % 64 == 0, "gated layers are multiples of 64");
  const size_t bytes =
      static_cast<size_t>(linear->out_padded) * linear->in_padded * kernels_.element_bytes;
  linear->forward = linear->storage.Get(2 * bytes);
  linear->backward = linear->forward + bytes;
  packed_weight_bytes_ += linear->storage.Use().bytes;
  return linear;
}

void CpuBackend::SetLinears(std::span<const LinearWeight> weights) {
  for (const LinearWeight& one : weights) {
    const auto& w = Cast(*one.linear);
    // Every layer's rounded rows pass through one scratch: it is only read by PackRows below.
    char* rounded =
        rounded_.Get(static_cast<size_t>(w.out_padded) * w.in_padded * kernels_.element_bytes);
    ParallelRanges(w.out_padded / 32, 1, [&](int64_t begin, int64_t end) {
      kernels_.pack_linear(one.weight, one.input_gain, w.out, w.in, w.glu_half,
                           static_cast<int>(begin), static_cast<int>(end), rounded, w.forward);
    });
    ParallelRanges(w.in_padded / 32, 1, [&](int64_t begin, int64_t end) {
      kernels_.pack_rows(rounded, w.in_padded, w.out_padded, w.in_padded, static_cast<int>(begin),
                         static_cast<int>(end), w.backward);
    });
  }
}

// Deals a product to threads: by rows where there are many, else by panels.
void CpuBackend::Product(const char* panels, int k, int num_panels, const void* a, int rows,
                         const EpilogueArgs& args) {
  const int threads = omp_get_max_threads();
  if (threads == 1 || static_cast<int64_t>(rows) * num_panels < 8) {
    kernels_.gemm(a, k, 0, rows, k, panels, 0, num_panels, args);
  } else if (rows >= 24 * threads) {
    ParallelRanges(rows, 12, [&](int64_t begin, int64_t end) {
      kernels_.gemm(a, k, static_cast<int>(begin), static_cast<int>(end), k, panels, 0, num_panels,
                    args);
    });
  } else {
    ParallelRanges(num_panels, 1, [&](int64_t begin, int64_t end) {
      kernels_.gemm(a, k, 0, rows, k, panels, static_cast<int>(begin), static_cast<int>(end), args);
    });
  }
}

void CpuBackend::Linear(const PackedLinear& linear, const void* x, int rows, void* y) {
  const auto& w = Cast(linear);
  Product(w.forward, w.in_padded, w.out_padded / 32, x, rows,
          {.kind = Epilogue::kStore, .out = y, .stride = w.out_padded});
}

void CpuBackend::LinearAdd(const PackedLinear& linear, const void* x, int rows, float* y) {
  const auto& w = Cast(linear);
  Product(w.forward, w.in_padded, w.out_padded / 32, x, rows,
          {.kind = Epilogue::kAddFloat, .out = y, .stride = w.out_padded});
}

void CpuBackend::LinearSwiGlu(const PackedLinear& linear, const void* x, int rows, void* gate_up,
                              void* activation) {
  const auto& w = Cast(linear);
  Product(w.forward, w.in_padded, w.out_padded / 32, x, rows,
          {.kind = Epilogue::kSwiGlu, .out = gate_up, .stride = w.out_padded, .out2 = activation});
}

void CpuBackend::LinearInputGradient(const PackedLinear& linear, const void* dy, int rows,
                                     float* dx) {
  const auto& w = Cast(linear);
  Product(w.backward, w.out_padded, w.in_padded / 32, dy, rows,
          {.kind = Epilogue::kStoreFloat, .out = dx, .stride = w.in_padded});
}

void CpuBackend::LinearInputGradientRounded(const PackedLinear& linear, const void* dy, int rows,
                                            void* dx) {
  const auto& w = Cast(linear);
  Product(w.backward, w.out_padded, w.in_padded / 32, dy, rows,
          {.kind = Epilogue::kStore, .out = dx, .stride = w.in_padded});
}

void CpuBackend::LinearSwiGluGradient(const PackedLinear& down, const void* dy, int rows,
                                      const void* gate_up, void* dgate_up) {
  const auto& w = Cast(down);
  Product(w.backward, w.out_padded, w.in_padded / 32, dy, rows,
          {.kind = Epilogue::kSwiGluBackward,
           .out = dgate_up,
           .stride = w.in_padded,
           .input = gate_up});
}

void CpuBackend::UnfoldGains(std::span<const FoldedGain> gains, int c) {
  for (const FoldedGain& g : gains) {
    ParallelRanges(c, 32, [&](int64_t begin, int64_t end) {
      kernels_.unfold_gain(g.folded, g.weight, g.gain, g.rows, c, static_cast<int>(begin),
                           static_cast<int>(end), g.adds, g.dweight, g.dgain);
    });
  }
}

size_t CpuBackend::PanelBytes(int rows) const {
  const int pair = 4 / kernels_.element_bytes;
  return static_cast<size_t>((rows + pair - 1) / pair) * 128;
}

void CpuBackend::LinearWeightGradient(const PackedLinear& linear, const void* dy, const void* x,
                                      int rows, float* dw) {
  const auto& w = Cast(linear);
  const size_t panel_bytes = PanelBytes(rows);
  const int dy_count = w.out_padded / 32, x_count = w.in_padded / 32;
  char* dy_panels = dy_panels_.Get(panel_bytes * dy_count);
  char* x_panels = x_panels_.Get(panel_bytes * x_count);
  ParallelRanges(dy_count + x_count, 1, [&](int64_t begin, int64_t end) {
    for (int i = static_cast<int>(begin); i < end; ++i) {
      if (i < dy_count) {
        kernels_.pack_rows(dy, w.out_padded, rows, w.out_padded, i, i + 1, dy_panels);
      } else {
        kernels_.pack_rows(x, w.in_padded, rows, w.in_padded, i - dy_count, i - dy_count + 1,
                           x_panels);
      }
    }
  });
  ParallelItems(dy_count, [&](int64_t panel) {
    kernels_.gemm_transposed(dy_panels, x_panels, rows, static_cast<int>(panel), w.out, w.in,
                             w.glu_half, dw);
  });
}

}  // namespace agon::policy::cpu
