// Ranks on emulated GPUs where NCCL can't help, or another rank leaves.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "policy/communicator.h"
#include "policy/cuda/gpu.h"
#include "policy/exchange.h"
#include "tests/cuda_emulator/runtime.h"
#include "tests/error_of.h"
#include "tests/policy/trained_by_ranks.h"

namespace agon::policy {
namespace cuda {

// NewNcclExchange as a build without nccl.h has it.
std::unique_ptr<Exchange> NewExchangeWithoutNccl(const Gpu& gpu, Communicator& ranks,
                                                 std::string* shortfall);

}  // namespace cuda
namespace {

class NcclRanks : public ::testing::Test {
 protected:
  ~NcclRanks() override { cuda_emulator::SetMachine({}); }

  static Device GpuOf(int rank) { return {Device::Kind::kCuda, rank}; }

  // How two ranks on GPUs exchange.
  static ExchangeReport ReportOfTwo() {
    ExchangeReport report;
    std::mutex mutex;
    trainer::ThreadRanks(2).Run([&](Communicator& ranks) {
      const auto policy =
          Policy::Create(SmallestConfig(40, 16), ComputeType::kFloat32, 1, GpuOf(ranks.rank()));
      policy->Join(ranks);
      policy->ConfigureOptimizer({});
      const std::lock_guard lock(mutex);
      report = policy->DescribeExchange();
    });
    return report;
  }
};

TEST_F(NcclRanks, WithoutNcclTheyGoThroughTheHostAndSayWhy) {
  cuda_emulator::SetMachine({.num_gpus = 2, .has_nccl = false});
  const ExchangeReport report = ReportOfTwo();
  EXPECT_EQ(report.way, "the host's memory");
  EXPECT_TRUE(Contains(report.shortfall, "rank 0: NCCL can't be loaded")) << report.shortfall;
  cuda_emulator::SetMachine({.num_gpus = 2});
  EXPECT_EQ(ReportOfTwo().way, "NCCL 2.28.9");
  EXPECT_EQ(ReportOfTwo().shortfall, "");
}

TEST_F(NcclRanks, ABuildWithoutNcclSaysSo) {
  cuda_emulator::SetMachine({.num_gpus = 2});
  std::vector<std::string> shortfalls(2);
  trainer::ThreadRanks(2).Run([&](Communicator& ranks) {
    const cuda::Gpu gpu(ranks.rank());
    EXPECT_EQ(
        cuda::NewExchangeWithoutNccl(gpu, ranks, &shortfalls[static_cast<size_t>(ranks.rank())]),
        nullptr);
  });
  EXPECT_EQ(shortfalls[0], "rank 0: agon was built without NCCL (nccl.h)");
  EXPECT_EQ(shortfalls[1], shortfalls[0]);
}

TEST_F(NcclRanks, TheHostGivesTheSameBits) {
  const auto dir = std::filesystem::path(testing::TempDir()) / "nccl_ranks";
  std::filesystem::create_directories(dir);
  const RanksToTrain ranks{
      .dir = dir, .optimizer = {}, .model = SmallestConfig(800, 32), .device = GpuOf};
  cuda_emulator::SetMachine({.num_gpus = 2});
  const Trained by_nccl = ranks.Train(2, 0, 1);
  cuda_emulator::SetMachine({.num_gpus = 2, .has_nccl = false});
  const Trained by_host = ranks.Train(2, 0, 1);
  EXPECT_NE(by_host.way, by_nccl.way);
  EXPECT_TRUE(by_host.HasBitsOf(by_nccl));
}

TEST_F(NcclRanks, ARankThatLeavesIsNamedToWhoWaitsForIt) {
  cuda_emulator::SetMachine({.num_gpus = 2});
  std::string error_of_0;
  const auto run = [&] {
    trainer::ThreadRanks(2).Run([&](Communicator& ranks) {
      const auto policy =
          Policy::Create(SmallestConfig(40, 16), ComputeType::kFloat32, 1, GpuOf(ranks.rank()));
      policy->Join(ranks);
      policy->ConfigureOptimizer({});
      if (ranks.rank() == 1) throw Error(ErrorKind::kFailed, "rank 1 fails by itself");
      error_of_0 = ErrorOf([&] { policy->AddShard(/*is_last=*/true); }, ErrorKind::kFailed);
    });
  };
  EXPECT_TRUE(Contains(ErrorOf(run, ErrorKind::kFailed), "fails by itself"));
  EXPECT_TRUE(Contains(error_of_0, "exchange of rank 0 of 2")) << error_of_0;
  EXPECT_TRUE(Contains(error_of_0, "rank 1 has left")) << error_of_0;
  EXPECT_TRUE(Contains(error_of_0, "--resume")) << error_of_0;
}

}  // namespace
}  // namespace agon::policy
