// rl-arena serve: its flags, and what only a main may join: models, tasks and the page.
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "arena/serve_command.h"
#include "envs/env.h"
#include "policy/policy.h"

namespace agon {

struct ArenaServeOptions {
  arena::ServeCommand command;
  std::vector<std::string> prompts = {"math/shop"};
  std::string device = "cpu";
  bool has_no_limits = false;
  int reply_seconds = 60;
};

// A prompt of one of the environments' test tasks; the environment's name is its category.
inline std::function<arena::DrawnPrompt(uint64_t)> DrawFrom(const std::vector<std::string>& specs) {
  std::vector<std::shared_ptr<const envs::Env>> environments;
  for (const std::string& spec : specs) environments.push_back(envs::MakeEnv(spec));
  if (environments.empty()) return {};
  return [environments](uint64_t number) {
    const auto& env = environments[number % environments.size()];
    const envs::Task task = env->Get(envs::Split::kTest, 0, number / environments.size() % 100000);
    const std::string name = task.id.env;
    return arena::DrawnPrompt{task.messages.back().content, name.substr(0, name.rfind("-v"))};
  };
}

inline void RunArenaServe(ArenaServeOptions& options) {
  const policy::Device device = policy::ParseDevice(options.device);
  options.command.speakers.load = [device](const std::string& dir) {
    serve::EngineOptions engine;
    engine.name = dir;
    return std::make_shared<serve::LocalModel>(dir, engine, device);
  };
  options.command.page.reply_ms = options.reply_seconds * 1000;
  options.command.page.draw_prompt = DrawFrom(options.prompts);
  if (options.has_no_limits) {
    arena::PageOptions& page = options.command.page;
    for (auto* limit :
         {&page.battles_per_session, &page.battles_per_address, &page.votes_per_session,
          &page.votes_per_address, &page.reads_per_address}) {
      limit->per_minute = 0;
    }
  }
  arena::RunServe(options.command, std::cout);
}

inline void AddArenaServe(CLI::App& app, const std::string& db, ArenaServeOptions& options) {
  CLI::App* serve =
      app.add_subcommand("serve", "The arena's page: blind battles, leaderboard, games");
  arena::ServeCommand& command = options.command;
  serve
      ->add_option("--model", command.models,
                   "Enter this checkpoint, or http://HOST/v1#MODEL, first; may be repeated")
      ->allow_extra_args(false);
  serve->add_option("--prompts", options.prompts, "Environments whose test tasks visitors may draw")
      ->capture_default_str();
  serve->add_option("--runs", command.runs, "Where to look for checkpoints while there are none")
      ->capture_default_str();
  serve->add_option("--host", command.host, "Address to listen at")->capture_default_str();
  serve->add_option("--port", command.port, "0 is any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve
      ->add_option("--host-name", command.page.host_names,
                   "Names, besides addresses, that browsers may know this server by")
      ->capture_default_str();
  serve->add_flag("--behind-proxy", command.page.trusts_forwarded,
                  "Take visitors' addresses from X-Forwarded-For");
  serve->add_flag("--no-limits", options.has_no_limits, "As many requests as anyone likes");
  AddDevice(*serve, options.device);
  serve->add_option("--temperature", command.speakers.temperature, "Of replies; 0 is greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  serve->add_option("--max-tokens", command.speakers.max_new_tokens, "Longest reply in tokens")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  serve->add_option("--reply-seconds", options.reply_seconds, "A reply that takes longer fails")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  serve->add_option("--identity-word", command.page.identity_words,
                    "A reply that says it gives its model away: the battle isn't counted");
  serve->callback([&] {
    command.db = db;
    RunArenaServe(options);
  });
}

}  // namespace agon
