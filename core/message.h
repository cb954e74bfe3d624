// Chat messages, as environments, templates and servers exchange them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agon {

enum class Role { kSystem, kUser, kAssistant, kTool };

// "system", "user", "assistant", "tool".
const char* RoleName(Role role);
// nullopt for any other name.
std::optional<Role> RoleFromName(std::string_view name);

struct Message {
  Role role = Role::kUser;
  std::string content;  // UTF-8, any length, may be empty

  bool operator==(const Message&) const = default;
};

using Messages = std::vector<Message>;

}  // namespace agon
