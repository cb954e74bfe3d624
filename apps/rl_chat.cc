// rl-chat: talk to a model in the terminal.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "core/error.h"
#include "judge/chat_session.h"
#include "judge/model_directory.h"

namespace agon {
namespace {

int Run(int argc, char** argv) {
  CLI::App app("Talk to a model. One line is one message; /reset starts over, /quit leaves.");
  app.footer(
      "Examples:\n"
      "  rl-chat --model runs/quickstart/checkpoints/rl-000100\n"
      "  echo \"What is 3 + 4?\" | rl-chat --model runs/b --temperature 0");
  std::string model;
  judge::ChatOptions options;
  app.add_option("--model", model, "Model directory")->required();
  app.add_option("--system", options.system, "System message");
  app.add_option("--temperature", options.temperature, "0 is greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--max-tokens", options.max_new_tokens, "Longest reply in tokens")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of the sampling")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const judge::ModelDirectory loaded = judge::LoadModelDirectory(model);
  const datasets::ChatTemplate chat(loaded.tokenizer);
  judge::ChatSession session(*loaded.policy, loaded.tokenizer, chat, options);
  judge::RunChat(session, std::cin, std::cout, isatty(STDIN_FILENO) == 1);
  return 0;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
