// Kernels on the rows of a training micro-batch.
#include <set>

#include "benchmarks/cuda/kernel_bench.h"

namespace agon::benchmarks {

using namespace policy::cuda;

Array<Bf16> Halves(int64_t count) {
  static const std::vector<Bf16> normals = [] {
    std::vector<Bf16> x;
    for (const float v : Normals()) x.push_back(__float2bfloat16_rn(v));
    return x;
  }();
  return {count, normals};
}

Array<int32_t> Ids(int64_t count, int limit) {
  Rng rng({.run_seed = 2, .stream = RngStream::kTest});
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(rng.Below(static_cast<uint64_t>(limit)));
  return {count, ids};
}

namespace {

void TimeNorms(const Bench& s, KernelClock& clock) {
  const int n = s.o.tokens, c = s.c;
  const int64_t size = int64_t{n} * c;
  const auto x = Floats(size), dxhat = Floats(size);
  const auto dx = Halves(size);
  const Array<Bf16> xhat(size);
  const Array<float> rstd(n);
  const std::string shape = Times(n, c);
  clock.Time("RmsNorm", shape, {n * (4 * c + s.b * c + 4)},
             [&] { RmsNorm<Bf16>(x, n, c, 1e-6f, xhat, rstd, nullptr); });
  clock.Time("RmsNormGradient", shape, {n * (12 * c + 2 * s.b * c + 4)},
             [&] { RmsNormGradient<Bf16>(dxhat, xhat, rstd, n, c, x, dx, nullptr); });
  clock.Time("Round", shape, {n * (4 + s.b) * c}, [&] { Round<Bf16>(x, size, xhat, nullptr); });
}

void TimeMoves(const Bench& s, KernelClock& clock) {
  const int n = s.o.tokens, c = s.c, v = s.o.vocab_size;
  const int64_t size = int64_t{n} * c;
  const auto table = Floats(int64_t{v} * c), x = Floats(size);
  const auto hidden = Halves(size);
  const Array<Bf16> gathered(size);
  const Array<int32_t> order(RowOrderInts(n));
  const auto tokens = Ids(n, v), rows = Ids(n, n);
  std::vector<int32_t> targets(static_cast<size_t>(n));
  Check(
      cudaMemcpy(targets.data(), tokens, targets.size() * sizeof(int32_t), cudaMemcpyDeviceToHost),
      "targets");
  const auto distinct = static_cast<double>(std::set(targets.begin(), targets.end()).size());
  const std::string shape = Times(n, c);
  clock.Time("Embedding", shape, {n * (8.0 * c + 4)},
             [&] { Embedding(table, tokens, n, c, x, nullptr); });
  clock.Time("GatherRows", shape, {n * (2 * s.b * c + 4)},
             [&] { GatherRows<Bf16>(hidden, rows, n, c, gathered, nullptr); });
  clock.Time("ScatterAddRows", shape, {4.0 * c * n + 8.0 * c * distinct},
             [&] { ScatterAddRows(x, tokens, n, c, table, order, nullptr); });
}

void TimeHeads(const Bench& s, KernelClock& clock) {
  const int n = s.o.tokens, d = s.model.head_dim;
  const auto qkv = Halves(int64_t{n} * (s.h + 2 * s.kv));
  const auto gain = Floats(d), angles = Floats(int64_t{s.model.max_positions} * d);
  const auto dqk = Floats(int64_t{n} * (s.h + s.kv)), dv = Floats(int64_t{n} * s.kv);
  const auto positions = Ids(n, s.model.max_positions);
  const Array<Bf16> qk(int64_t{n} * (s.h + s.kv)), dqkv(int64_t{n} * (s.h + 2 * s.kv));
  const Array<float> dgain(d), partials(QkNormRopePartials(n, s.heads));
  const std::string shape = Times(n, s.h + 2 * s.kv);
  clock.Time("QkNormRope", shape, {n * (2 * s.b * (s.h + s.kv) + 4 * d)}, [&] {
    QkNormRope<Bf16>(qkv, positions, n, gain, gain, angles, angles, 1e-6f, s.heads, qk, {}, nullptr,
                     nullptr);
  });
  const double bytes = n * (s.b * (2 * s.h + 3 * s.kv) + 4.0 * (s.h + 2 * s.kv) + 5 * d);
  clock.Time("QkNormRopeGradient", shape, {bytes}, [&] {
    QkNormRopeGradient<Bf16>(qkv, positions, n, gain, gain, angles, angles, 1e-6f, s.heads, dqk, dv,
                             dqkv, dgain, dgain, partials, nullptr);
  });
}

void TimeSwiGlu(const Bench& s, KernelClock& clock) {
  const int n = s.o.tokens, f = s.f;
  const auto gate_up = Halves(int64_t{n} * 2 * f), dgate_up = Halves(int64_t{n} * 2 * f);
  const Array<Bf16> activation(int64_t{n} * f);
  clock.Time("SwiGlu", Times(n, f), {3 * s.b * f * n},
             [&] { SwiGlu<Bf16>(gate_up, n, f, activation, nullptr); });
  clock.Time("SwiGluGradient", Times(n, f), {5 * s.b * f * n},
             [&] { SwiGluGradient<Bf16>(gate_up, n, f, dgate_up, nullptr); });
}

}  // namespace

void TimeRows(const Bench& bench, KernelClock& clock) {
  TimeNorms(bench, clock);
  TimeMoves(bench, clock);
  TimeHeads(bench, clock);
  TimeSwiGlu(bench, clock);
}

}  // namespace agon::benchmarks
