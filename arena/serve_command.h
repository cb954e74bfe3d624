// What rl-arena serve does, apart from reading its flags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "arena/page.h"
#include "arena/speakers.h"

namespace agon::arena {

struct ServeCommand {
  std::filesystem::path db = "arena.db";
  // Model directories and endpoints to enter first; an endpoint is "http://HOST/v1#MODEL".
  std::vector<std::string> models{};
  std::filesystem::path runs = "runs";  // where checkpoints are looked for, if there are no models
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any that is free
  int drain_seconds = 10;
  SpeakerOptions speakers{};
  PageOptions page{};
};

// Chat checkpoints below RUNS/*/checkpoints: the first and the last of sft, the first, the middle
// and the last of rl of each run, in the order in which they were trained.
std::vector<std::filesystem::path> FindCheckpoints(const std::filesystem::path& runs);

// Serves until SIGINT or SIGTERM, then answers what is under way. The address goes to `out` once
// it listens; models of the arena that can't speak are named on stderr. To be called before
// other threads start.
void RunServe(const ServeCommand& command, std::ostream& out);

}  // namespace agon::arena
