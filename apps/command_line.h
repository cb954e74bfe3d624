// What the mains share: flags that are read, or refused with exit status 2.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "envs/env.h"

namespace agon {

// Reads the command line and runs the callbacks of its subcommands. The exit status if that is
// all: 0 after --help, 2 for bad usage, which is said on stderr. Throws what callbacks throw.
inline std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

// --plugin FILE: environments that are there before any command runs, wherever the flag stands.
// `loaded`, if given, is told which.
inline void AddPlugins(CLI::App& app, std::vector<std::string>* loaded = nullptr) {
  app.add_option_function<std::vector<std::string>>(
         "--plugin",
         [loaded](const std::vector<std::string>& files) {
           for (const std::string& file : files) envs::LoadPlugin(file);
           if (loaded) loaded->insert(loaded->end(), files.begin(), files.end());
         },
         "File with environments of your own; may be repeated")
      ->trigger_on_parse()
      ->allow_extra_args(false);
}

// --device, the same of every command whose models compute; policy::ParseDevice reads it.
inline void AddDevice(CLI::App& app, std::string& device) {
  app.add_option("--device", device, "cpu, cuda, cuda:N or auto")->capture_default_str();
}

}  // namespace agon
