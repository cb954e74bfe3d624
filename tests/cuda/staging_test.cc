// What the host sends to the GPU and gets back.
#include <cstring>

#include "tests/cuda/backend_fixture.h"

namespace agon::policy::cuda {
namespace {

class StagedCopies : public KernelTest<float> {};

TEST_F(StagedCopies, MuchIsSentInPiecesAndTheHostsMemoryMayChangeAtOnce) {
  CudaBackend backend(TinyConfig(), ComputeType::kFloat32, 0);
  const size_t kCounts[] = {1, 5, 300'000, 3'000'000, 77, 262'144, 1};  // floats; 13 MiB
  std::vector<std::vector<float>> sent;
  std::vector<std::unique_ptr<DeviceMemory>> memory;
  std::vector<char*> on_device;
  for (const size_t count : kCounts) {
    memory.push_back(backend.NewMemory("test"));
    on_device.push_back(memory.back()->Get(count * sizeof(float)));
  }
  std::vector<float> host;
  for (size_t i = 0; i < memory.size(); ++i) {
    sent.push_back(Normals(i, kCounts[i]));
    host = sent.back();
    backend.Upload(on_device[i], host.data(), host.size() * sizeof(float));
    std::memset(host.data(), 0xee, host.size() * sizeof(float));
  }
  for (size_t i = 0; i < memory.size(); ++i) {
    std::vector<float> got(kCounts[i]);
    backend.Download(got.data(), on_device[i], got.size() * sizeof(float));
    EXPECT_TRUE(SameBits(got, sent[i])) << i;
  }
}

TEST_F(StagedCopies, NothingIsNothing) {
  CudaBackend backend(TinyConfig(), ComputeType::kFloat32, 0);
  backend.Upload(nullptr, nullptr, 0);
  backend.Download(nullptr, nullptr, 0);
}

}  // namespace
}  // namespace agon::policy::cuda
