// What rl-serve does, apart from reading its flags.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace agon::serve {

struct ServeCommand {
  std::vector<std::string> models;  // "NAME=DIR", or "DIR" with its last part as the name
  std::string host = "127.0.0.1";
  int port = 8000;             // 0: any that is free
  std::string device = "cpu";  // see policy::ParseDevice
  std::string token;
  int max_rows = 128;      // per model
  int context_tokens = 0;  // 0: the model's
  int max_waiting = 512;   // per model
  int drain_seconds = 30;
};

// Serves until SIGINT or SIGTERM, then answers what is under way. The address goes to `out` once
// it listens, warnings to stderr. To be called before other threads start. Throws Error, kFailed
// if requests had to be cut off.
void RunServeCommand(const ServeCommand& command, std::ostream& out);

}  // namespace agon::serve
