// Files that travel inside the supervisor's executable.
#pragma once

#include <string_view>

namespace agon::envs::box {

std::string_view ZygoteLibrary();      // zygote.so
std::string_view ZygoteScript();       // zygote.py
std::string_view PythonFilesScript();  // python_files.py

}  // namespace agon::envs::box
