#include "policy/cpu/cpu_backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "policy/cpu/parallel.h"

namespace agon::policy::cpu {

Scratch::~Scratch() {
  if (data_) ::munmap(data_, bytes_);
}

Scratch::Scratch(Scratch&& other) noexcept
    : purpose_(std::move(other.purpose_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

char* Scratch::Take(size_t bytes, bool is_sparse) {
  if (bytes > bytes_) {
    if (data_) ::munmap(data_, bytes_);
    data_ = nullptr;
    // Anonymous maps are zeroed, page-aligned, and cost nothing until touched.
    bytes = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (is_sparse ? MAP_NORESERVE : 0);
    void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (p == MAP_FAILED) {
      bytes_ = 0;
      throw Error(
          ErrorKind::kFailed,
          "cannot allocate " + std::to_string(bytes >> 20) + " MiB for " + purpose_, "",
          "lower the tokens per micro-batch, the rows decoded at once, or the model preset");
    }
    if (!is_sparse) ::madvise(p, bytes, MADV_HUGEPAGE);
    data_ = static_cast<char*>(p);
    bytes_ = bytes;
  }
  return data_;
}

CpuBackend::CpuBackend(const ModelConfig& config, ComputeType compute, const KernelTable& kernels)
    : config_(config),
      compute_(compute),
      kernels_(kernels),
      shape_{config.num_heads, config.num_kv_heads, config.head_dim} {
  const int half = config.head_dim / 2;
  cosine_.resize(static_cast<size_t>(config.max_positions) * half);
  sine_.resize(cosine_.size());
  for (int t = 0; t < config.max_positions; ++t) {
    for (int i = 0; i < half; ++i) {
      const double angle = t * std::pow(static_cast<double>(config.rope_theta), -1.0 * i / half);
      cosine_[static_cast<size_t>(t) * half + i] = static_cast<float>(std::cos(angle));
      sine_[static_cast<size_t>(t) * half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void CpuBackend::ReserveThreadScratch(size_t bytes) {
  const auto threads = static_cast<size_t>(omp_get_max_threads());
  while (thread_scratch_.size() < threads) thread_scratch_.emplace_back("kernels' thread scratch");
  thread_scratch_data_.clear();
  for (Scratch& scratch : thread_scratch_) thread_scratch_data_.push_back(scratch.Get(bytes));
}

char* CpuBackend::ThreadScratch() const {
  return thread_scratch_data_.at(static_cast<size_t>(WorkerPool::ThreadIndex()));
}

void CpuBackend::Zero(void* p, size_t bytes) {
  if (bytes > 0) std::memset(p, 0, bytes);
}

void CpuBackend::Copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void CpuBackend::Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x) {
  ParallelRanges(rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(x + i * c, table + static_cast<int64_t>(tokens[i]) * c,
                  static_cast<size_t>(c) * sizeof(float));
    }
  });
}

void CpuBackend::EmbeddingGradient(const float* dx, const int32_t* tokens, int rows, int c,
                                   float* dtable) {
  // Each thread owns some columns, so that a token's sum runs in batch order.
  ParallelRanges(c, 32, [&](int64_t begin, int64_t end) {
    for (int row = 0; row < rows; ++row) {
      float* out = dtable + static_cast<int64_t>(tokens[row]) * c;
      const float* in = dx + static_cast<int64_t>(row) * c;
      for (int64_t i = begin; i < end; ++i) out[i] += in[i];
    }
  });
}

void CpuBackend::RmsNorm(const float* x, int rows, int c, float epsilon, void* xhat, float* rstd) {
  ParallelRanges(rows, 16, [&](int64_t begin, int64_t end) {
    kernels_.rms_norm(x, xhat, rstd, static_cast<int>(begin), static_cast<int>(end), c, epsilon);
  });
}

void CpuBackend::RmsNormGradient(const float* dxhat, const void* xhat, const float* rstd, int rows,
                                 int c, float* dx, void* dx_rounded) {
  ParallelRanges(rows, 16, [&](int64_t begin, int64_t end) {
    kernels_.rms_norm_backward(dxhat, xhat, rstd, dx, dx_rounded, static_cast<int>(begin),
                               static_cast<int>(end), c);
  });
}

void CpuBackend::Round(const float* x, int64_t count, void* rounded) {
  ParallelRanges(count, 4096, [&](int64_t begin, int64_t end) {
    kernels_.to_compute(x + begin, static_cast<char*>(rounded) + begin * kernels_.element_bytes,
                        end - begin);
  });
}

void CpuBackend::GatherRows(const void* x, const int32_t* rows, int count, int c, void* out) {
  const int64_t row_bytes = static_cast<int64_t>(c) * kernels_.element_bytes;
  ParallelRanges(count, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::memmove(static_cast<char*>(out) + i * row_bytes,
                   static_cast<const char*>(x) + rows[i] * row_bytes,
                   static_cast<size_t>(row_bytes));
    }
  });
}

void CpuBackend::ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx) {
  EmbeddingGradient(d, rows, count, c, dx);
}

void CpuBackend::SumsOfSquares(const float* x, int64_t count, double* sums) {
  const int64_t chunks = (count + kSquaresPerSum - 1) / kSquaresPerSum;
  ParallelRanges(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t size = std::min(kSquaresPerSum, count - i * kSquaresPerSum);
      sums[i] = kernels_.sum_of_squares(x + i * kSquaresPerSum, size);
    }
  });
}

void CpuBackend::StepAdamW(float* w, float* g, float* m, float* v,
                           std::span<const AdamWRange> ranges, const AdamW& args) {
  const double step = static_cast<double>(args.step);
  for (const AdamWRange& range : ranges) {
    const AdamWArgs kernel_args{
        args.learning_rate,
        args.beta1,
        args.beta2,
        args.epsilon,
        range.weight_decay,
        args.grad_scale,
        static_cast<float>(1.0 - std::pow(static_cast<double>(args.beta1), step)),
        static_cast<float>(1.0 - std::pow(static_cast<double>(args.beta2), step))};
    ParallelRanges(range.count, 4096, [&](int64_t begin, int64_t end) {
      const int64_t at = range.begin + begin;
      kernels_.adamw(w + at, g + at, m + at, v + at, end - begin, kernel_args);
    });
  }
}

void CpuBackend::Combine(float a, const float* x, float b, const float* y, int64_t count,
                         float* out) {
  ParallelRanges(count, 4096, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = a * x[i] + b * y[i];
  });
}

void CpuBackend::Divide(float* x, int64_t count, double divisor) {
  ParallelRanges(count, 4096, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) x[i] = static_cast<float>(x[i] / divisor);
  });
}

void CpuBackend::Transpose(const float* x, int rows, int cols, float* out) {
  ParallelRanges(cols, 16, [=](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = begin; col < end; ++col) out[col * rows + row] = x[row * cols + col];
    }
  });
}

std::vector<MemoryUse> CpuBackend::Memory() const {
  MemoryUse threads{"kernels' thread scratch", 0};
  for (const Scratch& scratch : thread_scratch_) threads.bytes += scratch.Use().bytes;
  MemoryUse panels = dy_panels_.Use();
  panels.bytes += x_panels_.Use().bytes;
  return {{"packed weights", packed_weight_bytes_},
          {"KV cache", kv_cache_bytes_},
          panels,
          rounded_.Use(),
          dlogits_.Use(),
          threads};
}

const KernelTable& ChooseKernels(ComputeType compute, const KernelTable* bf16) {
  if (compute != ComputeType::kFloat32 && bf16) return *bf16;
  if (compute == ComputeType::kBfloat16) {
    throw Error(ErrorKind::kUnsupported, "this CPU has no AVX512_BF16", "compute = \"bf16\"",
                "use compute = \"auto\" or \"fp32\"");
  }
  for (const KernelTable* table : {FloatKernelsAvx512(), FloatKernelsAvx2()}) {
    if (table) return *table;
  }
  return *FloatKernelsBaseline();
}

}  // namespace agon::policy::cpu

namespace agon::policy {

ComputeType BestCpuCompute() {
  return cpu::Bf16KernelsAvx512() ? ComputeType::kBfloat16 : ComputeType::kFloat32;
}

std::unique_ptr<Backend> NewCpuBackend(const ModelConfig& config, ComputeType compute) {
  if (compute == ComputeType::kAuto) compute = BestCpuCompute();
  const cpu::KernelTable& kernels = cpu::ChooseKernels(compute, cpu::Bf16KernelsAvx512());
  return std::make_unique<cpu::CpuBackend>(config, compute, kernels);
}

}  // namespace agon::policy
