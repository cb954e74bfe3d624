// Times work on a GPU by the GPU's own clock, and prints a line with a JSON object of each at once:
// who is stopped early has said what was measured. In the emulator, where a time says nothing, work
// is done once and its time is null.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/rng.h"
#include "policy/cuda/launch.h"

namespace agon::benchmarks {

using policy::cuda::Check;

// Device memory for `count` of T: zero, or copies of what is given as often as it fits.
template <typename T>
class Array {
 public:
  explicit Array(int64_t count) : bytes_(static_cast<size_t>(count) * sizeof(T)) {
    Check(cudaMalloc(reinterpret_cast<void**>(&data_), bytes_), "memory of a benchmark");
    Check(cudaMemset(data_, 0, bytes_), "memory of a benchmark");
  }
  Array(int64_t count, const std::vector<T>& repeated) : Array(count) {
    const size_t period = repeated.size() * sizeof(T);
    for (size_t begin = 0; begin < bytes_; begin += period) {
      Check(cudaMemcpy(reinterpret_cast<char*>(data_) + begin, repeated.data(),
                       std::min(period, bytes_ - begin), cudaMemcpyHostToDevice),
            "input of a benchmark");
    }
  }
  ~Array() { cudaFree(data_); }
  Array(const Array&) = delete;

  operator T*() const { return data_; }

 private:
  T* data_ = nullptr;
  size_t bytes_;
};

struct Work {
  double bytes;     // that memory has to move, each array once
  double flop = 0;  // on tensor cores
};

class KernelClock {
 public:
  explicit KernelClock(int runs) : runs_(runs), flush_(kMeasures ? kFlushBytes : 1) {
    for (auto* event : {&begin_, &end_}) {
      event->resize(static_cast<size_t>(runs));
      for (cudaEvent_t& e : *event) Check(cudaEventCreate(&e), "clock");
    }
  }
  ~KernelClock() {
    for (const auto* event : {&begin_, &end_}) {
      for (cudaEvent_t e : *event) cudaEventDestroy(e);
    }
  }
  KernelClock(const KernelClock&) = delete;

  // `run` queues one call on `stream`, the default one if null. The median, each call with caches
  // that hold nothing of it: what is written in between is larger than any of them.
  void Time(const std::string& name, const std::string& shape, const Work& work,
            const std::function<void()>& run, cudaStream_t stream = nullptr) {
    run();
    if constexpr (kMeasures) {
      for (size_t i = 0; i < begin_.size(); ++i) {
        Check(cudaMemsetAsync(flush_, static_cast<int>(i), kFlushBytes, stream), "clock");
        Check(cudaEventRecord(begin_[i], stream), "clock");
        run();
        Check(cudaEventRecord(end_[i], stream), "clock");
      }
    }
    Check(cudaDeviceSynchronize(), name.c_str());
    std::printf(
        "{\"name\": \"%s\", \"shape\": \"%s\", \"us\": %s, \"bytes\": %.0f, \"flop\": %.0f}\n",
        name.c_str(), shape.c_str(), Median().c_str(), work.bytes, work.flop);
    std::fflush(stdout);
  }

 private:
#ifdef CUDA_EMULATOR
  static constexpr bool kMeasures = false;
#else
  static constexpr bool kMeasures = true;
#endif
  static constexpr size_t kFlushBytes = size_t{256} << 20;

  std::string Median() const {
    if constexpr (!kMeasures) return "null";
    std::vector<float> us;
    for (size_t i = 0; i < begin_.size(); ++i) {
      float ms = 0;
      Check(cudaEventElapsedTime(&ms, begin_[i], end_[i]), "clock");
      us.push_back(1000 * ms);
    }
    std::nth_element(us.begin(), us.begin() + runs_ / 2, us.end());
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", static_cast<double>(us[us.size() / 2]));
    return text;
  }

  const int runs_;
  Array<char> flush_;
  std::vector<cudaEvent_t> begin_, end_;
};

}  // namespace agon::benchmarks
