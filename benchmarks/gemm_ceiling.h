// What oneDNN's matrix product reaches on this machine: the ceiling to compare with.
#pragma once

#ifdef AGON_HAVE_DNNL
#include <dnnl.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <vector>

namespace agon::benchmarks {

// GFLOP/s of a (2048, 1024) x (1024, 1024) product with packed weights, best of 20, on all
// threads. 0 where the build has no oneDNN.
inline double OneDnnCeiling([[maybe_unused]] bool bf16) {
#ifdef AGON_HAVE_DNNL
  using namespace dnnl;
  constexpr memory::dim kM = 2048, kN = 1024, kK = 1024;
  engine cpu(engine::kind::cpu, 0);
  stream queue(cpu);
  const auto type = bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  const memory::desc a({kM, kK}, type, memory::format_tag::ab);
  const memory::desc w({kK, kN}, type, memory::format_tag::any);
  const memory::desc y({kM, kN}, type, memory::format_tag::ab);
  const matmul::primitive_desc description(matmul::desc(a, w, y), cpu);
  memory a_memory(a, cpu), w_memory(description.weights_desc(), cpu), y_memory(y, cpu);
  // Zero operands would be too easy on the power limit.
  for (memory* m : {&a_memory, &w_memory}) {
    auto* bytes = static_cast<unsigned char*>(m->get_data_handle());
    for (size_t i = 0; i < m->get_desc().get_size(); ++i)
      bytes[i] = static_cast<unsigned char>(i % 61);
  }
  matmul product(description);
  double best = 1e9;
  for (int run = 0; run < 20; ++run) {
    const auto start = std::chrono::steady_clock::now();
    product.execute(
        queue, {{DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, w_memory}, {DNNL_ARG_DST, y_memory}});
    queue.wait();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (run > 0) best = std::min(best, taken.count());
  }
  return 2.0 * kM * kN * kK / best * 1e-9;
#else
  return 0.0;
#endif
}

}  // namespace agon::benchmarks
