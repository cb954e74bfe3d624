// Between text and OpenEnv's JSON: actions from what a policy says, messages from what an
// environment shows. Private to envs.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"

namespace agon::envs {

// What an action must have, by the server's schema.
struct ActionShape {
  std::vector<std::string> required;  // fields, in the schema's order
  std::string type;                   // JSON type of the one required field; "" if not one
};

// From the body of GET /schema: {"action": JSON Schema, ...}. Throws Error(kCorrupt).
ActionShape ShapeFromSchema(const Json& schema, std::string_view where);

// The action in a completion (untrusted), or why there is none, for the policy to read. An
// action is, in this order: the whole text as a JSON object; the first fenced block that is
// one; the text itself where exactly one field is required. Thinking before </think> is left
// out.
std::variant<Json, std::string> ActionFromText(std::string_view completion,
                                               const ActionShape& shape);

// An observation as a message. A field "prompt", "text", "message", "question", "content" or
// "observation" that is a string stands for itself, the first of them that isn't empty; so
// does the only string of an observation. All else is shown as compact JSON.
std::string TextFromObservation(const Json& observation);

}  // namespace agon::envs
