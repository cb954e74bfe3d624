#include "envs/openenv/text.h"

#include <array>
#include <optional>

#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kMaxJsonBytes = size_t{1} << 20;

std::string_view Trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

std::optional<Json> ParseObject(std::string_view text) {
  text = Trimmed(text);
  if (!text.starts_with('{') || text.size() > kMaxJsonBytes) return std::nullopt;
  try {
    return ParseJson(text, "the action");
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The first fenced block that is a JSON object, whatever language it names.
std::optional<Json> FencedObject(std::string_view text) {
  constexpr std::string_view kFence = "```";
  constexpr int kMaxBlocks = 100;
  size_t open = text.find(kFence);
  for (int block = 0; open != std::string_view::npos && block < kMaxBlocks; ++block) {
    const size_t start = text.find('\n', open);
    if (start == std::string_view::npos) return std::nullopt;
    const size_t close = text.find(kFence, start);
    if (auto action = ParseObject(text.substr(start, close - start))) return action;
    if (close == std::string_view::npos) return std::nullopt;
    open = text.find(kFence, close + kFence.size());
  }
  return std::nullopt;
}

// The text as the value of the one required field.
std::optional<Json> ValueOf(std::string_view text, const std::string& type) {
  if (type == "string") return Json(std::string(text));
  if (text.size() > 100) return std::nullopt;
  try {
    const Json value = ParseJson(Trimmed(text), "the action");
    const bool fits = (type == "integer" && value.is_number_integer()) ||
                      (type == "number" && value.is_number()) ||
                      (type == "boolean" && value.is_boolean());
    if (fits) return value;
  } catch (const Error&) {
    // Not a value of that type.
  }
  return std::nullopt;
}

}  // namespace

ActionShape ShapeFromSchema(const Json& schema, std::string_view where) {
  const auto action = JsonField<Json>(schema, "action", where);
  ActionShape shape;
  if (!action.is_object()) throw Error(ErrorKind::kCorrupt, "the action's schema is odd", where);
  if (!action.contains("required")) return shape;
  shape.required = JsonField<std::vector<std::string>>(action, "required", where);
  if (shape.required.size() != 1) return shape;
  const auto properties = JsonField<Json>(action, "properties", where);
  const auto property = JsonField<Json>(properties, shape.required[0].c_str(), where);
  if (property.is_object() && property.contains("type") && property.at("type").is_string()) {
    shape.type = property.at("type").get<std::string>();
  }
  return shape;
}

std::variant<Json, std::string> ActionFromText(std::string_view completion,
                                               const ActionShape& shape) {
  constexpr std::string_view kThought = "</think>";
  if (const size_t end = completion.rfind(kThought); end != std::string_view::npos) {
    completion.remove_prefix(end + kThought.size());
  }
  if (auto action = ParseObject(completion)) return std::move(*action);
  if (auto action = FencedObject(completion)) return std::move(*action);
  if (shape.required.size() == 1) {
    if (auto value = ValueOf(Trimmed(completion), shape.type)) {
      return Json{{shape.required[0], std::move(*value)}};
    }
  }
  std::string problem = "That is no action. Reply with a JSON object";
  const char* separator = " that has the fields ";
  for (const std::string& field : shape.required) {
    problem.append(separator).append(field);
    separator = ", ";
  }
  return problem + ".";
}

std::string TextFromObservation(const Json& observation) {
  constexpr std::array kFields = {"prompt",   "text",    "message",
                                  "question", "content", "observation"};
  if (observation.is_string()) return observation.get<std::string>();
  if (!observation.is_object()) return DumpJson(observation);
  for (const char* field : kFields) {
    const auto found = observation.find(field);
    if (found == observation.end() || !found->is_string()) continue;
    if (auto text = found->get<std::string>(); !text.empty()) return text;
  }
  if (observation.size() == 1 && observation.begin()->is_string()) {
    return observation.begin()->get<std::string>();
  }
  return DumpJson(observation);
}

}  // namespace agon::envs
