#include "trainer/run_device.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

namespace agon::trainer {
namespace {

// Of this process among those of its machine; 0 if the launcher doesn't say.
int LocalRank() {
  for (const char* launcher : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}) {
    const char* text = std::getenv(launcher);
    if (!text) continue;
    int rank = 0;
    const std::string_view digits = text;
    std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    return std::max(0, rank);
  }
  return 0;
}

}  // namespace

policy::Device DeviceOf(const Recipe& recipe, const policy::Communicator* ranks) {
  const std::string& name = recipe.run.device;
  policy::Device device = policy::ParseDevice(name, "run.device");
  const bool is_cuda = device.kind == policy::Device::Kind::kCuda;
  if (is_cuda && ranks && ranks->size() > 1 && (name == "cuda" || name == "auto")) {
    device.index = LocalRank() % std::max(1, policy::NumGpus());
  }
  return device;
}

}  // namespace agon::trainer
