// Chat messages, as environments, templates and servers exchange them.
#pragma once

#include <string>
#include <vector>

namespace agon {

enum class Role { kSystem, kUser, kAssistant, kTool };

// "system", "user", "assistant", "tool".
const char* RoleName(Role role);

struct Message {
  Role role = Role::kUser;
  std::string content;  // UTF-8, any length, may be empty

  bool operator==(const Message&) const = default;
};

using Messages = std::vector<Message>;

}  // namespace agon
