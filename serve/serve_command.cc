#include "serve/serve_command.h"

#include <cstdio>
#include <filesystem>
#include <ostream>
#include <set>
#include <utility>

#include "core/error.h"
#include "net/http_server.h"
#include "net/stop_signal.h"
#include "serve/openai_api.h"

namespace agon::serve {
namespace {

std::pair<std::string, std::filesystem::path> SplitName(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0 && text.find('/') > equals) {
    return {text.substr(0, equals), text.substr(equals + 1)};
  }
  auto dir = std::filesystem::absolute(text).lexically_normal();
  if (!dir.has_filename()) dir = dir.parent_path();  // of "." and of what ends in a slash
  return {dir.filename().string(), text};
}

std::vector<std::shared_ptr<LocalModel>> LoadModels(const ServeCommand& command,
                                                    net::Metrics& metrics) {
  std::vector<std::shared_ptr<LocalModel>> models;
  const policy::Device device = policy::ParseDevice(command.device);
  std::set<std::string> names;
  for (const std::string& text : command.models) {
    const auto [name, dir] = SplitName(text);
    if (!names.insert(name).second) {
      throw Error(ErrorKind::kUsage, "two models are called \"" + name + "\"", "--model",
                  "name them: --model a=DIR --model b=DIR");
    }
    EngineOptions options;
    options.name = name;
    options.max_rows = command.max_rows;
    options.context_tokens = command.context_tokens;
    options.max_waiting = static_cast<size_t>(command.max_waiting);
    options.metrics = &metrics;
    models.push_back(std::make_shared<LocalModel>(dir, options, device));
  }
  return models;
}

bool IsLoopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

}  // namespace

void RunServeCommand(const ServeCommand& command, std::ostream& out) {
  net::HoldStopSignals();
  net::Metrics metrics;
  OpenAiApi api(LoadModels(command, metrics), metrics);
  net::HttpServerOptions options;
  options.host = command.host;
  options.port = command.port;
  options.bearer_token = command.token;
  options.metrics = &metrics;
  net::HttpServer server(std::move(options));
  api.AddRoutes(server);
  server.Start();
  const std::string host =
      command.host.find(':') == std::string::npos ? command.host : "[" + command.host + "]";
  out << "serving at http://" << host << ":" << server.port() << "/v1" << std::endl;
  if (!IsLoopback(command.host)) {
    std::fprintf(stderr, "warning: %s is reached from other machines, %s\n", command.host.c_str(),
                 command.token.empty() ? "by anyone: set AGON_SERVE_TOKEN"
                                       : "and the token travels unencrypted: put a TLS proxy in "
                                         "front");
  }
  net::WaitForStopSignal();
  out << "stopping: answering what is under way" << std::endl;
  const int num_lost = server.Drain(command.drain_seconds * 1000);
  if (num_lost > 0) {
    throw Error(ErrorKind::kFailed,
                std::to_string(num_lost) + " requests were cut off after " +
                    std::to_string(command.drain_seconds) + " s",
                "", "give them longer with --drain-seconds");
  }
}

}  // namespace agon::serve
