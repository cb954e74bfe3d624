// The read-only file tree that all boxes share, and the process that lives in it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "envs/sandbox/box/python_files.h"
#include "envs/sandbox/descriptors.h"

namespace agon::envs::box {

// The warm interpreter: first process of a pid namespace inside the file tree. It can do
// nothing there but enter net namespaces. It ends when the socket closes.
struct Zygote {
  pid_t pid = -1;
  Descriptor socket;
};

// Makes the namespaces, builds the tree and starts the interpreter. The caller must have
// one thread. Throws Failure that names what the machine lacks.
Zygote StartZygote(const PythonFiles& python, const std::vector<std::string>& read_only_paths);

}  // namespace agon::envs::box
