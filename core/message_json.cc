#include "core/message_json.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace agon {

Json MessagesJson(const Messages& messages) {
  Json list = Json::array();
  for (const Message& message : messages) {
    list.push_back({{"role", RoleName(message.role)}, {"content", message.content}});
  }
  return list;
}

Messages MessagesFromJson(const Json& list, std::string_view where) {
  if (!list.is_array()) throw Error(ErrorKind::kCorrupt, "messages are a list", where);
  Messages messages;
  for (const Json& item : list) {
    if (!item.is_object()) throw Error(ErrorKind::kCorrupt, "a message is no object", where);
    const auto name = JsonField<std::string>(item, "role", where);
    const auto role = RoleFromName(name);
    if (!role) {
      throw Error(ErrorKind::kCorrupt, "no role \"" + name.substr(0, 60) + "\"", where,
                  "roles are system, user, assistant and tool");
    }
    messages.push_back({*role, JsonField<std::string>(item, "content", where)});
  }
  return messages;
}

std::string OpeningOf(const Messages& prompt) {
  const auto asks = [](const Message& message) { return message.role == Role::kUser; };
  const auto first = std::find_if(prompt.begin(), prompt.end(), asks);
  return DumpJson(MessagesJson({prompt.begin(), first == prompt.end() ? first : first + 1}));
}

}  // namespace agon
