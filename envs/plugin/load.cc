// Which kind of plugin a file is.
#include <map>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/env.h"
#include "envs/plugin/shared_object.h"

namespace agon::envs {

std::vector<std::string> LoadPlugin(const std::string& file) {
  if (!fs::exists(file)) throw Error(ErrorKind::kNotFound, "no such plugin", file);
  static std::mutex mutex;
  static std::map<fs::path, std::vector<std::string>> loaded;
  const std::lock_guard lock(mutex);
  const fs::path path = fs::canonical(file);
  if (const auto found = loaded.find(path); found != loaded.end()) return found->second;
  if (path.extension() == ".so") {
    return loaded[path] = RegisterPlugin(OpenSharedObject(file), file);
  }
  throw Error(ErrorKind::kUnsupported, "is no plugin", file, "give a shared object (.so)");
}

}  // namespace agon::envs
