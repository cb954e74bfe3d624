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

}  // namespace agon
