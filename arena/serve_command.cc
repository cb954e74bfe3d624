#include "arena/serve_command.h"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <utility>

#include "arena/command.h"
#include "core/error.h"
#include "core/file.h"
#include "net/stop_signal.h"
#include "serve/completer.h"

namespace agon::arena {
namespace {

constexpr size_t kMaxCheckpoints = 12;  // offered

// Enters them as a lineage: within one run each comes from the one before it.
void EnterAll(const fs::path& db, const std::vector<std::string>& places, ModelSpeakers& speakers) {
  Arena arena(db);
  std::string previous;
  fs::path run;
  for (const std::string& place : places) {
    Model model = serve::IsEndpoint(place) ? ModelOfEndpoint(place) : ModelOfCheckpoint(place);
    const fs::path folder =
        serve::IsEndpoint(place) ? fs::path() : fs::path(model.location).parent_path();
    if (!folder.empty() && folder == run) model.parent = previous;
    speakers.Enter(model);  // throws before it is in the arena for ever
    arena.AddModel(model);
    previous = model.name;
    run = folder;
  }
}

void LoadKnown(const fs::path& db, ModelSpeakers& speakers) {
  Arena arena(db);
  for (const Model& model : arena.Models()) {
    if (model.retired_ms) continue;
    try {
      speakers.Enter(model);
    } catch (const Error& error) {
      std::fprintf(stderr, "warning: takes no part in battles: %s\n", error.what());
    }
  }
}

bool IsLoopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

}  // namespace

std::vector<fs::path> FindCheckpoints(const fs::path& runs) {
  std::vector<fs::path> found;
  for (const fs::path& run : FoldersIn(runs)) {
    for (const fs::path& checkpoint : CheckpointsOfRun(run, 2, 3)) found.push_back(checkpoint);
  }
  if (found.size() > kMaxCheckpoints) found.resize(kMaxCheckpoints);
  return found;
}

void RunServe(const ServeCommand& command, std::ostream& out) {
  net::HoldStopSignals();
  ModelSpeakers speakers(command.speakers);
  EnterAll(command.db, command.models, speakers);
  LoadKnown(command.db, speakers);

  PageOptions options = command.page;
  std::vector<std::string> places;
  for (const fs::path& path : FindCheckpoints(command.runs)) places.push_back(path.string());
  options.checkpoints = places;
  options.enter = [&](const std::vector<size_t>& chosen) {
    std::vector<std::string> wanted;
    for (const size_t i : chosen) wanted.push_back(places[i]);
    EnterAll(command.db, wanted, speakers);
  };
  // Whoever listens for all interfaces knows its names better than we do.
  if (!IsLoopback(command.host)) options.host_names.clear();

  net::Metrics metrics;
  Page page(command.db, speakers, std::move(options), metrics);
  net::HttpServerOptions http;
  http.host = command.host;
  http.port = command.port;
  http.num_handler_threads = 16;
  http.max_waiting_requests = 8192;
  http.max_body_bytes = size_t{1} << 18;
  http.metrics = &metrics;
  net::HttpServer server(std::move(http));
  page.AddRoutes(server);
  server.Start();
  const std::string host =
      command.host.find(':') == std::string::npos ? command.host : "[" + command.host + "]";
  out << "the arena is open at http://" << host << ":" << server.port() << "/" << std::endl;
  if (!IsLoopback(command.host)) {
    std::fprintf(stderr,
                 "warning: %s is reached from other machines by anyone, unencrypted: put a TLS "
                 "proxy in front\n",
                 command.host.c_str());
  }
  net::WaitForStopSignal();
  out << "closing: answering what is under way" << std::endl;
  server.Drain(command.drain_seconds * 1000);
}

}  // namespace agon::arena
