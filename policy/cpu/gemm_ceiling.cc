// What the CPU's products reach where nothing else holds them up.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "policy/cpu/cpu_backend.h"

namespace agon::policy {

namespace {

double MeasureProduct(ComputeType compute) {
  ModelConfig config;
  config.num_heads = config.num_kv_heads = 1;
  config.head_dim = 32;
  config.max_positions = 1;
  const auto backend = NewCpuBackend(config, compute);
  constexpr int kRows = 1024, kOut = 1024, kIn = 512;
  constexpr int kRuns = 20, kFewestRuns = 3;
  constexpr double kEnoughSeconds = 0.2;
  const auto linear = backend->NewLinear(kOut, kIn, false);
  backend->SetLinear(*linear, std::vector<float>(size_t{kOut} * kIn, 0.01f).data(), nullptr);
  std::vector<float> x(size_t{kRows} * kIn, 0.5f), y(size_t{kRows} * kOut);
  std::vector<float> rounded(x.size());
  backend->Round(x.data(), static_cast<int64_t>(x.size()), rounded.data());
  double best_seconds = 1e9, all_seconds = 0;
  for (int run = 0; run < kRuns && (run < kFewestRuns || all_seconds < kEnoughSeconds); ++run) {
    const auto start = std::chrono::steady_clock::now();
    backend->Linear(*linear, rounded.data(), kRows, y.data());
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    all_seconds += taken.count();
    if (run > 0) best_seconds = std::min(best_seconds, taken.count());
  }
  return 2.0 * kRows * kOut * kIn / best_seconds * 1e-9;
}

}  // namespace

double MeasureGemmCeiling(ComputeType compute) {
  static std::mutex mutex;
  static std::map<std::pair<ComputeType, int>, double> measured;  // by type and threads
  const std::lock_guard lock(mutex);
  double& gflops = measured[{compute, omp_get_max_threads()}];
  if (gflops == 0) gflops = MeasureProduct(compute);
  return gflops;
}

}  // namespace agon::policy
