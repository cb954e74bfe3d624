// rl-chat: talk to a model in the terminal.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>

#include "apps/command_line.h"
#include "core/error.h"
#include "judge/chat_session.h"
#include "serve/model_directory.h"

namespace agon {
namespace {

int Run(int argc, char** argv) {
  CLI::App app("Talk to a model. One line is one message; /reset starts over, /quit leaves.");
  app.footer(
      "Examples:\n"
      "  rl-chat --model runs/quickstart/checkpoints/rl-000100\n"
      "  echo \"What is 3 + 4?\" | rl-chat --model runs/b --temperature 0\n"
      "  rl-chat --model runs/quickstart/checkpoints/pretrain-000300\n"
      "\nA base model (one without a chat template) continues each line as a document.");
  std::string model, device = "cpu";
  bool is_plain = false;
  judge::ChatOptions options;
  app.add_option("--model", model, "Model directory")->required();
  CLI::Option* system = app.add_option("--system", options.system, "System message");
  app.add_flag("--plain", is_plain, "Continue each line as a document, also with a chat model")
      ->excludes(system);
  app.add_option("--temperature", options.temperature, "0 is greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--max-tokens", options.max_new_tokens, "Longest reply in tokens")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  AddDevice(app, device);
  app.add_option("--seed", options.seed, "Seed of the sampling")->capture_default_str();
  if (const auto status = ParseFlags(app, argc, argv)) return *status;
  const serve::ModelDirectory loaded =
      serve::LoadModelDirectory(model, policy::ParseDevice(device), {{.decoded_rows = 1}});
  std::optional<datasets::ChatTemplate> chat;
  if (loaded.is_chat_model && !is_plain) chat.emplace(loaded.tokenizer);
  judge::ChatSession session(*loaded.policy, loaded.tokenizer, chat ? &*chat : nullptr, options);
  judge::RunChat(session, std::cin, std::cout, isatty(STDIN_FILENO) == 1);
  return 0;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
