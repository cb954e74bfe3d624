// What a Python interpreter needs on disk, found by asking it.
#pragma once

#include <string>
#include <vector>

namespace agon::envs::box {

struct PythonFiles {
  std::string executable;  // without symbolic links
  std::string version;
  std::vector<std::string> folders;    // the standard library
  std::vector<std::string> libraries;  // as the dynamic linker names them
};

// The interpreter to use: `wanted`, or the first of the usual places. Throws Failure.
std::string FindPython(const std::string& wanted);

// Starts the interpreter once, outside of any box, with a script of ours. Throws Failure.
PythonFiles ListPythonFiles(const std::string& python);

}  // namespace agon::envs::box
