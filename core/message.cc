#include "core/message.h"

#include "core/error.h"

namespace agon {

const char* RoleName(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
  }
  AGON_CHECK(false, "unknown role");
}

std::optional<Role> RoleFromName(std::string_view name) {
  for (const Role role : {Role::kSystem, Role::kUser, Role::kAssistant, Role::kTool}) {
    if (name == RoleName(role)) return role;
  }
  return std::nullopt;
}

}  // namespace agon
