// What `rl-env` shows and checks: the registered environments, for people and machines.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "envs/conformance.h"
#include "envs/env.h"

namespace agon::envs {

// One aligned line for each registered environment.
std::string RenderCatalog();
// EnvInfo of each as an array of objects (docs/formats/env-protocol.md).
std::string CatalogJson();

// EnvInfo, one fact a line.
std::string RenderInfo(const EnvInfo& info);
// EnvInfo and an example of each difficulty.
std::string DescribeEnv(const Env& env);
// The catalog's object of one environment.
std::string InfoJson(const EnvInfo& info);

// Checks `specs` (all registered environments if empty) and writes a line for each, with
// its findings below it; as JSON [{"env", "ok", "findings": [{"check", "problem",
// "task"}]}] if `as_json`. Returns whether there was no finding.
bool CheckEnvs(std::span<const std::string> specs, const ConformanceOptions& options, bool as_json,
               std::ostream& out);

// One episode with a person as the policy: shows what the policy would see on `out` and
// takes each completion from `in`, up to an empty line or the end. `shows_gold` adds the
// gold and a worked demonstration at the end. Returns the outcome.
Outcome Play(const Env& env, const Task& task, bool shows_gold, std::istream& in,
             std::ostream& out);

}  // namespace agon::envs
