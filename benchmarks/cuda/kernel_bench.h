// What the families of kernels share when they are timed: shapes and made-up inputs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/cuda/kernel_clock.h"
#include "core/rng.h"
#include "policy/cuda/kernels.h"
#include "policy/policy.h"

namespace agon::benchmarks {

using policy::cuda::Bf16;

struct Options {
  std::string preset = "base";
  int vocab_size = 32768, tokens = 8192, length = 1024, rows = 1024, runs = 20;
};

struct Bench {
  explicit Bench(const Options& options)
      : o(options),
        model(policy::PresetConfig(o.preset, o.vocab_size, o.length)),
        heads{model.num_heads, model.num_kv_heads, model.head_dim},
        c(model.hidden_size),
        f(model.intermediate_size),
        h(model.num_heads * model.head_dim),
        kv(model.num_kv_heads * model.head_dim) {}

  const Options o;
  const policy::ModelConfig model;
  const policy::cuda::HeadShape heads;
  const int c, f, h, kv;  // widths: of a row, SwiGLU, all queries, all keys

  static constexpr double b = sizeof(Bf16);
};

// Numbers as activations are, not zeros: a GPU's clock depends on what it multiplies.
inline std::vector<float> Normals() {
  static const std::vector<float> normals = [] {
    Rng rng({.run_seed = 1, .stream = RngStream::kTest});
    std::vector<float> x(65521);  // a prime: rows differ
    for (float& v : x) v = static_cast<float>(rng.Normal());
    return x;
  }();
  return normals;
}
inline Array<float> Floats(int64_t count) { return {count, Normals()}; }
Array<Bf16> Halves(int64_t count);
Array<int32_t> Ids(int64_t count, int limit);

inline std::string Times(int64_t a, int64_t b) {
  return std::to_string(a) + " x " + std::to_string(b);
}

void TimeRows(const Bench& bench, KernelClock& clock);
void TimeProducts(const Bench& bench, KernelClock& clock);
void TimeAttention(const Bench& bench, KernelClock& clock);
void TimeDecoding(const Bench& bench, KernelClock& clock);
void TimeHead(const Bench& bench, KernelClock& clock);
void TimeOptimizer(const Bench& bench, KernelClock& clock);

}  // namespace agon::benchmarks
