// The device of a run.
#pragma once

#include "policy/communicator.h"
#include "trainer/recipe.h"

namespace agon::trainer {

// run.device, of which ranks on one machine take the GPUs in turn unless one is named: rank r of
// them GPU r modulo their number.
policy::Device DeviceOf(const Recipe& recipe, const policy::Communicator* ranks);

}  // namespace agon::trainer
