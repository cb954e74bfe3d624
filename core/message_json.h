// Chat messages as JSON: [{"role": "user", "content": "Hi"}, ...]. As core/json.h, for .cc files.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "core/message.h"

namespace agon {

// Bytes that aren't UTF-8 stay: write the result with DumpJson, which replaces them.
Json MessagesJson(const Messages& messages);

// Throws Error(kCorrupt) that names `where` for anything but a list of messages with a known role
// and a text; other fields of a message are passed over.
Messages MessagesFromJson(const Json& list, std::string_view where);

// A prompt up to the user's first message: what conversations that go on from it share. Preferences
// with one opening tell of each other, so that a split keeps them together.
std::string OpeningOf(const Messages& prompt);

}  // namespace agon
