// rl-serve: checkpoints over OpenAI's API.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/command_line.h"
#include "core/error.h"
#include "serve/serve_command.h"

namespace agon {
namespace {

void AddOptions(CLI::App& app, serve::ServeCommand& command) {
  app.footer(
      "Examples:\n"
      "  rl-serve --model runs/quickstart/checkpoints/rl-000100\n"
      "  AGON_SERVE_TOKEN=secret rl-serve --model rl=runs/b/checkpoints/rl-000100 \\\n"
      "    --model sft=runs/b/checkpoints/sft-000200 --host 0.0.0.0\n"
      "  curl http://127.0.0.1:8000/v1/models\n"
      "\nRoutes and fields: docs/serving.md. SIGTERM and Ctrl-C answer what is under way first.");
  app.add_option("--model", command.models, "Model directory, or NAME=DIR; may be repeated")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--host", command.host, "Address to listen at")->capture_default_str();
  app.add_option("--port", command.port, "0 is any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--token", command.token, "Bearer token that clients must send")
      ->envname("AGON_SERVE_TOKEN");
  AddDevice(app, command.device);
  app.add_option("--max-rows", command.max_rows, "Completions decoded at once, per model")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--context", command.context_tokens, "Longest prompt and completion (the model's)")
      ->check(CLI::Range(1, 1 << 22));
  app.add_option("--max-waiting", command.max_waiting,
                 "Requests that wait, per model; more get 429")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--drain-seconds", command.drain_seconds, "For what is under way at the end")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
}

int Run(int argc, char** argv) {
  CLI::App app("Serve models over the OpenAI API.");
  serve::ServeCommand command;
  AddOptions(app, command);
  if (const auto status = ParseFlags(app, argc, argv)) return *status;
  serve::RunServeCommand(command, std::cout);
  return 0;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
