// The stand-in for NCCL: what it moves, and what it refuses.
#include <gtest/gtest.h>
#include <nccl.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/contains.h"

namespace cuda_emulator {
namespace {

// A rank with a stream and some numbers on its GPU.
struct NcclPeer {
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  float* numbers = nullptr;  // (4, 8)
  int rank = 0;

  std::vector<float> Numbers() const {
    std::vector<float> host(32);
    cudaMemcpyAsync(host.data(), numbers, 128, cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    return host;
  }
  ncclResult_t Error() const {
    ncclResult_t error = ncclSuccess;
    EXPECT_EQ(ncclCommGetAsyncError(comm, &error), ncclSuccess);
    return error;
  }
};

class NcclStandIn : public testing::Test {
 protected:
  NcclStandIn() { SetMachine({.num_gpus = 4}); }
  ~NcclStandIn() override { SetMachine({}); }

  // body(peer) on a thread for each of so many ranks; rank r's numbers are all r. The communicator
  // may be gone afterwards.
  static void OnRanks(int num_ranks, const std::function<void(NcclPeer&)>& body) {
    ncclUniqueId id;
    ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < num_ranks; ++rank) {
      threads.emplace_back([&, rank] {
        NcclPeer peer{.rank = rank};
        ASSERT_EQ(cudaSetDevice(rank), cudaSuccess);
        ASSERT_EQ(cudaStreamCreateWithFlags(&peer.stream, cudaStreamNonBlocking), cudaSuccess);
        ASSERT_EQ(cudaMalloc(&peer.numbers, 128), cudaSuccess);
        const std::vector<float> host(32, static_cast<float>(rank));
        cudaMemcpyAsync(peer.numbers, host.data(), 128, cudaMemcpyHostToDevice, peer.stream);
        ASSERT_EQ(ncclCommInitRank(&peer.comm, num_ranks, id, rank), ncclSuccess);
        body(peer);
        if (peer.comm) {
          EXPECT_EQ(ncclCommDestroy(peer.comm), ncclSuccess);
        }
        cudaFree(peer.numbers);
        cudaStreamDestroy(peer.stream);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(NcclStandIn, EachGetsWhatTheOthersSendOnceItWaits) {
  OnRanks(4, [](NcclPeer& peer) {
    ncclGroupStart();
    for (int r = 0; r < 4; ++r) {
      if (r == peer.rank) continue;
      EXPECT_EQ(ncclSend(peer.numbers + 8 * peer.rank, 8, ncclFloat32, r, peer.comm, peer.stream),
                ncclSuccess);
      EXPECT_EQ(ncclRecv(peer.numbers + 8 * r, 8, ncclFloat32, r, peer.comm, peer.stream),
                ncclSuccess);
    }
    EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
    const auto numbers = peer.Numbers();
    for (size_t i = 0; i < 32; ++i) EXPECT_EQ(numbers[i], static_cast<float>(i / 8));
    EXPECT_EQ(peer.Error(), ncclSuccess);
  });
}

TEST_F(NcclStandIn, SizesThatDifferAreAnError) {
  OnRanks(2, [](NcclPeer& peer) {
    ncclGroupStart();
    if (peer.rank == 0) {
      ncclSend(peer.numbers, 7, ncclFloat32, 1, peer.comm, peer.stream);
    } else {
      ncclRecv(peer.numbers, 8, ncclFloat32, 0, peer.comm, peer.stream);
    }
    ncclGroupEnd();
    if (peer.rank == 0) {
      cudaStreamSynchronize(peer.stream);
      EXPECT_EQ(peer.Error(), ncclRemoteError);  // the other has left without it
      return;
    }
    cudaStreamSynchronize(peer.stream);
    EXPECT_EQ(peer.Error(), ncclInvalidUsage);
    EXPECT_TRUE(
        agon::Contains(ncclGetLastError(peer.comm), "rank 0 sends 28 bytes, 32 are expected"));
  });
}

TEST_F(NcclStandIn, WhoLeavesIsNamed) {
  OnRanks(3, [](NcclPeer& peer) {
    if (peer.rank == 2) {
      EXPECT_EQ(ncclCommAbort(peer.comm), ncclSuccess);
      peer.comm = nullptr;
      return;
    }
    ncclGroupStart();
    ncclRecv(peer.numbers, 8, ncclFloat32, 2, peer.comm, peer.stream);
    ncclGroupEnd();
    cudaStreamSynchronize(peer.stream);
    EXPECT_EQ(peer.Error(), ncclRemoteError);
    EXPECT_STREQ(ncclGetLastError(peer.comm), "rank 2 has left");
  });
}

TEST_F(NcclStandIn, RefusesWhatNcclWouldNotSurvive) {
  OnRanks(2, [](NcclPeer& peer) {
    float on_host[8] = {};
    const auto send = [&](const float* from, size_t count, int to) {
      ncclGroupStart();
      const ncclResult_t result = ncclSend(from, count, ncclFloat32, to, peer.comm, peer.stream);
      ncclGroupEnd();
      return result;
    };
    EXPECT_EQ(send(on_host, 8, 1 - peer.rank), ncclInvalidArgument);
    EXPECT_EQ(send(peer.numbers, 33, 1 - peer.rank), ncclInvalidArgument);
    EXPECT_EQ(send(peer.numbers, 8, peer.rank), ncclInvalidArgument);
    EXPECT_EQ(send(peer.numbers, 8, 2), ncclInvalidArgument);
    cudaSetDevice(3);
    EXPECT_EQ(send(peer.numbers, 8, 1 - peer.rank), ncclInvalidUsage);
    cudaSetDevice(peer.rank);
    EXPECT_EQ(ncclSend(peer.numbers, 8, ncclFloat32, 1 - peer.rank, peer.comm, peer.stream),
              ncclInvalidUsage);
  });
}

TEST_F(NcclStandIn, AGpuIsOneRanks) {
  ncclUniqueId id;
  ncclGetUniqueId(&id);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      ncclComm_t comm = nullptr;
      EXPECT_EQ(ncclCommInitRank(&comm, 2, id, rank), ncclInvalidUsage);
      EXPECT_TRUE(agon::Contains(ncclGetLastError(nullptr), "Duplicate GPU"));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Memory and streams are a GPU's own: another's pointer is as good as none.
TEST_F(NcclStandIn, GpusShareNoMemory) {
  float* on_first = nullptr;
  ASSERT_EQ(cudaMalloc(&on_first, 16), cudaSuccess);
  cudaSetDevice(1);
  EXPECT_EQ(cudaMemset(on_first, 0, 16), cudaErrorInvalidValue);
  cudaSetDevice(0);
  EXPECT_EQ(cudaMemset(on_first, 0, 16), cudaSuccess);
  cudaFree(on_first);
}

}  // namespace
}  // namespace cuda_emulator
