// Environments of a shared object behind the C ABI of envs/plugin.h. Private to envs.
#pragma once

#include <string>
#include <vector>

#include "envs/plugin.h"

namespace agon::envs {

// Opens `file` for the rest of the process and returns its functions. Throws kNotFound,
// kCorrupt (not a plugin) or kUnsupported (another ABI).
const AgonPlugin* OpenSharedObject(const std::string& file);

// Registers the environments that `plugin` lists; `file` names them in errors. Returns
// their ids.
std::vector<std::string> RegisterPlugin(const AgonPlugin* plugin, const std::string& file);

}  // namespace agon::envs
