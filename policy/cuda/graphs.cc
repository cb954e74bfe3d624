#include "policy/cuda/graphs.h"

#include <bit>
#include <cstdlib>
#include <string_view>

#include "policy/cuda/launch.h"

namespace agon::policy::cuda {

int GraphRows(int rows) {
  if (rows <= 16) return static_cast<int>(std::bit_ceil(static_cast<unsigned>(rows)));
  const int step = rows <= 128 ? 16 : 64;
  return (rows + step - 1) / step * step;
}

Graphs::~Graphs() {
  for (const auto& [key, graph] : graphs_) {
    if (graph.executable) cudaGraphExecDestroy(graph.executable);
  }
}

bool Graphs::IsOff() {
  const char* setting = std::getenv("AGON_CUDA_GRAPHS");
  return setting && std::string_view(setting) == "off";
}

void Graphs::Run(int key, const std::function<void()>& body) {
  if (is_off_) return body();
  const auto [found, is_new] = graphs_.try_emplace(key);
  Graph& graph = found->second;
  if (is_new || graph.generation != space_.generation()) {
    if (graph.executable) Check(cudaGraphExecDestroy(graph.executable), "graph");
    graph.executable = nullptr;
    body();
    graph.generation = space_.generation();
    return;
  }
  if (!graph.executable) graph.executable = Record(body);
  Check(cudaGraphLaunch(graph.executable, gpu_.stream()), "graph");
}

cudaGraphExec_t Graphs::Record(const std::function<void()>& body) {
  cudaGraph_t recorded = nullptr;
  Check(cudaStreamBeginCapture(gpu_.stream(), cudaStreamCaptureModeThreadLocal), "graph");
  try {
    body();
  } catch (...) {
    if (cudaStreamEndCapture(gpu_.stream(), &recorded) == cudaSuccess) cudaGraphDestroy(recorded);
    throw;
  }
  Check(cudaStreamEndCapture(gpu_.stream(), &recorded), "graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, recorded, 0);
  cudaGraphDestroy(recorded);
  Check(error, "graph");
  return executable;
}

}  // namespace agon::policy::cuda
