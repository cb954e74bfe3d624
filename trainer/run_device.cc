#include "trainer/run_device.h"

#include <cstdlib>
#include <string>

namespace agon::trainer {
namespace {

std::string NameOf(const Recipe& recipe, const policy::Communicator* ranks) {
  const std::string& device = recipe.run.device;
  if (device != "cuda" || !ranks || ranks->size() == 1) return device;
  for (const char* launcher : {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"}) {
    if (const char* local_rank = std::getenv(launcher)) return device + ":" + local_rank;
  }
  return device;
}

}  // namespace

policy::Device DeviceOf(const Recipe& recipe, const policy::Communicator* ranks) {
  const policy::Device device = policy::ParseDevice(NameOf(recipe, ranks), "run.device");
  if (device.kind == policy::Device::Kind::kCuda) {
    // The smallest policy says what is wrong with a device, long before the first step would.
    policy::Policy::Create(policy::PresetConfig("nano", MinVocabSize(), 16), recipe.run.compute, 1,
                           device);
  }
  return device;
}

}  // namespace agon::trainer
