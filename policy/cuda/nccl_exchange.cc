#include "policy/cuda/nccl_exchange.h"

#include <chrono>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

#include "core/error.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/nccl_library.h"

namespace agon::policy::cuda {
namespace {

constexpr size_t kGpuIdBytes = 16;

// No two GPUs of the world have the same.
std::string GpuId(const Gpu& gpu) {
  gpu.Use();
  int device = 0;
  cudaDeviceProp properties;
  Check(cudaGetDevice(&device), "start of NCCL");
  Check(cudaGetDeviceProperties(&properties, device), "start of NCCL");
  static_assert(sizeof properties.uuid == kGpuIdBytes);
  return {reinterpret_cast<const char*>(&properties.uuid), kGpuIdBytes};
}

// Why not all ranks can use NCCL, the same on each; "" if they can. `problem` is this one's.
std::string ObstacleOf(Communicator& ranks, const std::string& gpu_id, const std::string& problem) {
  const std::vector<std::string> all = ranks.AllGather(gpu_id + problem);
  for (size_t r = 0; r < all.size(); ++r) {
    if (all[r].size() > kGpuIdBytes) {
      return "rank " + std::to_string(r) + ": " + all[r].substr(kGpuIdBytes);
    }
  }
  for (size_t r = 0; r < all.size(); ++r) {
    for (size_t s = 0; s < r; ++s) {
      if (all[r] != all[s]) continue;
      return "ranks " + std::to_string(s) + " and " + std::to_string(r) +
             " share a GPU, which NCCL doesn't do";
    }
  }
  return "";
}

}  // namespace

#if AGON_HAS_NCCL
namespace {

class NcclExchange final : public Exchange {
 public:
  NcclExchange(const NcclLibrary& nccl, const Gpu& gpu, Communicator& ranks)
      : nccl_(nccl), gpu_(gpu), rank_(ranks.rank()), size_(ranks.size()) {
    gpu_.Use();
    ncclUniqueId id{};
    if (ranks.is_leader()) CheckNccl(nccl_.get_unique_id(&id));
    const std::string of_leader =
        ranks.AllGather({id.internal, ranks.is_leader() ? sizeof id.internal : 0})[0];
    AGON_CHECK(of_leader.size() == sizeof id.internal, "the leader's id of the ranks");
    std::memcpy(id.internal, of_leader.data(), sizeof id.internal);
    CheckNccl(nccl_.comm_init_rank(&comm_, size_, id, rank_));
  }

  ~NcclExchange() override {
    if (!comm_) return;
    // Where an error ends this rank, the others may never come: nothing is waited for.
    const bool is_unwinding = std::uncaught_exceptions() > num_exceptions_;
    (is_unwinding ? nccl_.comm_abort : nccl_.comm_destroy)(comm_);
  }

  void Run(std::span<const std::span<const float>> sent,
           std::span<const std::span<float>> received) override {
    const cudaStream_t stream = gpu_.stream();
    CheckNccl(nccl_.group_start());
    for (int r = 0; r < size_; ++r) {
      if (r == rank_) continue;
      const auto& out = sent[static_cast<size_t>(r)];
      const auto& in = received[static_cast<size_t>(r)];
      if (!out.empty()) {
        CheckNccl(nccl_.send(out.data(), out.size(), ncclFloat32, r, comm_, stream));
      }
      if (!in.empty()) {
        CheckNccl(nccl_.receive(in.data(), in.size(), ncclFloat32, r, comm_, stream));
      }
    }
    CheckNccl(nccl_.group_end());
    Wait(stream);
  }

  std::string Name() const override {
    int version = 0;  // 10000 major + 100 minor + patch
    nccl_.get_version(&version);
    return "NCCL " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
           "." + std::to_string(version % 100);
  }

 private:
  // Not by cudaStreamSynchronize, which would wait for ever for a rank that is gone.
  void Wait(cudaStream_t stream) {
    for (;;) {
      const cudaError_t done = cudaStreamQuery(stream);
      ncclResult_t error = ncclSuccess;
      CheckNccl(nccl_.comm_get_async_error(comm_, &error));
      if (error != ncclInProgress) CheckNccl(error);
      if (done == cudaSuccess) return;
      if (done != cudaErrorNotReady) Check(done, "exchange of ranks");
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

  void CheckNccl(ncclResult_t result) {
    if (result == ncclSuccess) return;
    const char* const detail = nccl_.get_last_error(comm_);
    std::string what = std::string("NCCL: ") + nccl_.get_error_string(result);
    if (detail && *detail) what += std::string(": ") + detail;
    // Ends the kernels that wait for other ranks, and lets those know.
    if (comm_) nccl_.comm_abort(comm_);
    comm_ = nullptr;
    throw Error(ErrorKind::kFailed, what,
                "exchange of rank " + std::to_string(rank_) + " of " + std::to_string(size_),
                "see what the other ranks say, and NCCL_DEBUG=WARN; go on with --resume");
  }

  const NcclLibrary nccl_;
  const Gpu& gpu_;
  int rank_, size_;
  int num_exceptions_ = std::uncaught_exceptions();
  ncclComm_t comm_ = nullptr;
};

}  // namespace

std::unique_ptr<Exchange> NewNcclExchange(const Gpu& gpu, Communicator& ranks,
                                          std::string* shortfall) {
  NcclLibrary nccl{};
  std::string problem;
  LoadNccl(nccl, problem);
  *shortfall = ObstacleOf(ranks, GpuId(gpu), problem);
  if (!shortfall->empty()) return nullptr;
  return std::make_unique<NcclExchange>(nccl, gpu, ranks);
}

#else

std::unique_ptr<Exchange> NewNcclExchange(const Gpu& gpu, Communicator& ranks,
                                          std::string* shortfall) {
  *shortfall = ObstacleOf(ranks, GpuId(gpu), "agon was built without NCCL (nccl.h)");
  return nullptr;
}

#endif

}  // namespace agon::policy::cuda
