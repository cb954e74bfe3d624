// The first files of somebody's environment: `rl-env new`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace agon::envs {

enum class ScaffoldLanguage { kCpp, kPython };

struct Scaffold {
  std::vector<std::filesystem::path> files;  // as written
  std::vector<std::string> next_steps;       // commands to type, in order
};

// Writes a small working environment called `name` ("mine/clock") into `dir`, which is made
// if it is missing. `package_dir` is where CMake finds agon, "" if that isn't known. Throws
// Error(kUsage) on a name that is no environment id, or if a file is there already.
Scaffold WriteScaffold(const std::string& name, ScaffoldLanguage language,
                       const std::filesystem::path& dir, const std::filesystem::path& package_dir);

// The folder with agon-config.cmake that belongs to the running command: of the build folder
// or of the installation; "" if there is none.
std::filesystem::path PackageDir();

}  // namespace agon::envs
