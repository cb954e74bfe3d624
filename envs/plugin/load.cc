// Which kind of plugin a file is.
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/env.h"
#include "envs/plugin/process_env.h"
#include "envs/plugin/shared_object.h"

namespace agon::envs {

std::vector<std::string> LoadPlugin(const std::string& spec) {
  const auto [file, options] = ParseProcessSpec(spec);
  if (!fs::is_regular_file(file)) throw Error(ErrorKind::kNotFound, "no such plugin", file);
  static std::mutex mutex;
  static std::map<fs::path, std::vector<std::string>> loaded;
  const std::lock_guard lock(mutex);
  const fs::path path = fs::canonical(file);
  if (const auto found = loaded.find(path); found != loaded.end()) return found->second;
  if (path.extension() == ".so") {
    return loaded[path] = RegisterPlugin(OpenSharedObject(file), file);
  }
  if (path.extension() == ".py" || FindExecutable(path)) {
    const auto host = std::make_shared<ProcessHost>(file, options);
    AddProgram(host);
    return loaded[path] = RegisterHost(host);
  }
  throw Error(ErrorKind::kUnsupported, "is no plugin", file,
              "give a shared object (.so), a Python source (.py) or an executable file");
}

}  // namespace agon::envs
