// Which kind of plugin a file is.
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/env.h"
#include "envs/plugin/shared_object.h"

namespace agon::envs {

std::vector<std::string> LoadPlugin(const std::string& file) {
  if (!fs::exists(file)) throw Error(ErrorKind::kNotFound, "no such plugin", file);
  if (fs::path(file).extension() == ".so") return RegisterPlugin(OpenSharedObject(file), file);
  throw Error(ErrorKind::kUnsupported, "is no plugin", file, "give a shared object (.so)");
}

}  // namespace agon::envs
