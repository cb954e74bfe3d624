// Environments served by a program, as agon's. Private to envs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envs/plugin/process_host.h"

namespace agon::envs {

// Registers all that `host` serves. Returns their ids.
std::vector<std::string> RegisterHost(const std::shared_ptr<ProcessHost>& host);

// The environment `id` of `host`, unregistered.
std::unique_ptr<Env> MakeProcessEnv(std::shared_ptr<ProcessHost> host, const std::string& id,
                                    std::string_view params);

}  // namespace agon::envs
